//! The way to a daemon over the network: HTTPS, with a token that says who is asking.
//!
//! What it is not: a browser. Only the certificates of one file are trusted, and there is no way around that.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use jobyard_server::OWN_CERTIFICATE;

use crate::failure::Failure;

/// The variable that has a token.
const TOKEN: &str = "JOBYARD_TOKEN";
/// Bytes of a token at most.
const TOKEN_BYTES_MAX: u64 = 4096;
/// Bytes of a file of certificates at most.
const CA_BYTES_MAX: u64 = 1 << 20;
/// The port where an address has none.
const PORT: u16 = 8443;
/// How long to wait until somebody answers at all.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A daemon at an address.
pub(crate) struct Https {
    host: String,
    port: u16,
    name: ServerName<'static>,
    /// What goes into the header `Authorization`; it prints as nothing.
    token: HeaderValue,
    connector: TlsConnector,
}

impl Https {
    /// Of an address, with what shows who is asking and whom to trust.
    pub(crate) fn new(
        server: &str,
        token_file: Option<&Path>,
        ca: Option<&Path>,
        data: Option<&Path>,
    ) -> Result<Https, Failure> {
        let (host, port) = address(server)?;
        let bad_host =
            |_| Failure::Input(format!("--server {server}: {host:?} is no name of a host"));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_string()).map_err(bad_host)?;
        let token = match token_file {
            Some(file) => token_of(file)?,
            None => std::env::var(TOKEN).unwrap_or_default(),
        };
        let roots = roots(server, ca, data)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(Failure::work)?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Https {
            host,
            port,
            name,
            token: header(&token)?,
            connector: TlsConnector::from(Arc::new(config)),
        })
    }

    /// As it is written in messages and in the header `Host`.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn token(&self) -> HeaderValue {
        self.token.clone()
    }

    /// A connection that has shown whose it is.
    pub(crate) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let connect = async {
            let stream = TcpStream::connect(self.authority()).await?;
            stream.set_nodelay(true)?;
            self.connector.connect(self.name.clone(), stream).await
        };
        let connected = tokio::time::timeout(CONNECT_MAX, connect).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The host and the port of an address.
fn address(server: &str) -> Result<(String, u16), Failure> {
    let bad =
        |what: &str| Failure::Input(format!("--server {server}: {what}, as https://HOST:{PORT}"));
    let uri: Uri = server.parse().map_err(|_| bad("it is no address"))?;
    match uri.scheme_str() {
        Some("https") => {}
        Some(_) => return Err(bad("a token goes over HTTPS only")),
        None => return Err(bad("an address begins with https://")),
    }
    if !["", "/"].contains(&uri.path()) || uri.query().is_some() {
        return Err(bad("an address ends with the port"));
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    match uri.host() {
        Some(_) if authority.contains('@') => Err(bad("a token is no part of an address")),
        Some(host) if !host.is_empty() => Ok((host.into(), uri.port_u16().unwrap_or(PORT))),
        Some(_) | None => Err(bad("it has no host")),
    }
}

/// The token in a file that nobody else may read.
fn token_of(file: &Path) -> Result<String, Failure> {
    let bad = |what: String| Failure::Input(format!("--token-file {}: {what}", file.display()));
    let opened = std::fs::File::open(file).map_err(|error| bad(error.to_string()))?;
    let mode = opened.metadata().map_err(|error| bad(error.to_string()))?;
    let mode = mode.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("others may read it (mode {mode:o}): `chmod 600` it");
        return Err(bad(what));
    }
    let mut text = String::new();
    let read = opened.take(TOKEN_BYTES_MAX + 1).read_to_string(&mut text);
    match read.map_err(|error| bad(error.to_string()))? as u64 {
        0 => Err(bad("is empty".into())),
        bytes if bytes > TOKEN_BYTES_MAX => {
            Err(bad(format!("has more than {TOKEN_BYTES_MAX} bytes")))
        }
        _ => Ok(text.trim().to_string()),
    }
}

fn header(token: &str) -> Result<HeaderValue, Failure> {
    if token.is_empty() {
        let text = format!(
            "who is asking? Put a token into a file for --token-file, or into the variable {TOKEN}"
        );
        return Err(Failure::Input(text));
    }
    let bad = |_| Failure::Input("the token has signs that no token has".to_string());
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(bad)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The certificates that are trusted: those of the file, or the one of a daemon whose folder is here.
fn roots(server: &str, ca: Option<&Path>, data: Option<&Path>) -> Result<RootCertStore, Failure> {
    let own = data.map(|data| data.join(OWN_CERTIFICATE));
    let file: PathBuf = match (ca, own) {
        (Some(ca), _) => ca.into(),
        (None, Some(own)) if own.is_file() => own,
        (None, _) => {
            let text = format!(
                "--server {server}: whom to trust? Name its certificate with --ca FILE; a daemon that made its own has it at DATA/{OWN_CERTIFICATE}"
            );
            return Err(Failure::Input(text));
        }
    };
    let bad =
        |what: &dyn std::fmt::Display| Failure::input(format!("--ca {}: {what}", file.display()));
    let opened = std::fs::File::open(&file).map_err(|error| bad(&error))?;
    let mut text = Vec::new();
    let read = opened.take(CA_BYTES_MAX + 1).read_to_end(&mut text);
    if read.map_err(|error| bad(&error))? as u64 > CA_BYTES_MAX {
        return Err(bad(&format!("has more than {CA_BYTES_MAX} bytes")));
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(&error))?;
        roots.add(certificate).map_err(|error| bad(&error))?;
    }
    match roots.is_empty() {
        true => Err(bad(&"has no certificate (PEM)")),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_with_a_host_and_nothing_behind_the_port() {
        let said = |server: &str| {
            address(server)
                .map(|(host, port)| format!("{host} {port}"))
                .map_err(|failure| failure.to_string())
        };
        let table = [
            ("https://head", Ok("head 8443")),
            ("https://head:443/", Ok("head 443")),
            ("https://[::1]:9", Ok("[::1] 9")),
            ("http://head:8443", Err("HTTPS only")),
            ("head:8443", Err("begins with https://")),
            ("https://head/api", Err("ends with the port")),
            ("https://me:secret@head", Err("no part of an address")),
            ("https://", Err("no address")),
            ("", Err("no address")),
        ];
        for (server, expected) in table {
            match (said(server), expected) {
                (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{server}"),
                (Err(said), Err(part)) => assert!(said.contains(part), "{server}: {said}"),
                (said, expected) => panic!("{server}: {said:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_token_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let told = |mode: u32, text: &str| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            token_of(&file).map_err(|failure| failure.to_string())
        };
        assert_eq!(told(0o600, "abc\n"), Ok("abc".into()));
        assert!(told(0o640, "abc").unwrap_err().contains("mode 640"));
        assert!(told(0o600, "").unwrap_err().contains("is empty"));
        let long = "x".repeat(5000);
        assert!(told(0o600, &long).unwrap_err().contains("4096 bytes"));
    }
}
