//! Which work of this process runs, since when, and which children are waited for by somebody.
//!
//! One ledger a process, because the kernel's subreaper flag and its list of children are the process's too: the only state
//! of this crate that is not owned by a node. Used by `leftovers` only, and only by nodes that are subreapers.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::Execution;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::orphans::{self, Stat};
use super::{MARK_EXECUTION, MARK_RUN};
use crate::capture::Capture;

static LEDGER: LazyLock<Mutex<Ledger>> = LazyLock::new(Mutex::default);
static NEXT: AtomicU64 = AtomicU64::new(0);
/// Spawns that are under way: their processes may be children already that are not in `watched` yet.
static SPAWNING: AtomicUsize = AtomicUsize::new(0);
/// The group and session of this process, as [`Stat`] has them.
static OWN: LazyLock<(Option<Pid>, Option<Pid>)> = LazyLock::new(|| {
    orphans::stat(rustix::process::getpid()).map_or((None, None), |own| (own.group, own.session))
});

#[derive(Debug, Default)]
struct Ledger {
    live: BTreeMap<u64, Live>,
    /// Children that are reaped by who started them.
    watched: HashSet<Pid>,
    /// When the first work of this process began: a child that is older is none of ours.
    first_started: Option<u64>,
}

#[derive(Debug)]
struct Live {
    marks: Marks,
    started: u64,
}

/// The marks in the environment of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) run: String,
    pub(super) execution: String,
}

/// One piece of work in the ledger.
#[derive(Debug)]
pub(crate) struct Claim {
    key: u64,
    marks: Marks,
    capture: Arc<Capture>,
    /// Sessions that this work's detached processes were seen to lead.
    sessions: Mutex<HashSet<Pid>>,
}

/// Makes this process the one that orphans below it are given to.
pub(crate) fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

/// A spawn that is under way. Hold it from before the spawn until the process is watched.
pub(super) struct Spawning(());

impl Spawning {
    pub(super) fn one() -> Spawning {
        SPAWNING.fetch_add(1, Ordering::SeqCst);
        Spawning(())
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        SPAWNING.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Claim {
    /// Enters a piece of work. Before it starts its first process.
    pub(crate) fn new(run: &str, execution: Execution, capture: Arc<Capture>) -> Claim {
        let Execution {
            job,
            task,
            instance,
            attempt,
        } = execution;
        let execution = format!("{job}.{task}.{instance}.{attempt}");
        let marks = Marks {
            run: run.to_owned(),
            execution,
        };
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        let started = orphans::now();
        let mut ledger = ledger();
        ledger.first_started.get_or_insert(started);
        ledger.live.insert(
            key,
            Live {
                marks: marks.clone(),
                started,
            },
        );
        Claim {
            key,
            marks,
            capture,
            sessions: Mutex::default(),
        }
    }

    /// A process of this work that is reaped by it.
    pub(crate) fn watch(&self, pid: Pid) {
        ledger().watched.insert(pid);
    }

    /// Reaps a process of this work with `reap`, which says whether it did. Nobody watches a process of the same number meanwhile.
    pub(super) fn reap_watched(&self, pid: Pid, reap: impl FnOnce() -> bool) -> bool {
        let mut ledger = ledger();
        let reaped = reap();
        if reaped {
            ledger.watched.remove(&pid);
        }
        reaped
    }

    /// The work gives up a process that it has not reaped.
    pub(super) fn unwatch(&self, pid: Pid) {
        ledger().watched.remove(&pid);
    }

    /// The work has ended. May be called again.
    pub(crate) fn end(&self) {
        ledger().live.remove(&self.key);
    }

    /// Whether this process has children that nobody waits for. Cheap: one small file of the kernel's.
    pub(super) fn may_have_orphans(&self) -> bool {
        let children = orphans::children();
        !children.is_empty() && {
            let ledger = ledger();
            children.iter().any(|child| !ledger.watched.contains(child))
        }
    }

    /// Kills this work's orphans, and reaps those that died. True when none was found alive.
    pub(super) fn kill_orphans(&self, groups: &[Pid]) -> bool {
        let files = self.capture.identities();
        // Held all the time: nobody else reaps an orphan meanwhile, so the numbers stay theirs.
        let ledger = ledger();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut none_left = true;
        for (pid, stat) in orphans_of(&ledger) {
            if stat.is_dead() {
                reap(&ledger, pid, &stat);
                continue;
            }
            let known = stat
                .session
                .is_some_and(|session| sessions.contains(&session))
                || stat.group.is_some_and(|group| groups.contains(&group));
            if !(known || self.owns(&ledger, pid, &stat, &files)) {
                continue;
            }
            if stat.session != OWN.1 {
                sessions.extend(stat.session);
            }
            // All of its group at once, unless that is this process's or that of other work.
            if let Some(group) = stat.group
                && stat.group != OWN.0
                && !ledger.watched.contains(&group)
            {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            match rustix::process::kill_process(pid, Signal::KILL) {
                Ok(()) => none_left = false,
                // Another user's: out of reach.
                Err(_) => continue,
            }
        }
        none_left
    }

    /// Reaps orphans that died, whosever they were.
    pub(super) fn reap_zombies(&self) {
        let ledger = ledger();
        for (pid, stat) in orphans_of(&ledger) {
            if stat.is_dead() {
                reap(&ledger, pid, &stat);
            }
        }
    }

    /// Whether a living orphan belongs to this work.
    fn owns(&self, ledger: &Ledger, pid: Pid, stat: &Stat, files: &[(u64, u64)]) -> bool {
        if let Some(marks) = orphans::marks(pid) {
            // Marks of a work of this run that has ended: nobody else will come for it.
            return marks == self.marks
                || (marks.run == self.marks.run
                    && !ledger.live.values().any(|live| live.marks == marks));
        }
        if stat.group == OWN.0 {
            return false;
        }
        orphans::has_open(pid, files) || self.alone_since(ledger, stat)
    }

    /// Whether no other work ran when this process started that still runs.
    fn alone_since(&self, ledger: &Ledger, stat: &Stat) -> bool {
        ledger
            .first_started
            .is_some_and(|first| first <= stat.started)
            && !ledger
                .live
                .iter()
                .any(|(&key, live)| key != self.key && live.started <= stat.started)
    }
}

/// Children of this process that nobody waits for.
fn orphans_of(ledger: &Ledger) -> Vec<(Pid, Stat)> {
    let own = rustix::process::getpid();
    orphans::children()
        .into_iter()
        .filter(|pid| !ledger.watched.contains(pid))
        .filter_map(|pid| Some((pid, orphans::stat(pid)?)))
        .filter(|(_, stat)| stat.parent == Some(own))
        .collect()
}

/// Reaps a dead orphan: not one of an embedder's own children, nor one whose spawn has not come round to watching it.
fn reap(ledger: &Ledger, pid: Pid, stat: &Stat) {
    if stat.group == OWN.0 {
        return;
    }
    let may_be_new = stat.group == Some(pid) && stat.session == OWN.1;
    // In this order: a spawn that is over by now has watched its process, but may have done so after the list was read.
    if may_be_new && (SPAWNING.load(Ordering::SeqCst) > 0 || ledger.watched.contains(&pid)) {
        return;
    }
    let _ = rustix::process::waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
    );
}

impl Marks {
    /// The marks among the variables of an environment, as the kernel shows it.
    pub(super) fn find(environment: &[u8]) -> Option<Marks> {
        let find = |name: &str| {
            environment
                .split(|&byte| byte == 0)
                .filter_map(|variable| variable.strip_prefix(name.as_bytes()))
                .find_map(|rest| rest.strip_prefix(b"="))
                .map(|value| String::from_utf8_lossy(value).into_owned())
        };
        Some(Marks {
            run: find(MARK_RUN)?,
            execution: find(MARK_EXECUTION)?,
        })
    }
}

fn ledger() -> MutexGuard<'static, Ledger> {
    LEDGER.lock().unwrap_or_else(PoisonError::into_inner)
}
