//! HTTPS to a daemon, as a remote client has it: trusts the certificate that the daemon made for itself, and nothing else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// The way to a daemon.
#[derive(Clone)]
pub struct Https {
    /// Where it listens.
    pub address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A connection, with TLS.
pub type Connection = StreamOwned<ClientConnection, TcpStream>;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The first line and the headers.
    pub head: String,
    /// The rest.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// What a header says; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl Https {
    /// To the daemon whose data folder this is.
    pub fn new(address: SocketAddr, data: &Path) -> Https {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(data.join("tls/cert.pem"));
        let certificate = certificate.expect("the daemon has made a certificate");
        roots.add(certificate).expect("it is one");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS are known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Https {
            address,
            config: Arc::new(config),
        }
    }

    /// A new connection; the handshake comes with the first bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let client = ClientConnection::new(self.config.clone(), name);
        let client = client.map_err(io::Error::other)?;
        Ok(StreamOwned::new(client, stream))
    }

    /// One request on a connection of its own; headers each with their end of line.
    ///
    /// # Errors
    /// What the connection says, and an answer that is none.
    pub fn try_ask(&self, first: &str, headers: &str, body: &str) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        let headers = format!("connection: close\r\n{headers}");
        send(&mut stream, first, &headers, body)?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // Not everybody says that they hang up.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {}
            other => drop(other?),
        }
        let answer = String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Answer {
            status: crate::status(head)?,
            head: head.into(),
            body: body.into(),
        })
    }

    /// The same where an answer is expected.
    pub fn ask(&self, first: &str, headers: &str, body: &str) -> Answer {
        let answer = self.try_ask(first, headers, body);
        answer.unwrap_or_else(|error| panic!("{first}: {error}"))
    }
}

/// Writes a request with a JSON body, or none.
///
/// # Errors
/// What the connection says.
pub fn send(stream: &mut impl Write, first: &str, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let media_type = match body.is_empty() || headers.contains("content-type") {
        true => "",
        false => "content-type: application/json\r\n",
    };
    let request = format!(
        "{first} HTTP/1.1\r\nhost: localhost\r\n{media_type}{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())
}
