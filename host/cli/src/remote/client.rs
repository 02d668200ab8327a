//! HTTP over the daemon's socket, or HTTPS to its address: one request, one connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jobyard_server::{Problem, SOCKET};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use super::https::Https;
use crate::failure::Failure;

/// Where the interface is.
const INTERFACE: &str = "/api/v1";
/// A header by which a daemon knows a request that it has carried out already.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The way to a daemon.
pub(crate) enum Client {
    /// The socket in its data folder.
    Socket(PathBuf),
    /// An address.
    Https(Https),
}

/// A connection, of either kind.
trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// What is sent beside method and path.
#[derive(Debug, Clone, Default)]
struct Sent<'a> {
    /// The body and its type.
    body: Option<(&'a str, Bytes)>,
    /// The request that adds something, by a number of its own: sent again, it adds nothing.
    key: Option<String>,
}

/// No socket, or one that nobody listens at.
fn is_gone(kind: io::ErrorKind) -> bool {
    [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&kind)
}

impl Client {
    /// The data folder; none of a daemon at an address.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Client::Socket(folder) => Some(folder),
            Client::Https(_) => None,
        }
    }

    /// Whether nothing answers there: then what is in the folder is at rest.
    pub(crate) async fn is_nobody_there(&self) -> bool {
        let gone = |error: io::Error| is_gone(error.kind());
        self.connect().await.is_err_and(gone)
    }

    pub(crate) async fn get(&self, path: &str, query: impl Serialize) -> Result<Value, Failure> {
        let answer = self.stream(path, query).await?;
        json(answer).await
    }

    /// The answer as it comes; an error if it is a problem.
    pub(crate) async fn stream(
        &self,
        path: &str,
        query: impl Serialize,
    ) -> Result<Response<Incoming>, Failure> {
        let path = with_query(path, query)?;
        self.send(Method::GET, &path, Sent::default()).await
    }

    /// For what the daemon knows no keys of: it is not sent again.
    pub(crate) async fn post(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::POST, path, body, None).await
    }

    /// Posts what is to be carried out once, where the daemon takes an `Idempotency-Key`: a connection that breaks off is tried again.
    pub(crate) async fn post_once(
        &self,
        path: &str,
        body: impl Serialize,
    ) -> Result<Value, Failure> {
        self.with_json(Method::POST, path, body, Some(new_key()?))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::PUT, path, body, None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::PATCH, path, body, None).await
    }

    /// The answer; null where there is none.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        json(self.send(Method::DELETE, path, Sent::default()).await?).await
    }

    /// Bytes as they come.
    pub(crate) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let body = self.stream(path, ()).await?.into_body();
        let collected = body.collect().await.map_err(Failure::work)?;
        Ok(collected.to_bytes().to_vec())
    }

    /// Posts something that is to be added once: a body that is there already, with its type.
    pub(crate) async fn post_text(
        &self,
        path: &str,
        query: impl Serialize,
        media_type: &str,
        text: String,
    ) -> Result<Value, Failure> {
        let path = with_query(path, query)?;
        let sent = Sent {
            body: Some((media_type, Bytes::from(text))),
            key: Some(new_key()?),
        };
        json(self.send(Method::POST, &path, sent).await?).await
    }

    async fn with_json(
        &self,
        method: Method,
        path: &str,
        body: impl Serialize,
        key: Option<String>,
    ) -> Result<Value, Failure> {
        let body = serde_json::to_vec(&body).map_err(Failure::work)?;
        let sent = Sent {
            body: Some(("application/json", Bytes::from(body))),
            key,
        };
        json(self.send(method, path, sent).await?).await
    }

    /// A daemon that ends may close a connection without an answer: what may be asked twice is.
    async fn send(
        &self,
        method: Method,
        path: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Incoming>, Failure> {
        let may_repeat = [Method::GET, Method::PUT].contains(&method) || sent.key.is_some();
        let path = format!("{INTERFACE}{path}");
        let first = self.exchange(&method, &path, sent.clone()).await;
        let answer = match first {
            Err(Lost::Answer(_)) if may_repeat => self.exchange(&method, &path, sent).await,
            first => first,
        };
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(answer),
            Ok(answer) => Err(refusal(answer).await),
            Err(Lost::Daemon(error)) => Err(self.no_daemon(&error)),
            Err(Lost::Answer(error)) => Err(Failure::work(format!(
                "the daemon {self} did not answer: {error}"
            ))),
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Incoming>, Lost> {
        let stream = self.connect().await.map_err(Lost::Daemon)?;
        let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connection.map_err(Lost::answer)?;
        // It ends with the answer; what goes wrong shows there.
        tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::builder().method(method).uri(path);
        request = match self {
            Client::Socket(_) => request.header(HOST, "localhost"),
            Client::Https(https) => request
                .header(HOST, https.authority())
                .header(AUTHORIZATION, https.token()),
        };
        if let Some((media_type, _)) = &sent.body {
            request = request.header(CONTENT_TYPE, *media_type);
        }
        if let Some(key) = &sent.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = sent.body.map_or_else(Bytes::new, |(_, bytes)| bytes);
        let request = request.body(Full::new(body)).map_err(Lost::answer)?;
        sender.send_request(request).await.map_err(Lost::answer)
    }

    async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        match self {
            Client::Socket(folder) => Ok(Box::new(to_socket(&folder.join(SOCKET)).await?)),
            Client::Https(https) => Ok(Box::new(https.connect().await?)),
        }
    }

    fn no_daemon(&self, error: &io::Error) -> Failure {
        let folder = match self {
            Client::Socket(folder) => folder.display(),
            Client::Https(_) => {
                return Failure::input(format!("the daemon {self} cannot be reached: {error}"));
            }
        };
        let kind = error.kind();
        Failure::Input(if is_gone(kind) {
            format!(
                "no daemon answers in {folder}: start `jobyard serve --data {folder}`, or name another folder with --data"
            )
        } else if kind == io::ErrorKind::PermissionDenied {
            format!(
                "you may not use the daemon in {folder}: its administrator can let a group in with `jobyard serve --group`"
            )
        } else {
            format!("the daemon in {folder} cannot be reached: {error}")
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Client::Socket(folder) => write!(f, "of {}", folder.display()),
            Client::Https(https) => write!(f, "at https://{}", https.authority()),
        }
    }
}

/// A connection that is reset at once was waiting for a daemon that ended: its socket has gone, or is another's by now.
async fn to_socket(socket: &Path) -> io::Result<UnixStream> {
    match UnixStream::connect(socket).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
            UnixStream::connect(socket).await
        }
        result => result,
    }
}

/// A number that nothing else has: 128 random bits.
fn new_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Failure::work)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Why there is no answer.
enum Lost {
    /// Nobody is there to ask.
    Daemon(io::Error),
    /// It was asked, and may have done it.
    Answer(String),
}

impl Lost {
    fn answer(error: impl fmt::Display) -> Lost {
        Lost::Answer(error.to_string())
    }
}

/// A name as one part of a path.
pub(crate) fn part(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// What a problem says: the daemon's fault, or what was asked of it.
pub(crate) fn failure(problem: &Problem) -> Failure {
    match problem.status >= 500 {
        true => Failure::work(problem),
        false => Failure::input(problem),
    }
}

fn with_query(path: &str, query: impl Serialize) -> Result<String, Failure> {
    let query = serde_urlencoded::to_string(query).map_err(Failure::work)?;
    Ok(match query.is_empty() {
        true => path.to_string(),
        false => format!("{path}?{query}"),
    })
}

async fn json(answer: Response<Incoming>) -> Result<Value, Failure> {
    let bytes = answer.into_body().collect().await.map_err(Failure::work)?;
    match bytes.to_bytes() {
        bytes if bytes.is_empty() => Ok(Value::Null),
        bytes => serde_json::from_slice(&bytes).map_err(Failure::work),
    }
}

async fn refusal(answer: Response<Incoming>) -> Failure {
    let status: StatusCode = answer.status();
    let bytes = match answer.into_body().collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return Failure::work(error),
    };
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => failure(&problem),
        Err(_) => Failure::work(format!("the daemon answered {status} and no reason")),
    }
}
