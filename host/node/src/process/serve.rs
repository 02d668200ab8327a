//! The inside of a node process: from its start, over its hosts, to its end.
//!
//! One host at a time, and while there is none reports are thrown away: a host that comes is told everything again. Called by `jobyard node-process`.

use std::path::Path;
use std::time::Duration;

use jobyard_kernel::{Execution, FromNode};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::frame::{self, FrameError};
use super::place::{Lock, Place};
use super::wire::{HostSays, MadeOf, NodeSays, PROTOCOL, Welcome};
use super::{PlaceError, ProcessConfig};
use crate::node::run_name;
use crate::{Node, NodeError, NodeHandle, PluginSet, leftovers};

/// How long work has to end by itself when the node process gets a SIGTERM or SIGINT.
pub const STOP_GRACE: Duration = Duration::from_secs(15);
/// How long a host may take to say hello.
const HELLO_WAIT_MAX: Duration = Duration::from_secs(10);
/// So long at least a host has to find the process that it has started: longer than it waits between two tries.
const LINGER_MIN: Duration = Duration::from_secs(5);
/// Reports are put together up to about so many bytes before they are sent.
const WRITE_BYTES: usize = 64 << 10;

/// Why a node process ended other than because it had nothing to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its files.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The node in it did not start.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The system refused the socket or the signals.
    #[error("the node process can not start: {what}: {source}")]
    System {
        /// What was asked of the system.
        what: &'static str,
        /// What it says.
        source: std::io::Error,
    },
}

/// Whether the process goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    /// It has ended its work, or has none.
    End,
}

/// What a host that is connected wants, apart from its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Gone,
    End,
}

struct Server {
    node: NodeHandle,
    reports: mpsc::Receiver<FromNode>,
    made_of: MadeOf,
    stop: [Signal; 2],
}

/// Is the node process of the data folder `data`: returns when it has nothing to do any more, or was told to end. Within a multi-threaded tokio
/// runtime, in a process that does nothing else; `defaults` are for a data folder for which no host has written a configuration.
///
/// Detaches itself from the terminal and the process group of its caller where it can: it must outlive them.
///
/// # Errors
/// It did not start. That there is one already is among them.
pub async fn serve(
    data: &Path,
    defaults: ProcessConfig,
    plugins: PluginSet,
) -> Result<(), ServeError> {
    // Refused to the leader of a process group: somebody who started it by hand, in a shell.
    let _ = rustix::process::setsid();
    let system = |what| move |source| ServeError::System { what, source };
    let stop = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let [terminate, interrupt] = stop;
    let stop = [
        terminate.map_err(system("a handler for SIGTERM"))?,
        interrupt.map_err(system("a handler for SIGINT"))?,
    ];
    let _terminal_gone = signal(SignalKind::hangup()).map_err(system("a handler for SIGHUP"))?;

    let place = Place::open(data)?;
    let lock = place.lock()?;
    let (config, configuration) = match place.configuration()? {
        Some(found) => found,
        None => (defaults, String::new()),
    };
    let run = clear(&place, &config)?;
    let name = config.node.name.clone();
    let (node, reports) = Node::start_run(config.node, plugins, run)?;
    let _ = std::fs::remove_file(place.socket());
    let listener = UnixListener::bind(place.socket()).map_err(system("its socket"))?;
    say(format_args!(
        "node `{name}` listens at {}",
        place.socket_shown().display()
    ));

    let made_of = MadeOf {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration,
    };
    let server = Server {
        node,
        reports,
        made_of,
        stop,
    };
    server
        .run(
            &listener,
            Duration::from_millis(config.linger_ms).max(LINGER_MIN),
        )
        .await;
    end(&place, listener, lock);
    Ok(())
}

/// Kills what is left of earlier runs, for certain; returns the name of this one, which is on disk before anything runs under it.
fn clear(place: &Place, config: &ProcessConfig) -> Result<String, ServeError> {
    let output = &config.node.output_folder;
    let output = std::fs::canonicalize(output).unwrap_or_else(|_| output.clone());
    let former = place.runs()?;
    if !former.is_empty() {
        let killed = leftovers::kill_former(&former, &output, |text| say(format_args!("{text}")));
        if killed > 0 {
            say(format_args!(
                "killed {killed} processes that a former node process has left"
            ));
        }
    }
    let run = run_name(&config.node.name);
    place.set_runs(std::slice::from_ref(&run))?;
    Ok(run)
}

/// In this order: whoever does not find the socket, or gets the lock, starts another process.
fn end(place: &Place, listener: UnixListener, lock: Lock) {
    let _ = std::fs::remove_file(place.socket());
    drop(listener);
    drop(lock);
    say(format_args!("ended"));
}

impl Server {
    async fn run(mut self, listener: &UnixListener, linger: Duration) {
        let mut alone_since = Instant::now();
        loop {
            let next = tokio::select! {
                next = stopped(&mut self.stop) => {
                    self.shut_down(None).await;
                    next
                }
                accepted = listener.accept() => {
                    let next = match accepted {
                        Ok((stream, _)) => self.host(stream, listener).await,
                        Err(error) => self.no_more_files(error).await,
                    };
                    alone_since = Instant::now();
                    next
                }
                report = self.reports.recv() => match report {
                    Some(_) => Next::GoOn,
                    None => Next::End,
                },
                () = tokio::time::sleep_until(alone_since + linger) => {
                    alone_since = Instant::now();
                    self.end_if_idle().await
                }
            };
            if next == Next::End {
                return;
            }
        }
    }

    /// Sees to one host until it is gone.
    async fn host(&mut self, stream: UnixStream, listener: &UnixListener) -> Next {
        match self.greet(stream).await {
            Ok(Ok((from, to))) => self.talk(from, to, listener).await,
            Ok(Err(next)) => next,
            Err(error) => {
                say(format_args!("a host was not understood: {error}"));
                Next::GoOn
            }
        }
    }

    async fn greet(
        &mut self,
        stream: UnixStream,
    ) -> Result<Result<(OwnedReadHalf, OwnedWriteHalf), Next>, FrameError> {
        let user = stream.peer_cred()?.uid();
        let (mut from, mut to) = stream.into_split();
        if !is_ours(user) {
            refuse(&mut to, format!("user {user} is a stranger here")).await;
            return Ok(Err(Next::GoOn));
        }
        let hello = tokio::time::timeout(HELLO_WAIT_MAX, frame::read(&mut from)).await;
        let (protocol, name) = match hello {
            Ok(Ok(Some(HostSays::Hello { protocol, node }))) => (protocol, node),
            Ok(Ok(None)) => return Ok(Err(Next::GoOn)),
            Ok(Ok(Some(HostSays::Tell(_) | HostSays::End))) | Err(_) => {
                refuse(&mut to, "a host says hello first".to_owned()).await;
                return Ok(Err(Next::GoOn));
            }
            Ok(Err(error @ FrameError::Io(_))) => return Err(error),
            Ok(Err(error @ (FrameError::TooLong { .. } | FrameError::Content(_)))) => {
                refuse(&mut to, error.to_string()).await;
                return Err(error);
            }
        };
        let own = self.node.name().to_owned();
        if protocol != PROTOCOL || name != own {
            let process = std::process::id();
            let text = format!(
                "process {process} is node `{own}` with protocol {PROTOCOL}, the host wants node `{name}` with protocol {protocol}; it \
                 ends when it has no work"
            );
            refuse(&mut to, text).await;
            return Ok(Err(self.end_if_idle().await));
        }
        let (holds, early) = self.holds().await;
        let Some(holds) = holds else {
            return Ok(Err(Next::End));
        };
        let welcome = NodeSays::Welcome(Welcome {
            protocol: PROTOCOL,
            process: std::process::id(),
            made_of: self.made_of.clone(),
            holds,
        });
        let mut bytes = Vec::new();
        frame::append(&mut bytes, &welcome)?;
        for report in early {
            frame::append(&mut bytes, &NodeSays::Report(report))?;
        }
        to.write_all(&bytes).await?;
        Ok(Ok((from, to)))
    }

    async fn talk(
        &mut self,
        from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        listener: &UnixListener,
    ) -> Next {
        // On its own: the node may not listen before its reports are taken.
        let mut hearing = Hearing(tokio::spawn(hear(from, self.node.clone())));
        loop {
            tokio::select! {
                biased;
                next = stopped(&mut self.stop) => {
                    self.shut_down(Some(&mut to)).await;
                    return next;
                }
                heard = &mut hearing.0 => return match heard {
                    Ok(Heard::End) => self.end_if_idle().await,
                    Ok(Heard::Gone) | Err(_) => Next::GoOn,
                },
                report = self.reports.recv() => {
                    let Some(report) = report else { return Next::End };
                    if let Err(error) = self.pass_on(report, &mut to).await {
                        say(format_args!("the host can not be told: {error}"));
                        return Next::GoOn;
                    }
                }
                other = listener.accept() => if let Ok((stream, _)) = other {
                    tokio::spawn(async move {
                        let (_from, mut to) = stream.into_split();
                        refuse(&mut to, "another host is connected".to_owned()).await;
                    });
                }
            }
        }
    }

    /// Sends a report, and those that are there already.
    async fn pass_on(
        &mut self,
        first: FromNode,
        to: &mut OwnedWriteHalf,
    ) -> Result<(), FrameError> {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, &NodeSays::Report(first))?;
        while bytes.len() < WRITE_BYTES
            && let Ok(report) = self.reports.try_recv()
        {
            frame::append(&mut bytes, &NodeSays::Report(report))?;
        }
        Ok(to.write_all(&bytes).await?)
    }

    /// What is held, and the reports that came before the answer.
    async fn holds(&mut self) -> (Option<Vec<Execution>>, Vec<FromNode>) {
        let mut early = Vec::new();
        let node = self.node.clone();
        let held = node.holds();
        tokio::pin!(held);
        loop {
            tokio::select! {
                biased;
                held = &mut held => return (held.ok(), early),
                report = self.reports.recv() => match report {
                    Some(report) => early.push(report),
                    None => return (None, early),
                },
            }
        }
    }

    async fn end_if_idle(&mut self) -> Next {
        match self.holds().await {
            (Some(holds), _) if holds.is_empty() => Next::End,
            (Some(_), _) => Next::GoOn,
            (None, _) => Next::End,
        }
    }

    /// Ends the work, and tells the host how it ended, if there is one.
    async fn shut_down(&mut self, mut to: Option<&mut OwnedWriteHalf>) {
        say(format_args!(
            "told to end: so is the work, within {STOP_GRACE:?}"
        ));
        let down = self.node.clone().shutdown(STOP_GRACE);
        tokio::pin!(down);
        let mut is_down = false;
        // The reports end when the last has been given out, which is after the work has ended.
        loop {
            tokio::select! {
                () = &mut down, if !is_down => is_down = true,
                report = self.reports.recv() => match (report, to.as_deref_mut()) {
                    (None, _) => return,
                    (Some(_), None) => {}
                    (Some(report), Some(host)) => if self.pass_on(report, host).await.is_err() {
                        to = None;
                    }
                },
            }
        }
    }

    /// Connections can not be taken: mostly because this process has too many files open, which passes.
    async fn no_more_files(&mut self, error: std::io::Error) -> Next {
        say(format_args!("a connection was not taken: {error}"));
        tokio::time::sleep(Duration::from_millis(100)).await;
        Next::GoOn
    }
}

/// Ends with what it wraps.
struct Hearing(JoinHandle<Heard>);

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn hear(mut from: OwnedReadHalf, node: NodeHandle) -> Heard {
    loop {
        match frame::read(&mut from).await {
            Ok(Some(HostSays::Tell(message))) => {
                if node.send(message).await.is_err() {
                    return Heard::Gone;
                }
            }
            Ok(Some(HostSays::End)) => return Heard::End,
            Ok(Some(HostSays::Hello { .. })) | Ok(None) => return Heard::Gone,
            Err(error) => {
                say(format_args!("the host is gone: {error}"));
                return Heard::Gone;
            }
        }
    }
}

async fn stopped(stop: &mut [Signal; 2]) -> Next {
    let [terminate, interrupt] = stop;
    tokio::select! {
        _ = terminate.recv() => Next::End,
        _ = interrupt.recv() => Next::End,
    }
}

/// This process's user and root: nobody else has a business here.
pub(super) fn is_ours(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

async fn refuse(to: &mut OwnedWriteHalf, text: String) {
    say(format_args!("refused: {text}"));
    let mut bytes = Vec::new();
    if frame::append(&mut bytes, &NodeSays::Refused(text)).is_ok() {
        // It may be gone already.
        let _ = to.write_all(&bytes).await;
    }
}

/// To the log: the host made it this process's standard error.
fn say(text: std::fmt::Arguments<'_>) {
    let process = std::process::id();
    eprintln!("{} [{process}] {text}", jiff::Timestamp::now());
}
