//! A policy compiled natively: what its component is compared with.
//!
//! Takes the kernel's `Changes` and answers its `Plan`, as the component does behind the plugin host. The policy is written
//! against the types of the guests' bindings, so both are converted here: that belongs to calling it natively, as lowering and
//! lifting belong to calling the component. Columns are taken over, not copied.

use jobyard_kernel::{self as kernel, JobId, NodeId};
use jobyard_plugin_sdk::policy::{self as guest, Policy, Traits};
use jobyard_policy_backfill::Backfill;
use jobyard_sim::{Arrivals, Scheduler, SchedulerFault};

/// One instance.
pub(crate) struct Native<P = Backfill> {
    policy: P,
    traits: Traits,
}

impl<P: Policy> Native<P> {
    /// With these settings.
    ///
    /// # Panics
    /// When the policy refuses them.
    pub(crate) fn new(settings: &[(String, String)]) -> Native<P> {
        let mut policy = P::default();
        let traits = policy.configure(settings).expect("good settings");
        Native { policy, traits }
    }

    /// One pass.
    pub(crate) fn pass(&mut self, now: kernel::Instant, changes: kernel::Changes) -> kernel::Plan {
        plan(self.policy.schedule(now, &told(changes)))
    }
}

impl<P: Policy> Scheduler for Native<P> {
    fn arrivals(&self) -> Arrivals {
        Arrivals::of_traits(&self.traits)
    }

    fn schedule(
        &mut self,
        now: kernel::Instant,
        changes: kernel::Changes,
    ) -> Result<kernel::Plan, SchedulerFault> {
        Ok(self.pass(now, changes))
    }
}

fn told(changes: kernel::Changes) -> guest::Changes {
    let kernel::Changes {
        removed_jobs,
        nodes,
        sets,
        jobs,
        allocations,
        shares,
        columns,
    } = changes;
    // Collecting a vector into one of rows of the same size reuses the allocation.
    guest::Changes {
        removed_jobs: removed_jobs.into_iter().map(|JobId(id)| id).collect(),
        nodes: nodes.into_iter().map(node).collect(),
        sets: sets.into_iter().map(set).collect(),
        jobs: jobs.into_iter().map(job).collect(),
        allocations: allocations.into_iter().map(allocation).collect(),
        shares: shares.into_iter().map(held).collect(),
        columns: columns.into_iter().map(column).collect(),
    }
}

fn column(column: kernel::Column) -> guest::Column {
    guest::Column {
        name: column.name,
        values: match column.values {
            kernel::ColumnValues::Numbers(numbers) => guest::ColumnValues::Numbers(numbers),
            kernel::ColumnValues::Texts(texts) => guest::ColumnValues::Texts(texts),
        },
    }
}

fn node(row: kernel::NodeRow) -> guest::Node {
    guest::Node {
        id: row.id.0,
        state: row.state,
        cores: row.cores,
        free_cores: row.free_cores,
        sockets: row.sockets,
        gpus: row.gpus,
        free_gpus: row.free_gpus,
        memory: row.memory,
    }
}

fn set(row: kernel::SetRow) -> guest::CandidateSet {
    guest::CandidateSet {
        id: row.id.0,
        nodes: row.nodes.into_iter().map(|NodeId(id)| id).collect(),
    }
}

fn job(row: kernel::JobRow) -> guest::Job {
    guest::Job {
        id: row.id.0,
        flags: row.flags,
        priority: row.priority,
        unit: row.unit,
        min: row.min,
        max: row.max,
        demand: row.demand,
        candidates: row.candidates.0,
        position: row.position,
        submitted: row.submitted,
        walltime: row.walltime,
    }
}

fn allocation(row: kernel::AllocationRow) -> guest::Allocation {
    guest::Allocation {
        job: row.job.0,
        state: row.state,
        demand: row.demand,
        share_count: row.share_count,
        started: row.started,
    }
}

fn held(share: kernel::Share) -> guest::Share {
    guest::Share {
        node: share.node.0,
        cores: share.cores,
        gpus: share.gpus,
    }
}

fn plan(plan: guest::Plan) -> kernel::Plan {
    let decisions = plan.decisions.into_iter().map(decision).collect();
    kernel::Plan {
        decisions,
        wake_at: plan.wake_at,
    }
}

fn decision(decision: guest::Decision) -> kernel::Decision {
    match decision {
        guest::Decision::Start(placement) => kernel::Decision::Start {
            job: JobId(placement.job),
            shares: shares(placement.shares),
        },
        guest::Decision::Grow(placement) => kernel::Decision::Grow {
            job: JobId(placement.job),
            shares: shares(placement.shares),
        },
        guest::Decision::Shrink(placement) => kernel::Decision::Shrink {
            job: JobId(placement.job),
            shares: shares(placement.shares),
        },
        guest::Decision::Preempt(guest::Preemption { job, how, cores }) => {
            kernel::Decision::Preempt {
                job: JobId(job),
                how,
                cores,
            }
        }
        guest::Decision::Reserve(guest::Reservation {
            job,
            at,
            shares: given,
        }) => kernel::Decision::Reserve {
            job: JobId(job),
            at,
            shares: shares(given),
        },
        guest::Decision::Wait(guest::Waiting { job, reason, text }) => kernel::Decision::Wait {
            job: JobId(job),
            reason,
            text,
        },
    }
}

fn shares(shares: Vec<guest::Share>) -> Vec<kernel::Share> {
    let share = |guest::Share { node, cores, gpus }| kernel::Share {
        node: NodeId(node),
        cores,
        gpus,
    };
    shares.into_iter().map(share).collect()
}
