//! HTTP over the daemon's socket: one request, one connection.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jobyard_server::{Problem, SOCKET};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::failure::Failure;

/// The way to a daemon.
#[derive(Debug)]
pub(crate) struct Client {
    folder: PathBuf,
}

/// No socket, or one that nobody listens at.
fn is_gone(kind: io::ErrorKind) -> bool {
    [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&kind)
}

impl Client {
    pub(crate) fn new(folder: PathBuf) -> Client {
        Client { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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
        self.send(Method::GET, &path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::PUT, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Serialize) -> Result<Value, Failure> {
        self.with_json(Method::PATCH, path, body).await
    }

    /// The answer; null where there is none.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        json(self.send(Method::DELETE, path, None).await?).await
    }

    /// Bytes as they come.
    pub(crate) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let body = self.stream(path, ()).await?.into_body();
        let collected = body.collect().await.map_err(Failure::work)?;
        Ok(collected.to_bytes().to_vec())
    }

    /// Posts a body that is there already, with its type.
    pub(crate) async fn post_text(
        &self,
        path: &str,
        query: impl Serialize,
        media_type: &str,
        text: String,
    ) -> Result<Value, Failure> {
        let path = with_query(path, query)?;
        let body = Some((media_type, Bytes::from(text)));
        json(self.send(Method::POST, &path, body).await?).await
    }

    async fn with_json(
        &self,
        method: Method,
        path: &str,
        body: impl Serialize,
    ) -> Result<Value, Failure> {
        let body = serde_json::to_vec(&body).map_err(Failure::work)?;
        let body = Some(("application/json", Bytes::from(body)));
        json(self.send(method, path, body).await?).await
    }

    /// A daemon that ends may close a connection without an answer: what may be asked twice is.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Response<Incoming>, Failure> {
        let first = self.exchange(&method, path, body.clone()).await;
        let answer = match first {
            Err(Lost::Answer(_)) if [Method::GET, Method::PUT].contains(&method) => {
                self.exchange(&method, path, body).await
            }
            first => first,
        };
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(answer),
            Ok(answer) => Err(refusal(answer).await),
            Err(Lost::Daemon(error)) => Err(self.no_daemon(&error)),
            Err(Lost::Answer(error)) => Err(Failure::work(format!(
                "the daemon of {} did not answer: {error}",
                self.folder.display()
            ))),
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Response<Incoming>, Lost> {
        let stream = self.connect().await.map_err(Lost::Daemon)?;
        let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connection.map_err(Lost::answer)?;
        // It ends with the answer; what goes wrong shows there.
        tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(HOST, "localhost");
        if let Some((media_type, _)) = &body {
            request = request.header(CONTENT_TYPE, *media_type);
        }
        let body = body.map_or_else(Bytes::new, |(_, bytes)| bytes);
        let request = request.body(Full::new(body)).map_err(Lost::answer)?;
        sender.send_request(request).await.map_err(Lost::answer)
    }

    /// A connection that is reset at once was waiting for a daemon that ended: its socket has gone, or is another's by now.
    async fn connect(&self) -> io::Result<UnixStream> {
        let socket = self.folder.join(SOCKET);
        match UnixStream::connect(&socket).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                UnixStream::connect(&socket).await
            }
            result => result,
        }
    }

    fn no_daemon(&self, error: &io::Error) -> Failure {
        let (folder, kind) = (self.folder.display(), error.kind());
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

/// Why there is no answer.
enum Lost {
    /// Nobody is there to ask.
    Daemon(io::Error),
    /// It was asked, and may have done it.
    Answer(String),
}

impl Lost {
    fn answer(error: impl std::fmt::Display) -> Lost {
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
