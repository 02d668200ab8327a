//! One connection to its end: finds out who is there, and hands each request to the router.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use jobyard::{Actor, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;
use tracing::field::Empty;
use tracing::{Instrument, debug, debug_span};

use crate::auth::{From, Gate, Shown};
use crate::caller::Caller;

/// How long the head of a request may take to arrive, also the first.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long TLS may take to begin.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Said to whoever does not speak TLS.
const NO_TLS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 47\r\n\r\nthis port speaks HTTPS only: ask with https://\n";

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) gate: Arc<Gate>,
    pub(crate) operators: Option<u32>,
    pub(crate) room_for_users: Arc<Semaphore>,
}

/// Who is at the other end.
#[derive(Clone)]
enum Peer {
    /// Whom the socket names.
    Local(Actor),
    /// Whoever a request shows to be.
    Remote(IpAddr),
}

/// Somebody who connected to the socket.
pub(crate) async fn local(
    stream: UnixStream,
    _permit: OwnedSemaphorePermit,
    shared: Shared,
    watcher: Watcher,
) {
    let Ok(credentials) = stream.peer_cred() else {
        return;
    };
    let operators = shared.operators;
    // Names may come over the network.
    let Ok(Caller(mut actor)) =
        tokio::task::spawn_blocking(move || Caller::of(credentials, operators)).await
    else {
        return;
    };
    // Roles are the union of all that somebody has.
    if let Ok(more) = shared.gate.roles(&actor.name) {
        actor.roles = actor.roles.iter().chain(more.iter()).collect();
    }
    let _room = match actor.is(Role::Administrator) {
        true => None,
        false => match shared.room_for_users.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return,
        },
    };
    speak(stream, Peer::Local(actor), shared, watcher).await;
}

/// Somebody who connected over the network.
pub(crate) async fn remote(
    stream: TcpStream,
    from: IpAddr,
    tls: TlsAcceptor,
    shared: Shared,
    watcher: Watcher,
) {
    // Answers are written in one piece; waiting for more only costs time.
    let _ = stream.set_nodelay(true);
    let begin = async {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [TLS_HANDSHAKE] {
            return refuse_plain(stream).await.map(|()| None);
        }
        tls.accept(stream).await.map(Some)
    };
    match tokio::time::timeout(HANDSHAKE_TIME_MAX, begin).await {
        Ok(Ok(Some(stream))) => speak(stream, Peer::Remote(from), shared, watcher).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => debug!(%from, "no TLS with {from}: {error}"),
        Err(_) => debug!(%from, "no TLS with {from} in time"),
    }
}

/// Says what is spoken here. What was sent is read first: else the answer would be lost with it.
async fn refuse_plain(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; 8 * 1_024];
    let _read = stream.read(&mut request).await?;
    stream.write_all(NO_TLS.as_bytes()).await?;
    stream.shutdown().await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    shared: Shared,
    watcher: Watcher,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (peer, shared) = (peer.clone(), shared.clone());
        async move { Ok::<_, Infallible>(answer(request.map(Body::new), peer, shared).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // An error means that the peer went away or does not speak HTTP; hyper has said so to it.
    let _ = watcher.watch(connection).await;
}

async fn answer(request: Request<Body>, peer: Peer, mut shared: Shared) -> Response {
    let began = Instant::now();
    let (mut head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_string());
    let let_in = match peer {
        Peer::Local(actor) => {
            head.extensions.insert(From(Ipv4Addr::LOCALHOST.into()));
            shared.gate.admit(&mut head, actor, Shown::default())
        }
        Peer::Remote(from) => shared.gate.let_in(&mut head, from).await,
    };
    let user = head.extensions.get::<Caller>();
    let user = user.map_or_else(|| "-".to_string(), |caller| caller.0.name.clone());
    let by_itself = head.headers.contains_key("sec-fetch-site");
    let span = debug_span!("request", otel.kind = "server", %user, %method, path, status = Empty);
    let mut answer = match let_in {
        Ok(()) => {
            let asked = shared.router.call(Request::from_parts(head, body));
            answered(asked.instrument(span.clone()).await)
        }
        Err(problem) => problem.into_response(),
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        challenge(&mut answer, by_itself);
    }
    let (status, us) = (answer.status().as_u16(), began.elapsed().as_micros() as u64);
    span.record("status", status);
    let _in = span.enter();
    debug!(%user, %method, path, status, us, "{user}: {method} {path}: {status}");
    answer
}

/// Says what can be shown. A page asks for name and password itself: for it the browser shall not.
fn challenge(answer: &mut Response, is_browser: bool) {
    let headers = answer.headers_mut();
    let bearer = HeaderValue::from_static("Bearer realm=\"jobyard\"");
    headers.append(header::WWW_AUTHENTICATE, bearer);
    if !is_browser {
        let basic = HeaderValue::from_static("Basic realm=\"jobyard\", charset=\"UTF-8\"");
        headers.append(header::WWW_AUTHENTICATE, basic);
    }
}

/// A router always answers.
fn answered<T>(answered: Result<T, Infallible>) -> T {
    match answered {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
