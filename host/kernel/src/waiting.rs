//! Why a queued job waits: HPC Pack's reason codes (`PendingReason`), and the answer for any job at any time.

use crate::{HeldBy, Job, JobId, Node, NodeId, Phase, QueueKey, State, Waiting};

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
/// Jobs named in one text.
const SHOWN_MAX: usize = 10;

/// From here on the codes are the policy's own.
pub const POLICY_OWN: u32 = 1_000;

impl State {
    /// Why a job waits; none for a job that is not queued. The policy's words where it said something, otherwise what
    /// the kernel sees by itself.
    pub fn why_waiting(&self, id: JobId) -> Option<Waiting> {
        let job = self
            .job(id)
            .filter(|job| matches!(job.phase, Phase::Queued))?;
        let said = |reason, text: String| Some(Waiting { reason, text });
        if job.is_held() {
            return match job.held_by {
                HeldBy::User => said(HELD_BY_USER, "held".into()),
                HeldBy::Administrator => said(HELD_BY_ADMIN, "held by an administrator".into()),
                HeldBy::ActivationFilter => said(HELD_BY_ACTIVATION_FILTER, held_by_filter(job)),
            };
        }
        if !job.open_parents.is_empty() {
            return Some(self.waits_for_parents(job));
        }
        if let Some(text) = waits_for_filter(job) {
            return said(ACTIVATION_FILTER, text);
        }
        if let Some(by) = self.held_up_by(job) {
            let text = format!("an activation filter holds the queue for job {by}");
            return said(ACTIVATION_FILTER, text);
        }
        if let Some(waiting) = &job.waiting {
            return Some(waiting.clone());
        }
        let (free, could) = self.free_for(job);
        let needs = job.spec.unit.count(job.min);
        if could < u64::from(job.min) {
            let text = format!("needs {needs}, the nodes that take jobs now have {could}");
            return said(REQUIRED_NODES_NOT_AVAILABLE, text);
        }
        if free < u64::from(job.min) {
            let reason = match job.spec.node_groups.is_empty() {
                true => NOT_ENOUGH_RESOURCE,
                false => NO_RESOURCE_IN_NODE_GROUP,
            };
            let are = if free == 1 { "is" } else { "are" };
            return said(reason, format!("needs {needs}, {free} {are} free"));
        }
        if let Some(waiting) = self.waits_for_needs(job) {
            return Some(waiting);
        }
        let own = QueueKey::of(job);
        match self
            .queue
            .iter()
            .find(|key| self.jobs.get(&key.job).is_some_and(Job::may_start))
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

    fn waits_for_parents(&self, job: &Job) -> Waiting {
        let ids = |jobs: &[JobId]| {
            let shown: Vec<String> = jobs.iter().take(SHOWN_MAX).map(JobId::to_string).collect();
            let more = if jobs.len() > SHOWN_MAX { ", …" } else { "" };
            shown.join(", ") + more
        };
        let (bad, open): (Vec<JobId>, Vec<JobId>) =
            (job.open_parents.iter()).partition(|&&parent| self.ended_as(parent).is_some());
        match bad.is_empty() {
            true => Waiting {
                reason: PARENT_JOBS_NOT_FINISHED,
                text: format!("waits for job {}", ids(&open)),
            },
            false => Waiting {
                reason: PARENT_JOBS_CANCELED_OR_FAILED,
                text: format!("waits for job {}, which failed or was canceled", ids(&bad)),
            },
        }
    }

    /// What its tasks need of certain nodes and is not there, or not free.
    fn waits_for_needs(&self, job: &Job) -> Option<Waiting> {
        let usable = |node: NodeId| {
            let node = self.node(node).filter(|n| n.takes_jobs());
            node.filter(|n| self.is_candidate(job, n.id))
        };
        let idle = |node| usable(node).map_or(0, |n| job.spec.unit.of_node(&n.spec));
        let free = |node| usable(node).map_or(0, |n| self.free_units(job, n));
        let (need, there) = match self.unmet(job, idle) {
            Some(need) => (need, false),
            None => (self.unmet(job, free)?, true),
        };
        let units = job.spec.unit.count(need.least);
        let some = || format!("a task needs {units} of {need}");
        let (reason, text) = match (need.is_node, there) {
            (true, true) => (
                REQUIRED_NODES_NOT_AVAILABLE,
                format!("a task requires {need}, which is not free"),
            ),
            (true, false) => (
                REQUIRED_NODES_NOT_AVAILABLE,
                format!("a task requires {need}, which takes no jobs now"),
            ),
            (false, true) => (
                NO_RESOURCE_IN_NODE_GROUP,
                format!("{}, fewer are free", some()),
            ),
            (false, false) => (
                NO_RESOURCE_IN_NODE_GROUP,
                format!("{}, fewer take jobs now", some()),
            ),
        };
        Some(Waiting { reason, text })
    }

    /// Units that are free for a job now, and that it could have were they all free.
    fn free_for(&self, job: &Job) -> (u64, u64) {
        let set = self.sets.get(&job.candidates);
        match set.and_then(|set| set.selector.uniform_groups()) {
            None => self.free_where(job, |_| true),
            Some(groups) => {
                let of = |group| self.free_where(job, |n| n.spec.groups.contains(group));
                let all = groups.iter().map(of);
                all.fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
            }
        }
    }

    /// The same on some of the nodes: together, or for a job on a single node the most that one has.
    fn free_where(&self, job: &Job, counts: impl Fn(&Node) -> bool) -> (u64, u64) {
        let nodes = self
            .nodes()
            .filter(|n| n.takes_jobs() && self.is_candidate(job, n.id) && counts(n));
        nodes.fold((0, 0), |(free, all), n| {
            let now = u64::from(self.free_units(job, n));
            let idle = u64::from(job.spec.unit.of_node(&n.spec));
            match job.spec.single_node {
                true => (free.max(now), all.max(idle)),
                false => (free + now, all + idle),
            }
        })
    }
}

/// What an activation filter has to do with a job that is not held.
fn waits_for_filter(job: &Job) -> Option<String> {
    let activation = job.activation.as_ref()?;
    let said = words(&activation.said);
    Some(match (activation.asked(), activation.grants.is_empty()) {
        (Some(filter), _) => format!("activation filter \"{filter}\" is being asked"),
        (None, true) => format!("an activation filter holds the queue for it{said}"),
        (None, false) => {
            format!("an activation filter keeps it from starting, its resources are reserved{said}")
        }
    })
}

fn held_by_filter(job: &Job) -> String {
    let said = job.activation.as_ref().map(|a| words(&a.said));
    format!("held by an activation filter{}", said.unwrap_or_default())
}

fn words(said: &str) -> String {
    match said.is_empty() {
        true => String::new(),
        false => format!(": {said}"),
    }
}
