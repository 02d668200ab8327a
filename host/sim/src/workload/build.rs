//! From jobs as a host knows them to jobs that can be run again: the rules of [`super`], carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jobyard_kernel::{Job, JobId, JobKind, JobSpec, NodeSpec, Phase, Span, State, Timestamp};

use super::{Assumed, LeftOut, Runs, Window, Workload, WorkloadError, WorkloadJob};
use crate::{
    drive::{Machine, template_of, work},
    metrics::JobTimes,
    swf::JOBS_MAX,
};

/// A job that ran, before it is known which others did.
struct Ran {
    job: Arc<Job>,
    submitted: Timestamp,
    started: Timestamp,
    ended: Timestamp,
}

pub(super) fn workload(
    name: String,
    (state, end): (&State, Timestamp),
    jobs: Vec<Arc<Job>>,
    runs: &Runs,
    window: Window,
) -> Result<Workload, WorkloadError> {
    let nodes: Vec<NodeSpec> = state.nodes().map(|node| node.spec.clone()).collect();
    if nodes.is_empty() {
        return Err(WorkloadError::NoNodes { name });
    }
    let (mut left_out, mut assumed) = (LeftOut::default(), Assumed::default());
    let mut ran: Vec<Ran> = Vec::new();
    for job in jobs {
        ran.extend(
            run_of(job, end, runs, &mut left_out, &mut assumed)
                .filter(|ran| window.touches(ran.submitted, ran.ended)),
        );
    }
    if ran.len() > JOBS_MAX {
        let max = JOBS_MAX;
        return Err(WorkloadError::TooManyJobs { name, max });
    }
    ran.sort_by_key(|ran| (ran.submitted, ran.job.id));
    let users: BTreeSet<&str> = ran.iter().map(|ran| ran.job.spec.owner.as_str()).collect();
    let users: Vec<String> = users.into_iter().map(str::to_string).collect();

    let machine = Machine::new(&nodes, state.parameters().clone())
        .map_err(|_| WorkloadError::NoNodes { name: name.clone() })?;
    let mut index: BTreeMap<JobId, JobId> = BTreeMap::new();
    let mut all: Vec<WorkloadJob> = Vec::with_capacity(ran.len());
    for ran in ran {
        let seen = runs.of(ran.job.id);
        let given = seen.given.map(|given| given.units(ran.job.spec.unit));
        // An exclusive job has all of its nodes, which may be more than it asked for.
        let (min, max) = (ran.job.min.max(1), ran.job.max.max(ran.job.min).max(1));
        let units = given.unwrap_or(min).clamp(min, max);
        let parents: Vec<JobId> = ran
            .job
            .spec
            .parent_jobs
            .iter()
            .filter_map(|id| index.get(id))
            .copied()
            .collect();
        let parents_unknown = parents.len() < ran.job.spec.parent_jobs.len();
        let (spec, task) = (Arc::new(rigid(&ran.job.spec, units, parents)), work(units));
        if !machine.takes(&spec, &task) {
            left_out.impossible += 1;
            continue;
        }
        assumed.size_unknown += u64::from(given.is_none());
        assumed.parents_unknown += u64::from(parents_unknown);
        assumed.resized += u64::from(seen.resized);
        let user = users.binary_search_by(|user| user.as_str().cmp(&ran.job.spec.owner));
        let times = JobTimes {
            submit_us: ran.submitted.0,
            start_us: ran.started.0,
            end_us: ran.ended.0,
            procs: seen.given.map_or(units, |given| given.cores),
            user: user.ok().map(|user| user as u32),
        };
        index.insert(ran.job.id, JobId(all.len() as u32 + 1));
        all.push(WorkloadJob {
            id: ran.job.id.0,
            times,
            compared: window.has(ran.submitted),
            limit_us: ran.job.spec.runtime.map(|limit| limit.0),
            spec,
            task,
        });
    }
    if !all.iter().any(|job| job.compared) {
        let LeftOut {
            never_started,
            still_waiting,
            command_jobs,
            impossible,
        } = left_out;
        let left_out = never_started + still_waiting + command_jobs + impossible;
        return Err(WorkloadError::Empty { name, left_out });
    }
    Ok(Workload {
        name,
        nodes,
        jobs: all,
        users,
        cluster: state.parameters().clone(),
        left_out,
        assumed,
    })
}

/// The last run of a job, if it had one.
fn run_of(
    job: Arc<Job>,
    end: Timestamp,
    runs: &Runs,
    left_out: &mut LeftOut,
    assumed: &mut Assumed,
) -> Option<Ran> {
    if job.spec.kind == JobKind::Command {
        left_out.command_jobs += 1;
        return None;
    }
    let ended = match job.phase {
        Phase::Ended(_) => job.times.ended,
        Phase::Running | Phase::Ending(_) => None,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued => {
            left_out.still_waiting += u64::from(job.phase != Phase::Configuring);
            return None;
        }
    };
    let Some((submitted, started)) = job.times.submitted.zip(job.times.started) else {
        left_out.never_started += u64::from(ended.is_some());
        return None;
    };
    assumed.queued_again += u64::from(job.requeue_count > 0);
    assumed.still_running += u64::from(ended.is_none());
    let queued = runs.of(job.id).queued_for_run;
    let held = job.spec.hold_until.filter(|&until| until <= started);
    let submitted = [Some(submitted), queued, held]
        .into_iter()
        .flatten()
        .max()?;
    let least = started + Span(1);
    Some(Ran {
        submitted: submitted.min(started),
        started,
        ended: ended.unwrap_or(end).max(least),
        job,
    })
}

/// What the job asks for, as large as it was and no larger, and without what the simulation has not.
fn rigid(spec: &JobSpec, units: u32, parents: Vec<JobId>) -> JobSpec {
    JobSpec {
        min: Some(units),
        max: Some(units),
        can_grow: false,
        can_shrink: false,
        can_preempt: false,
        run_until_canceled: false,
        hold_until: None,
        environment: Vec::new(),
        template: template_of(&spec.pool),
        given: Vec::new(),
        parent_jobs: parents,
        ..spec.clone()
    }
}
