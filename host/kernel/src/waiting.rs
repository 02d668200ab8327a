//! Why a queued job waits: HPC Pack's reason codes (`PendingReason`), and the answer for any job at any time.

use crate::{HeldBy, Job, JobId, NodeState, Phase, QueueKey, State, Waiting};

/// Nothing is known to be in its way: the next pass may start it.
pub const NONE: u32 = 0;
/// Not enough free resources that it may use.
pub const NOT_ENOUGH_RESOURCE: u32 = 1;
/// A job of higher priority is before it.
pub const HIGHER_PRIORITY_JOB: u32 = 2;
/// A job of the same priority that was submitted earlier is before it.
pub const JOB_SUBMITTED_EARLIER: u32 = 3;
/// A task dependency is not done.
pub const DEPENDENCY_NOT_DONE: u32 = 4;
/// Nodes that it requires are not available.
pub const REQUIRED_NODES_NOT_AVAILABLE: u32 = 5;
/// An activation filter has not answered.
pub const ACTIVATION_FILTER: u32 = 6;
/// No broker node; not used here.
pub const NO_BROKER_NODE: u32 = 7;
/// Held by an activation filter.
pub const HELD_BY_ACTIVATION_FILTER: u32 = 8;
/// Held by an administrator.
pub const HELD_BY_ADMIN: u32 = 9;
/// Held by its user.
pub const HELD_BY_USER: u32 = 10;
/// A parent job was canceled or failed.
pub const PARENT_JOBS_CANCELED_OR_FAILED: u32 = 11;
/// A parent job is not finished.
pub const PARENT_JOBS_NOT_FINISHED: u32 = 12;
/// Nothing free in the node group that it asked for.
pub const NO_RESOURCE_IN_NODE_GROUP: u32 = 13;
/// From here on the codes are the policy's own.
pub const POLICY_OWN: u32 = 1_000;

impl State {
    /// Why a job waits; none for a job that is not queued. The policy's words where it said something, otherwise what
    /// the kernel sees by itself.
    pub fn why_waiting(&self, id: JobId) -> Option<Waiting> {
        let job = self.job(id).filter(|job| job.phase == Phase::Queued)?;
        let said = |reason, text: String| Some(Waiting { reason, text });
        if job.is_held() {
            return match job.held_by {
                HeldBy::User => said(HELD_BY_USER, "held".into()),
                HeldBy::Administrator => said(HELD_BY_ADMIN, "held by an administrator".into()),
            };
        }
        if let Some(waiting) = &job.waiting {
            return Some(waiting.clone());
        }
        let (free, could) = self.free_for(job);
        let what = |n: u64| format!("needs {} cores, {n} are free", job.min);
        if could < u64::from(job.min) {
            let text = format!(
                "needs {} cores, the nodes that take jobs now have {could}",
                job.min
            );
            return said(REQUIRED_NODES_NOT_AVAILABLE, text);
        }
        if free < u64::from(job.min) {
            return said(NOT_ENOUGH_RESOURCE, what(free));
        }
        let own = QueueKey::of(job);
        match self
            .queue
            .iter()
            .find(|key| self.jobs.get(&key.job).is_some_and(|j| !j.is_held()))
        {
            Some(first) if first.job != id && first.same_priority(&own) => said(
                JOB_SUBMITTED_EARLIER,
                format!("job {} is before it", first.job),
            ),
            Some(first) if first.job != id => said(
                HIGHER_PRIORITY_JOB,
                format!("job {} has a higher priority", first.job),
            ),
            _ => said(NONE, "the next pass may start it".into()),
        }
    }

    /// Cores that are free for a job now, and that it could have were they all free.
    fn free_for(&self, job: &Job) -> (u64, u64) {
        let nodes = self
            .nodes()
            .filter(|n| n.state == NodeState::Online && self.is_candidate(job, n.id));
        nodes.fold((0, 0), |(free, all), n| {
            let usable = match job.spec.exclusive && !n.jobs.is_empty() {
                true => 0,
                false => u64::from(n.usable_cores()),
            };
            (free + usable, all + u64::from(n.spec.cores))
        })
    }
}
