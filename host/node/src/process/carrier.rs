//! The host's end of the way to a node process: finds it, starts it, connects, and connects again for ever.
//!
//! Knows no jobs: what is to be sent again after a connection, and what is lost, the host works out from
//! [`LinkEvent::Connected`]. Behind [`NodeLink`](crate::NodeLink).

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use jobyard_kernel::{Ending, FromNode, ToNode};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::frame::{self, FrameError};
use super::place::Place;
use super::serve::is_ours;
use super::wire::{HostSays, MadeOf, NodeSays, PROTOCOL, Welcome};
use super::{NodeProcess, PlaceError};
use crate::{LinkEvent, failure};

const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// While a process is coming up that was started from here.
const PAUSE_STARTING_MAX: Duration = Duration::from_millis(50);
/// How long an answer to a hello may take. The node process may be busy with another host that has just gone.
const WELCOME_WAIT_MAX: Duration = Duration::from_secs(30);
/// A process that ends within this time of its start is not started again at once.
const START_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the last messages of a host that goes may take.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);
/// Messages are put together up to about so many bytes before they are sent.
const WRITE_BYTES: usize = 64 << 10;

/// Keeps the way to a node process open until nobody sends to it or hears from it any more.
pub(crate) fn keep(
    process: NodeProcess,
    inbox: mpsc::Receiver<ToNode>,
    events: mpsc::Sender<LinkEvent>,
) -> Result<(), PlaceError> {
    let place = Place::open(&process.data)?;
    let configuration = place.configure(&process.config)?;
    let made_of = MadeOf {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        configuration,
    };
    let carrier = Carrier {
        process,
        place,
        made_of,
        inbox,
        events,
        child: None,
        said: None,
    };
    tokio::spawn(carrier.run());
    Ok(())
}

struct Carrier {
    process: NodeProcess,
    place: Place,
    made_of: MadeOf,
    inbox: mpsc::Receiver<ToNode>,
    events: mpsc::Sender<LinkEvent>,
    /// The process that was started last.
    child: Option<Child>,
    /// What the host was told last of why there is no connection.
    said: Option<String>,
}

/// A process that this one has started. It is not ended with this.
struct Child {
    since: Instant,
    /// How it ended, when it has.
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("it can not be started: `{program}`: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("it has ended, {status}: {log}")]
    Ended { status: ExitStatus, log: String },
    #[error("it is starting")]
    Starting,
    #[error("it refuses: {0}")]
    Refused(String),
    #[error("it is of another version or configuration, and was told to end")]
    Replaced,
    #[error("its socket belongs to user {0}")]
    Stranger(u32),
    #[error("it does not answer")]
    Silent,
    #[error("it is gone")]
    Gone,
    #[error("it can not be reached: {0}")]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Nobody wants the connection any more.
struct Unwanted;

impl Carrier {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let problem = match self.connect().await {
                Ok((from, to, welcome)) => {
                    pause = PAUSE_MIN;
                    match self.talk(from, to, welcome).await {
                        Ok(problem) => problem,
                        Err(Unwanted) => return,
                    }
                }
                Err(problem) => problem,
            };
            if self.complain(&problem).await.is_err() || self.rest(pause).await.is_err() {
                return;
            }
            let is_starting = matches!(problem, Problem::Starting);
            let longest = if is_starting {
                PAUSE_STARTING_MAX
            } else {
                PAUSE_MAX
            };
            pause = (pause * 2).min(longest);
        }
    }

    /// Waits, and throws away what comes meanwhile: it is sent again after the connection.
    async fn rest(&mut self, pause: Duration) -> Result<(), Unwanted> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                () = self.events.closed() => return Err(Unwanted),
                message = self.inbox.recv() => if message.is_none() {
                    return Err(Unwanted);
                },
            }
        }
    }

    /// Tells the host why there is no connection, unless it knows, or it is only that it takes a moment.
    async fn complain(&mut self, problem: &Problem) -> Result<(), Unwanted> {
        let why = problem.to_string();
        if matches!(problem, Problem::Starting) || self.said.as_ref() == Some(&why) {
            return Ok(());
        }
        self.said = Some(why.clone());
        let said = self.events.send(LinkEvent::Disconnected { why }).await;
        said.map_err(|_| Unwanted)
    }

    async fn connect(&mut self) -> Result<(OwnedReadHalf, OwnedWriteHalf, Welcome), Problem> {
        let stream = match UnixStream::connect(self.place.socket()).await {
            Ok(stream) => stream,
            Err(_) => return Err(self.start()),
        };
        let user = stream.peer_cred().map_err(FrameError::Io)?.uid();
        if !is_ours(user) {
            return Err(Problem::Stranger(user));
        }
        let (mut from, mut to) = stream.into_split();
        let node = self.process.config.node.name.clone();
        let protocol = PROTOCOL;
        // One that refuses at once has gone before it was greeted: what it said is there all the same.
        let _ = say(&mut to, &HostSays::Hello { protocol, node }).await;
        let answer = tokio::time::timeout(WELCOME_WAIT_MAX, frame::read(&mut from)).await;
        match answer {
            Err(_) => Err(Problem::Silent),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(None)) => Err(Problem::Gone),
            Ok(Ok(Some(NodeSays::Refused(text)))) => Err(Problem::Refused(text)),
            Ok(Ok(Some(NodeSays::Report(_)))) => Err(Problem::Refused("it is rude".to_owned())),
            Ok(Ok(Some(NodeSays::Welcome(welcome)))) => {
                if welcome.made_of != self.made_of && welcome.holds.is_empty() {
                    say(&mut to, &HostSays::End).await?;
                    return Err(Problem::Replaced);
                }
                Ok((from, to, welcome))
            }
        }
    }

    /// Starts the process, unless one that was started before may still come up.
    fn start(&mut self) -> Problem {
        if let Some(child) = &self.child {
            let ended = *child.ended.borrow();
            match ended {
                None => return Problem::Starting,
                Some(status) if child.since.elapsed() < START_AGAIN_AFTER => {
                    let log = self.place.log_tail();
                    return Problem::Ended { status, log };
                }
                Some(_) => {}
            }
        }
        match self.spawn() {
            Ok(child) => {
                self.child = Some(child);
                Problem::Starting
            }
            Err(problem) => problem,
        }
    }

    /// Its standard streams are its log, its working folder is nobody's, and its process group it makes itself.
    fn spawn(&self) -> Result<Child, Problem> {
        let log = self.place.log()?;
        let program = &self.process.program;
        let start = || {
            let mut child = Command::new(program)
                .args(&self.process.arguments)
                .current_dir("/")
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?;
            let (end, ended) = watch::channel(None);
            // Somebody has to wait for it, for as long as both are there. A thread of the runtime's would hold up its end.
            std::thread::Builder::new()
                .name("node-process".into())
                .spawn(move || {
                    if let Ok(status) = child.wait() {
                        end.send_replace(Some(status));
                    }
                })?;
            Ok(ended)
        };
        let since = Instant::now();
        match start() {
            Ok(ended) => Ok(Child { since, ended }),
            Err(source) => Err(Problem::Start {
                program: program.display().to_string(),
                source,
            }),
        }
    }

    async fn talk(
        &mut self,
        from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        welcome: Welcome,
    ) -> Result<Problem, Unwanted> {
        // Older than what the host sends when it hears of the connection.
        while self.inbox.try_recv().is_ok() {}
        self.said = None;
        let Welcome { process, holds, .. } = welcome;
        let connected = LinkEvent::Connected { process, holds };
        self.events.send(connected).await.map_err(|_| Unwanted)?;
        let mut hearing = Hearing(tokio::spawn(hear(from, self.events.clone())));
        let mut bytes = Vec::new();
        loop {
            tokio::select! {
                problem = &mut hearing.0 => return Ok(problem.unwrap_or(Problem::Gone)),
                () = self.events.closed() => {
                    self.say_the_rest(&mut to).await;
                    return Err(Unwanted);
                }
                message = self.inbox.recv() => {
                    let Some(message) = message else { return Err(Unwanted) };
                    bytes.clear();
                    self.write(message, &mut bytes).await?;
                    while bytes.len() < WRITE_BYTES && let Ok(message) = self.inbox.try_recv() {
                        self.write(message, &mut bytes).await?;
                    }
                    if let Err(error) = to.write_all(&bytes).await {
                        // Nothing of this connection may come after the next.
                        hearing.0.abort();
                        let _ = (&mut hearing.0).await;
                        return Ok(Problem::Frame(error.into()));
                    }
                }
            }
        }
    }

    /// A host that goes has said things that the next one would have to say again.
    async fn say_the_rest(&mut self, to: &mut OwnedWriteHalf) {
        let mut bytes = Vec::new();
        while let Ok(message) = self.inbox.try_recv() {
            if frame::append(&mut bytes, &HostSays::Tell(message)).is_err() {
                return;
            }
        }
        let _ = tokio::time::timeout(LAST_WORDS_MAX, to.write_all(&bytes)).await;
    }

    /// A message that does not fit into a frame is answered in the node's place.
    async fn write(&self, message: ToNode, bytes: &mut Vec<u8>) -> Result<(), Unwanted> {
        let execution = match &message {
            ToNode::Start(assignment) => assignment.execution,
            ToNode::Stop { execution, .. } | ToNode::Forget(execution) => *execution,
        };
        let Err(error) = frame::append(bytes, &HostSays::Tell(message)) else {
            return Ok(());
        };
        let ending = Ending::Failed {
            code: failure::NOT_STARTED,
            text: format!("it can not be sent to the node: {error}"),
        };
        let report = LinkEvent::Report(FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        });
        self.events.send(report).await.map_err(|_| Unwanted)
    }
}

/// Ends with what it wraps.
struct Hearing(JoinHandle<Problem>);

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn hear(mut from: OwnedReadHalf, events: mpsc::Sender<LinkEvent>) -> Problem {
    loop {
        match frame::read(&mut from).await {
            Ok(Some(NodeSays::Report(report))) => {
                if events.send(LinkEvent::Report(report)).await.is_err() {
                    return Problem::Gone;
                }
            }
            Ok(Some(NodeSays::Refused(text))) => return Problem::Refused(text),
            Ok(Some(NodeSays::Welcome(_))) | Ok(None) => return Problem::Gone,
            Err(error) => return error.into(),
        }
    }
}

async fn say(to: &mut OwnedWriteHalf, message: &HostSays) -> Result<(), Problem> {
    let mut bytes = Vec::new();
    frame::append(&mut bytes, message)?;
    Ok(to.write_all(&bytes).await.map_err(FrameError::Io)?)
}
