//! The loops that take connections, on the socket and on the network, and end without cutting anyone short.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use jobyard::Engine;
use jobyard_users::{Users, UsersError};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::app::{App, routes};
use crate::auth::{Gate, network};
use crate::connection::{self, Shared};
use crate::folder::find_group;
use crate::{DataFolder, FolderError};

/// Connections at a time, on the socket and on the network each; more wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// Of those on the socket, by all who are not administrators; more are closed at once, so that an administrator can always get in.
const CONNECTIONS_OF_USERS_MAX: usize = 768;
/// Of those on the network, from one address; more are closed at once.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 512;
/// Requests a second of one user over the network, where the site says nothing.
pub const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5_000).expect("not zero");
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
    /// It is not known who may come.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The system has no randomness.
    #[error("the system has no randomness: {0}")]
    NoRandomness(#[from] getrandom::Error),
    /// The address cannot be had.
    #[error("{address} can not be listened at: {source}; choose another address with --listen")]
    Address {
        /// `HOST:PORT`.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}

/// A daemon that listens.
#[derive(Debug)]
pub struct Service {
    folder: DataFolder,
    socket: UnixListener,
    https: Option<Https>,
    app: App,
    operators: Option<u32>,
    stop: watch::Sender<bool>,
}

/// Where it listens on the network.
struct Https {
    listener: TcpListener,
    tls: TlsAcceptor,
    of_address: Arc<OfAddress>,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.listener.fmt(f)
    }
}

impl Service {
    /// Listens on the folder's socket for this engine, of which these nodes are in this process. Within a tokio runtime. A user
    /// may make so many requests a second over the network.
    ///
    /// # Errors
    /// The system refuses the socket, or the file of users.
    pub fn listen(
        folder: DataFolder,
        engine: Engine,
        local_nodes: Vec<String>,
        requests_per_second: NonZeroU32,
    ) -> Result<Service, ServeError> {
        let (stop, stopping) = watch::channel(false);
        let users = Users::open(folder.path())?;
        let app = App {
            engine,
            folder: folder.path().into(),
            local_nodes: local_nodes.into(),
            stopping,
            gate: Arc::new(Gate::new(users, requests_per_second)?),
        };
        Ok(Service {
            socket: folder.listen()?,
            https: None,
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

    /// Listens for HTTPS at `HOST:PORT` too; port 0 is one that is free.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn https(
        &mut self,
        address: &str,
        tls: TlsAcceptor,
    ) -> Result<SocketAddr, ServeError> {
        let listen = async || {
            let listener = TcpListener::bind(address).await?;
            let at = listener.local_addr()?;
            let of_address = Arc::default();
            self.https = Some(Https {
                listener,
                tls,
                of_address,
            });
            Ok(at)
        };
        let refused = |source| ServeError::Address {
            address: address.into(),
            source,
        };
        listen().await.map_err(refused)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.socket()
    }

    /// Answers until `stop` comes true. Then the socket goes, what is being asked is answered (ten seconds at most; who waits
    /// for a job is told how far it is), and the folder is returned: it is locked as long as the caller keeps it.
    pub async fn run(self, stop: impl Future<Output = ()>) -> DataFolder {
        let shared = Shared {
            gate: self.app.gate.clone(),
            router: routes(self.app),
            operators: self.operators,
            room_for_users: Arc::new(Semaphore::new(CONNECTIONS_OF_USERS_MAX)),
        };
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let room_for_network = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let take = |(stream, permit)| {
            tokio::spawn(connection::local(
                stream,
                permit,
                shared.clone(),
                graceful.watcher(),
            ));
        };
        tokio::pin!(stop);
        loop {
            let failed = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.socket, &room) => accepted.map(&take).err(),
                accepted = accept_remote(self.https.as_ref(), &room_for_network) => match accepted {
                    Ok((stream, from, https, permit)) => {
                        if let Some(place) = https.of_address.clone().take(from) {
                            let tls = https.tls.clone();
                            let served = connection::remote(stream, from, tls, shared.clone(), graceful.watcher());
                            tokio::spawn(async move {
                                served.await;
                                drop((permit, place));
                            });
                        }
                        None
                    }
                    Err(error) => Some(error),
                },
            };
            if let Some(error) = failed {
                warn!("a connection could not be taken: {error}");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
        self.folder.unlisten();
        // Nobody can connect any more; who did is not turned away.
        while let Ok(Ok(connection)) =
            tokio::time::timeout(Duration::ZERO, accept(&self.socket, &room)).await
        {
            take(connection);
        }
        drop((self.socket, self.https));
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
    let permit = permit(room).await?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Never ready where the network is not listened to.
async fn accept_remote<'a>(
    https: Option<&'a Https>,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, IpAddr, &'a Https, OwnedSemaphorePermit)> {
    let Some(https) = https else {
        return std::future::pending().await;
    };
    let permit = permit(room).await?;
    let (stream, from) = https.listener.accept().await?;
    Ok((stream, from.ip().to_canonical(), https, permit))
}

async fn permit(room: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
    let permit = room.clone().acquire_owned().await;
    permit.map_err(|_| io::Error::other("the daemon stops"))
}

/// How many connections there are from each address.
#[derive(Debug, Default)]
struct OfAddress(Mutex<BTreeMap<IpAddr, usize>>);

/// One of them, until it is dropped.
struct Place(Arc<OfAddress>, IpAddr);

impl OfAddress {
    fn take(self: Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = network(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(from).or_default();
        if *count >= CONNECTIONS_OF_ADDRESS_MAX {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Place(self, from))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_no_more() {
        let (all, here) = (Arc::new(OfAddress::default()), IpAddr::from([10, 0, 0, 1]));
        let places: Vec<Option<Place>> = (0..=CONNECTIONS_OF_ADDRESS_MAX)
            .map(|_| all.clone().take(here))
            .collect();
        assert_eq!(places.iter().flatten().count(), CONNECTIONS_OF_ADDRESS_MAX);
        assert!(all.clone().take(IpAddr::from([10, 0, 0, 2])).is_some());
        drop(places);
        assert!(all.0.lock().unwrap().is_empty());
    }
}
