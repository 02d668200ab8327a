//! First come first served, and EASY backfilling, as native code over the policy's contract: written from the rules of the
//! papers and nothing else, so that the components' answers have something to agree with.

use std::collections::BTreeMap;

use jobyard_kernel::{Changes, Decision, Instant, NodeId, Plan, Share};
use jobyard_sim::{Arrivals, Scheduler, SchedulerFault};

/// The simulator's one node.
pub(crate) const NODE: NodeId = NodeId(1);

/// Who goes first behind the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backfill {
    /// Nobody: strict order.
    None,
    /// In the order of the queue.
    Fcfs,
    /// The shortest estimate.
    Sjbf,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) procs: u32,
    pub(crate) walltime: f64,
    pub(crate) submitted: f64,
}

/// What the order of the queue is by, at some time; the smallest goes first.
pub(crate) type Rank = fn(&Job, Instant) -> f64;

/// A policy for one node.
pub(crate) struct Easy {
    backfill: Backfill,
    rank: Option<Rank>,
    arrivals: Arrivals,
    free: u32,
    /// In the order of submission, which is that of the ids.
    queue: BTreeMap<u32, Job>,
    /// Expected end and size.
    running: BTreeMap<u32, (f64, u32)>,
}

impl Easy {
    pub(crate) fn new(backfill: Backfill) -> Self {
        let arrivals = match backfill {
            Backfill::None | Backfill::Fcfs => Arrivals::Fitting,
            Backfill::Sjbf => Arrivals::All,
        };
        Self {
            backfill,
            rank: None,
            arrivals,
            free: 0,
            queue: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// EASY in the order of a rank.
    pub(crate) fn ranked(rank: Rank) -> Self {
        Self {
            rank: Some(rank),
            ..Self::new(Backfill::Fcfs).asked_always()
        }
    }

    /// Asked after every arrival, whether it needs that or not.
    pub(crate) fn asked_always(self) -> Self {
        Self {
            arrivals: Arrivals::All,
            ..self
        }
    }

    fn take_in(&mut self, changes: &Changes) {
        for id in &changes.removed_jobs {
            self.queue.remove(&id.0);
            self.running.remove(&id.0);
        }
        if let Some(node) = changes.nodes.last() {
            self.free = node.free_cores;
        }
        for row in &changes.jobs {
            let job = Job {
                procs: row.min,
                walltime: row.walltime,
                submitted: row.submitted,
            };
            self.queue.insert(row.id.0, job);
        }
        for given in &changes.allocations {
            if let Some(job) = self.queue.remove(&given.job.0) {
                let end = given.started + job.walltime;
                self.running.insert(given.job.0, (end, job.procs));
            }
        }
    }

    fn start(&mut self, id: u32, now: Instant, decisions: &mut Vec<Decision>) {
        let Some(job) = self.queue.remove(&id) else {
            return;
        };
        self.free -= job.procs;
        self.running.insert(id, (now + job.walltime, job.procs));
        let share = Share {
            node: NODE,
            cores: job.procs,
            gpus: 0,
        };
        decisions.push(Decision::Start {
            job: jobyard_kernel::JobId(id),
            shares: vec![share],
        });
    }

    /// When the head can start, and how many processors are left over then.
    fn shadow(&self, head: Job) -> (f64, u32) {
        let mut ends: Vec<_> = self.running.values().copied().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut free, mut shadow) = (self.free, 0.0);
        for (end, procs) in ends {
            if free >= head.procs && end > shadow {
                break;
            }
            free += procs;
            shadow = end;
        }
        (shadow, free - head.procs)
    }
}

impl Scheduler for Easy {
    fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        self.take_in(&changes);
        let mut decisions = Vec::new();
        let mut queue: Vec<_> = self.queue.iter().map(|(id, job)| (*id, *job)).collect();
        if let Some(rank) = self.rank {
            queue.sort_by(|a, b| rank(&a.1, now).total_cmp(&rank(&b.1, now)));
        }
        let mut starts = 0;
        while let Some((id, _)) = queue.get(starts).filter(|(_, job)| job.procs <= self.free) {
            self.start(*id, now, &mut decisions);
            starts += 1;
        }
        queue.drain(..starts);
        if self.backfill == Backfill::None || queue.len() < 2 {
            return Ok(Plan {
                decisions,
                wake_at: None,
            });
        }
        let head = queue.remove(0).1;
        let (shadow, mut extra) = self.shadow(head);
        if self.backfill == Backfill::Sjbf {
            queue.sort_by(|a, b| a.1.walltime.total_cmp(&b.1.walltime));
        }
        for (id, job) in queue {
            if job.procs > self.free {
                continue;
            }
            if now + job.walltime <= shadow {
                self.start(id, now, &mut decisions);
            } else if job.procs <= extra {
                extra -= job.procs;
                self.start(id, now, &mut decisions);
            }
        }
        Ok(Plan {
            decisions,
            wake_at: None,
        })
    }
}
