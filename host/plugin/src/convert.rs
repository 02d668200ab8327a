//! Between the kernel's plain data and the generated types, field by field.
//!
//! Ids are a `u32` in both, so their columns keep their allocation on the way.

use jobyard_kernel::{Assignment, Changes, Decision, JobId, NodeId, Plan, SetId, Share};
use std::path::Path;

use crate::bindings::executor::jobyard::plugin::work;
use crate::bindings::policy::exports::jobyard::plugin::policy as wit;

pub(crate) fn changes(changes: Changes) -> wit::Changes {
    let Changes {
        removed_jobs,
        removed_nodes,
        removed_sets,
        jobs,
        nodes,
        sets,
    } = changes;
    wit::Changes {
        removed_jobs: job_ids(removed_jobs),
        removed_nodes: node_ids(removed_nodes),
        removed_sets: set_ids(removed_sets),
        jobs: wit::Jobs {
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
        nodes: wit::Nodes {
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
        sets: wit::CandidateSets {
            id: set_ids(sets.id),
            node_count: sets.node_count,
            node: node_ids(sets.node),
        },
    }
}

pub(crate) fn plan(plan: wit::Plan) -> Plan {
    let wit::Plan { decisions, wake_at } = plan;
    Plan {
        decisions: decisions.into_iter().map(decision).collect(),
        wake_at,
    }
}

fn decision(decision: wit::Decision) -> Decision {
    match decision {
        wit::Decision::Start(wit::Placement { job, shares: given }) => Decision::Start {
            job: JobId(job),
            shares: shares(given),
        },
        wit::Decision::Grow(wit::Placement { job, shares: given }) => Decision::Grow {
            job: JobId(job),
            shares: shares(given),
        },
        wit::Decision::Shrink(wit::Placement { job, shares: given }) => Decision::Shrink {
            job: JobId(job),
            shares: shares(given),
        },
        wit::Decision::Preempt(wit::Preemption { job, how, cores }) => Decision::Preempt {
            job: JobId(job),
            how,
            cores,
        },
        wit::Decision::Reserve(wit::Reservation {
            job,
            at,
            shares: given,
        }) => Decision::Reserve {
            job: JobId(job),
            at,
            shares: shares(given),
        },
        wit::Decision::Wait(wit::Waiting { job, reason, text }) => Decision::Wait {
            job: JobId(job),
            reason,
            text,
        },
    }
}

fn shares(shares: Vec<wit::Share>) -> Vec<Share> {
    let share = |wit::Share { node, cores, gpus }| Share {
        node: NodeId(node),
        cores,
        gpus,
    };
    shares.into_iter().map(share).collect()
}

fn job_ids(ids: Vec<JobId>) -> Vec<u32> {
    ids.into_iter().map(|JobId(id)| id).collect()
}

fn node_ids(ids: Vec<NodeId>) -> Vec<u32> {
    ids.into_iter().map(|NodeId(id)| id).collect()
}

fn set_ids(ids: Vec<SetId>) -> Vec<u32> {
    ids.into_iter().map(|SetId(id)| id).collect()
}

/// The guest's view of a piece of work. What only the node needs (which plugin, pinning, the time limit) stays out.
pub(crate) fn assignment(assignment: &Assignment, scratch: &Path) -> work::Assignment {
    let execution = assignment.execution;
    work::Assignment {
        execution: work::Execution {
            job: execution.job.0,
            task: execution.task.0,
            instance: execution.instance,
            attempt: execution.attempt,
        },
        command_line: assignment.command_line.clone(),
        working_folder: assignment.working_folder.clone(),
        standard_input: assignment.standard_input.clone(),
        standard_output: assignment.standard_output.clone(),
        standard_error: assignment.standard_error.clone(),
        environment: assignment.environment.clone(),
        shares: assignment
            .shares
            .iter()
            .map(|share| work::Share {
                node: share.node.clone(),
                cores: share.cores.clone(),
                gpus: share.gpus.clone(),
            })
            .collect(),
        scratch_folder: scratch.display().to_string(),
        attributes: assignment.attributes.clone(),
    }
}
