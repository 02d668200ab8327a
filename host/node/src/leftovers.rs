//! Nothing of a piece of work is left when it has ended: kills for certain, also what detached itself.
//!
//! Not graceful: who was to be asked was asked before. Called by `work` after the plugin's call is over, however it ended, and by
//! the node's handle when it is dropped.
//!
//! # What holds where
//! - **Everywhere on Linux**: each process that a plugin spawns leads a process group. The group is killed with one system call, which
//!   no fork can slip past, while its leader is still unreaped, so that its number can not mean anybody else. The end is
//!   reported when no living member is left.
//! - **With [`subreaper`](crate::NodeConfig::subreaper)**: a process that left its group (`setsid`, a double fork, a job-control shell) becomes a child
//!   of the node when its parent dies. The node finds it in its list of children and asks to which work it belongs, in this
//!   order: the marks in its environment ([`MARK_EXECUTION`], [`MARK_RUN`]); an open file that is the work's
//!   captured output; a session or a group that is known to be the work's. It is killed, and so on until nothing is left.
//! - A process that did all of it (detached, cleared its environment, closed its output) can not be told from that of a
//!   neighbour. It is killed when the last of the pieces of work that ran when it started has ended: then it belongs to nobody.
//!   So on a node where one piece of work runs at a time it too is gone at that work's end.
//! - **Without the subreaper** (an embedder whose own children must not be touched): what left its group stays.
//! - **When the node process is killed**: the next one on the same data folder kills, before it takes work, whatever carries the marks of a former
//!   run or writes to captured output ([`process`](crate::process)). What lost its marks and its output stays then.
//! - **Never**: processes that took another user's identity (setuid programs); work that the system was asked to do by another daemon
//!   (`at`, `systemd-run`, a container engine). Cgroups (version 2) would hold all of it, but are not delegated to ordinary users on most
//!   machines.
//!
//! # What a subreaper asks of its process
//! The kernel's flag is one of the whole process, and so is the ledger in here: several nodes in one process share both. Children
//! of the process that are not a node's must be in the process's own group, as they are by default: those are never touched. A process
//! that works against the node (a fork bomb of which every generation is a session of its own) is chased as long as it runs.

mod former;
mod ledger;
mod orphans;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

pub(crate) use former::kill_former;
use ledger::Spawning;
pub(crate) use ledger::{Claim, become_subreaper};

use crate::spawn::{SpawnError, Started};

/// Environment variable that says to which work a process belongs: `job.task.instance.attempt`.
pub const MARK_EXECUTION: &str = "JOBYARD_EXECUTION";
/// Environment variable that says which run of which node started a process.
pub const MARK_RUN: &str = "JOBYARD_NODE_RUN";
/// How many processes one piece of work may start, see `wit/process.wit`.
pub const PROCESSES_MAX: usize = 1024;

const PAUSE_MIN: Duration = Duration::from_micros(200);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// When a group does not get empty, whether it is only zombies that somebody else does not reap.
const LOOK_CLOSER_AFTER: Duration = Duration::from_millis(100);

/// The process groups of one piece of work.
#[derive(Debug)]
pub(crate) struct Groups {
    claim: Claim,
    subreaper: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    /// Processes that are being started: they may run already.
    expected: usize,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    leader: Pid,
    pidfd: Arc<OwnedFd>,
    state: GroupState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GroupState {
    /// Its leader was not reaped: the number is certainly this group's.
    Led,
    /// Its leader is reaped; it got its kill before.
    Killed { since: Instant },
    /// Nobody is left in it, or nobody that the node may kill.
    Empty,
}

impl Groups {
    /// `subreaper`: whether what left its group is looked for.
    pub(crate) fn new(claim: Claim, subreaper: bool) -> Groups {
        Groups {
            claim,
            subreaper,
            inner: Mutex::default(),
        }
    }

    /// Says that one more process is about to be started, if it may be. Until it was or was not, the work is not clear.
    pub(crate) fn expect(self: &Arc<Self>) -> Result<Expected, SpawnError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(SpawnError::Ending);
        }
        if inner.groups.len() + inner.expected >= PROCESSES_MAX {
            return Err(SpawnError::TooMany { max: PROCESSES_MAX });
        }
        inner.expected += 1;
        Ok(Expected(self.clone()))
    }

    fn add(&self, started: Started) -> (usize, Arc<OwnedFd>) {
        let pidfd = Arc::new(started.pidfd);
        self.claim.watch(started.pid);
        let mut inner = self.lock();
        inner.groups.push(Group {
            leader: started.pid,
            pidfd: pidfd.clone(),
            state: GroupState::Led,
        });
        if inner.closed {
            let _ = rustix::process::kill_process_group(started.pid, Signal::KILL);
        }
        (inner.groups.len() - 1, pidfd)
    }

    /// Sends a signal to the group of the `index`-th process, which must not be reaped: it is not before the end.
    pub(crate) fn signal(&self, index: usize, signal: Signal) {
        let inner = self.lock();
        if let Some(group) = inner.groups.get(index)
            && group.state == GroupState::Led
        {
            // Fails only for groups of another user.
            let _ = rustix::process::kill_process_group(group.leader, signal);
        }
    }

    /// Kills all groups; nothing can be added from now on.
    pub(crate) fn kill(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        for group in inner
            .groups
            .iter()
            .filter(|group| group.state == GroupState::Led)
        {
            let _ = rustix::process::kill_process_group(group.leader, Signal::KILL);
        }
    }

    /// Kills and waits until nothing is left. Returns whether that is certain: nothing was ever found outside the groups, and nothing
    /// could have been missed.
    pub(crate) async fn clear(self: &Arc<Self>) -> bool {
        let mut certain = self.subreaper;
        self.kill();
        let mut pause = PAUSE_MIN;
        while !self.reap() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        pause = PAUSE_MIN;
        while self.subreaper && self.claim.may_have_orphans() {
            certain = false;
            let groups = self.clone();
            let pass = tokio::task::spawn_blocking(move || groups.kill_orphans());
            // The blocking pool refuses only when the runtime goes down.
            if pass.await.unwrap_or(true) {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.claim.end();
        certain
    }

    /// The same for a thread that may block, for at most `limit`.
    pub(crate) fn clear_blocking(&self, limit: Duration) {
        let until = Instant::now() + limit;
        self.kill();
        let mut pause = PAUSE_MIN;
        while !(self.reap() && self.kill_orphans()) && Instant::now() < until {
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.claim.end();
    }

    /// Kills orphans of this work; true when there are none any more.
    fn kill_orphans(&self) -> bool {
        if !self.subreaper {
            return true;
        }
        let groups: Vec<_> = self
            .lock()
            .groups
            .iter()
            .map(|group| group.leader)
            .collect();
        self.claim.kill_orphans(&groups)
    }

    /// Reaps what has ended; true when every group is empty.
    fn reap(&self) -> bool {
        let mut inner = self.lock();
        let mut all_empty = inner.expected == 0;
        for group in &mut inner.groups {
            if group.state == GroupState::Led
                && self
                    .claim
                    .reap_watched(group.leader, || group.reap_leader())
            {
                group.state = GroupState::Killed {
                    since: Instant::now(),
                };
            }
            if let GroupState::Killed { since } = group.state
                && group.is_empty(since)
            {
                group.state = GroupState::Empty;
            }
            all_empty &= group.state == GroupState::Empty;
        }
        drop(inner);
        if !all_empty && self.subreaper {
            // Members whose parents died are this process's zombies now, and keep their group from being empty.
            self.claim.reap_zombies();
        }
        all_empty
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process that is about to be started for a piece of work.
pub(crate) struct Expected(Arc<Groups>);

impl Expected {
    /// Starts it; returns its index in the groups, and its descriptor for waiting. One that comes when the
    /// end has begun is killed.
    pub(crate) fn start(
        self,
        start: impl FnOnce() -> Result<Started, SpawnError>,
    ) -> Result<(usize, Arc<OwnedFd>), SpawnError> {
        let _spawning = Spawning::one();
        start().map(|started| self.0.add(started))
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.0.lock().expected -= 1;
    }
}

impl Drop for Groups {
    /// Work that was dropped with its runtime was not cleared: at least nothing of it goes on.
    fn drop(&mut self) {
        self.kill();
        let inner = self.lock();
        for group in &inner.groups {
            // The number of a leader that was reaped may be somebody else's by now.
            if group.state == GroupState::Led {
                self.claim.unwatch(group.leader);
            }
        }
        drop(inner);
        self.claim.end();
    }
}

impl Group {
    fn reap_leader(&self) -> bool {
        match peek_or_reap(&self.pidfd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(ended) => ended.is_some(),
            // Somebody else reaped it: an embedder that waits for every child.
            Err(_) => true,
        }
    }

    fn is_empty(&self, killed: Instant) -> bool {
        match rustix::process::test_kill_process_group(self.leader) {
            Ok(()) => killed.elapsed() > LOOK_CLOSER_AFTER && !orphans::group_is_alive(self.leader),
            // None of them is there, or none of them may be killed.
            Err(_) => true,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) signal: Option<u32>,
}

/// How the process ended, if it has, without reaping it: until the end of the work its number must stay its own.
pub(crate) fn peek_exit(pidfd: &impl AsFd) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match peek_or_reap(pidfd, options) {
        Ok(exit) => exit,
        // Reaped by an embedder that waits for every child: how it ended is lost.
        Err(_) => Some(Exit {
            code: -1,
            signal: None,
        }),
    }
}

fn peek_or_reap(pidfd: &impl AsFd, options: WaitIdOptions) -> Result<Option<Exit>, Errno> {
    loop {
        match rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), options) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(None) => return Ok(None),
            Ok(Some(status)) => {
                let signal = status.terminating_signal();
                let code = signal.map_or(status.exit_status().unwrap_or(-1), |s| 128 + s);
                return Ok(Some(Exit {
                    code,
                    signal: signal.and_then(|s| u32::try_from(s).ok()),
                }));
            }
        }
    }
}
