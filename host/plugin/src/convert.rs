//! Between the kernel's plain data and the generated types, field by field; for changes see [`crate::changes`].

use std::path::Path;

use jobyard_kernel::{Assignment, Decision, JobId, NodeId, Plan, Share};

use crate::bindings::executor::jobyard::plugin::work;
use crate::bindings::policy::exports::jobyard::plugin::policy as wit;

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
