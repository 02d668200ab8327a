//! On which threads processes are started: threads of the node's own, or the caller's.
//!
//! Knows nothing of what is started (`spawn`). Called by `processes`.
//!
//! # Why threads of their own?
//! - `posix_spawn` blocks the calling thread until the program is loaded, which takes for ever on a file system that hangs. A
//!   tokio worker must not hang.
//! - `posix_spawn` knows nothing of CPU affinity. A child inherits the affinity of the *thread* that spawns it, so a thread
//!   here takes on the affinity of the work, spawns, and keeps it until a command wants another. There is no moment at which the
//!   child runs on cores that are not its own, which setting the affinity after the spawn could not promise.
//! - The kernel files a child under the thread that spawned it, and moves it to the main thread when that thread ends. Threads that
//!   live as long as the node keep the main thread's list of children free for adopted orphans (see `leftovers`).
//!
//! # Why is it the caller's all the same, unless it is asked for?
//! To hand a spawn over and wait for the answer is two switches between threads; where tasks are shorter than a millisecond that
//! is an eighth of their rate. A host whose work has programs on file systems that may hang asks for threads
//! ([`spawn_threads`](crate::NodeConfig::spawn_threads)).

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use rustix::thread::CpuSet;

/// The CPUs that the node was allowed when it started. A node's core `n` is the `n`-th of them, so that a node that was itself
/// pinned (a container, `taskset`) stays where it was put.
#[derive(Debug, Clone)]
pub(crate) struct Cpus {
    all: CpuSet,
    ids: Vec<usize>,
}

impl Cpus {
    pub(crate) fn allowed() -> io::Result<Cpus> {
        let all = rustix::thread::sched_getaffinity(None)?;
        let ids = (0..CpuSet::MAX_CPU).filter(|&id| all.is_set(id)).collect();
        Ok(Cpus { all, ids })
    }

    /// The affinity for these cores of the node. Cores that the machine does not have are left out; if it has none of
    /// them the work is not pinned.
    pub(crate) fn set(&self, cores: &[u32]) -> CpuSet {
        let mut set = CpuSet::new();
        let mut any = false;
        for id in cores.iter().filter_map(|&core| self.ids.get(core as usize)) {
            set.set(*id);
            any = true;
        }
        if any { set } else { self.all }
    }

    pub(crate) fn everything(&self) -> CpuSet {
        self.all
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Where processes are started.
#[derive(Debug, Clone)]
pub(crate) enum Spawner {
    /// On the thread that asks. `unpinned` is what work may run on that is not pinned: such work takes the thread as it is.
    Caller { unpinned: CpuSet },
    /// On threads of its own, which end when the last clone is dropped.
    Threads(Arc<Threads>),
}

/// The queue of a node's own threads; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Threads(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

struct Waiting {
    jobs: VecDeque<(CpuSet, Job)>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Spawner {
    /// With no `threads` of its own it uses the caller's.
    pub(crate) fn new(threads: usize, cpus: &Cpus) -> io::Result<Spawner> {
        if threads == 0 {
            let unpinned = cpus.everything();
            return Ok(Spawner::Caller { unpinned });
        }
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                closed: false,
            }),
            more: Condvar::new(),
        });
        // Made first: if a thread can not be, the ones before it end.
        let spawner = Spawner::Threads(Arc::new(Threads(queue.clone())));
        for n in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("spawn-{n}"))
                .spawn(move || queue.work())?;
        }
        Ok(spawner)
    }

    /// Runs `job` on a thread whose affinity is `cpus`. The answer is closed when the threads are gone.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        cpus: CpuSet,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> mpsc::Receiver<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = move || {
            let _ = answer.send(job());
        };
        match self {
            Spawner::Caller { unpinned } if *unpinned == cpus => job(),
            Spawner::Caller { .. } => pinned_to(&cpus, job),
            Spawner::Threads(threads) => {
                threads.0.lock().jobs.push_back((cpus, Box::new(job)));
                threads.0.more.notify_one();
            }
        }
        answered
    }
}

/// Runs `job` with another affinity on this thread, which is somebody else's: it gets its own back.
fn pinned_to(cpus: &CpuSet, job: impl FnOnce()) {
    let own = rustix::thread::sched_getaffinity(None);
    // Refused when the CPUs were taken from this process meanwhile: then it runs where it may.
    let _ = rustix::thread::sched_setaffinity(None, cpus);
    job();
    if let Ok(own) = own {
        let _ = rustix::thread::sched_setaffinity(None, &own);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut affinity = None;
        while let Some((cpus, job)) = self.next() {
            if affinity.as_ref() != Some(&cpus) {
                // Refused when the CPUs were taken from this process meanwhile: then it runs where it may.
                let _ = rustix::thread::sched_setaffinity(None, &cpus);
                affinity = Some(cpus);
            }
            job();
        }
    }

    fn next(&self) -> Option<(CpuSet, Job)> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .more
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_the_ones_that_the_node_was_given() {
        let mut all = CpuSet::new();
        [4, 6, 9].into_iter().for_each(|id| all.set(id));
        let cpus = Cpus {
            all,
            ids: vec![4, 6, 9],
        };
        let ids = |set: CpuSet| (0..20).filter(|&id| set.is_set(id)).collect::<Vec<_>>();
        assert_eq!(ids(cpus.set(&[0, 2])), [4, 9]);
        assert_eq!(ids(cpus.set(&[1, 70])), [6]);
        assert_eq!(ids(cpus.set(&[70])), [4, 6, 9]);
        assert_eq!(ids(cpus.set(&[])), [4, 6, 9]);
    }
}
