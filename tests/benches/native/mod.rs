//! The policy `backfill` compiled natively: what its component is compared with.
//!
//! Takes the kernel's `Changes` and answers its `Plan`, as the component does behind the plugin host. The policy is written
//! against the types of the guests' bindings, so both are converted here: that belongs to calling it natively, as lowering and
//! lifting belong to calling the component. Columns are taken over, not copied.

use jobyard_kernel::{self as kernel, JobId, NodeId, SetId};
use jobyard_plugin_sdk::policy::{self as guest, Policy, Traits};
use jobyard_policy_backfill::Backfill;
use jobyard_sim::{Arrivals, Scheduler, SchedulerFault};

/// One instance.
pub(crate) struct Native {
    policy: Backfill,
    traits: Traits,
}

impl Native {
    /// With these settings.
    ///
    /// # Panics
    /// When the policy refuses them.
    pub(crate) fn new(settings: &[(String, String)]) -> Native {
        let mut policy = Backfill::default();
        let traits = policy.configure(settings).expect("good settings");
        Native { policy, traits }
    }

    /// One pass.
    pub(crate) fn pass(&mut self, now: kernel::Instant, changes: kernel::Changes) -> kernel::Plan {
        plan(self.policy.schedule(now, &told(changes)))
    }
}

impl Scheduler for Native {
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
        removed_nodes,
        removed_sets,
        jobs,
        nodes,
        sets,
    } = changes;
    guest::Changes {
        removed_jobs: job_ids(removed_jobs),
        removed_nodes: node_ids(removed_nodes),
        removed_sets: set_ids(removed_sets),
        jobs: guest::Jobs {
            id: job_ids(jobs.id),
            state: jobs.state,
            flags: jobs.flags,
            priority: jobs.priority,
            position: jobs.position,
            submitted: jobs.submitted,
            started: jobs.started,
            walltime: jobs.walltime,
            unit: jobs.unit,
            min: jobs.min,
            max: jobs.max,
            demand: jobs.demand,
            candidates: set_ids(jobs.candidates),
            share_count: jobs.share_count,
            share_node: node_ids(jobs.share_node),
            share_cores: jobs.share_cores,
            share_gpus: jobs.share_gpus,
            numbers: jobs.numbers,
            texts: jobs.texts,
        },
        nodes: guest::Nodes {
            id: node_ids(nodes.id),
            state: nodes.state,
            cores: nodes.cores,
            free_cores: nodes.free_cores,
            sockets: nodes.sockets,
            gpus: nodes.gpus,
            free_gpus: nodes.free_gpus,
            memory: nodes.memory,
            numbers: nodes.numbers,
            texts: nodes.texts,
        },
        sets: guest::CandidateSets {
            id: set_ids(sets.id),
            node_count: sets.node_count,
            node: node_ids(sets.node),
        },
    }
}

// Collecting a vector of ids into one of their numbers reuses the allocation.

fn job_ids(ids: Vec<JobId>) -> Vec<u32> {
    ids.into_iter().map(|JobId(id)| id).collect()
}

fn node_ids(ids: Vec<NodeId>) -> Vec<u32> {
    ids.into_iter().map(|NodeId(id)| id).collect()
}

fn set_ids(ids: Vec<SetId>) -> Vec<u32> {
    ids.into_iter().map(|SetId(id)| id).collect()
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
