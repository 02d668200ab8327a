//! The socket's loop: takes connections, finds out who is there, and ends without cutting anyone short.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use jobyard::{Engine, Role};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_service::Service as _;
use tracing::{debug, warn};

use crate::app::{App, routes};
use crate::caller::Caller;
use crate::folder::find_group;
use crate::{DataFolder, FolderError};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// Of those, by all who are not administrators; more are closed at once, so that an administrator can always get in.
const CONNECTIONS_OF_USERS_MAX: usize = 768;
/// How long the head of a request may take to arrive, also the first.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long requests that are being answered are waited for at the end.
const LAST_ANSWERS_TIME_MAX: Duration = Duration::from_secs(10);
/// After the system refused a connection (it is out of files, mostly), the wait before the next try.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Why a daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// A daemon that listens.
#[derive(Debug)]
pub struct Service {
    folder: DataFolder,
    listener: UnixListener,
    app: App,
    operators: Option<u32>,
    stop: watch::Sender<bool>,
}

impl Service {
    /// Listens on the folder's socket for this engine, of which these nodes are in this process. Within a tokio runtime.
    ///
    /// # Errors
    /// The system refuses the socket.
    pub fn listen(
        folder: DataFolder,
        engine: Engine,
        local_nodes: Vec<String>,
    ) -> Result<Service, ServeError> {
        let (stop, stopping) = watch::channel(false);
        let app = App {
            engine,
            folder: folder.path().into(),
            local_nodes: local_nodes.into(),
            stopping,
        };
        Ok(Service {
            listener: folder.listen()?,
            folder,
            app,
            operators: None,
            stop,
        })
    }

    /// Members of this group cancel, finish and requeue anybody's jobs, and see all of them (JobOperator).
    ///
    /// # Errors
    /// There is no such group.
    pub fn operators(mut self, group: &str) -> Result<Service, ServeError> {
        self.operators = Some(find_group(group)?);
        Ok(self)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.socket()
    }

    /// Answers until `stop` comes true. Then the socket goes, what is being asked is answered (ten seconds at most; who waits
    /// for a job is told how far it is), and the folder is returned: it is locked as long as the caller keeps it.
    pub async fn run(self, stop: impl Future<Output = ()>) -> DataFolder {
        let router = routes(self.app);
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let room_for_users = Arc::new(Semaphore::new(CONNECTIONS_OF_USERS_MAX));
        let graceful = GracefulShutdown::new();
        let take = |(stream, permit)| {
            let peer = Peer {
                stream,
                room_for_users: room_for_users.clone(),
                operators: self.operators,
                _permit: permit,
            };
            tokio::spawn(serve(peer, router.clone(), graceful.watcher()));
        };
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.listener, &room) => accepted,
            };
            match accepted {
                Ok(connection) => take(connection),
                Err(error) => {
                    warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                }
            }
        }
        self.folder.unlisten();
        // Nobody can connect any more; who did is not turned away.
        while let Ok(Ok(connection)) =
            tokio::time::timeout(Duration::ZERO, accept(&self.listener, &room)).await
        {
            take(connection);
        }
        drop(self.listener);
        // An error means that nobody waits.
        let _ = self.stop.send(true);
        if tokio::time::timeout(LAST_ANSWERS_TIME_MAX, graceful.shutdown())
            .await
            .is_err()
        {
            warn!("some requests were not answered in time");
        }
        self.folder
    }
}

async fn accept(
    listener: &UnixListener,
    room: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await;
    let permit = permit.map_err(|_| io::Error::other("the daemon stops"))?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Somebody who connected.
struct Peer {
    stream: UnixStream,
    room_for_users: Arc<Semaphore>,
    operators: Option<u32>,
    _permit: OwnedSemaphorePermit,
}

/// One connection to its end.
async fn serve(peer: Peer, router: Router, watcher: Watcher) {
    let Ok(credentials) = peer.stream.peer_cred() else {
        return;
    };
    let operators = peer.operators;
    // Names may come over the network.
    let Ok(caller) = tokio::task::spawn_blocking(move || Caller::of(credentials, operators)).await
    else {
        return;
    };
    let _room = match caller.0.is(Role::Administrator) {
        true => None,
        false => match peer.room_for_users.try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return,
        },
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        let mut router = router.clone();
        let (user, began) = (caller.0.name.clone(), Instant::now());
        let (method, path) = (request.method().clone(), request.uri().path().to_string());
        async move {
            let answer = answer(router.call(request.map(Body::new)).await);
            let (status, us) = (answer.status().as_u16(), began.elapsed().as_micros() as u64);
            debug!(%user, %method, path, status, us, "{user}: {method} {path}: {status}");
            Ok::<_, Infallible>(answer)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX);
    let connection = http.serve_connection(TokioIo::new(peer.stream), service);
    // An error means that the peer went away or does not speak HTTP; hyper has said so to it.
    let _ = watcher.watch(connection).await;
}

/// A router always answers.
fn answer<T>(answered: Result<T, Infallible>) -> T {
    match answered {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
