//! `decide`: what a command comes to, or why it is refused. Changes nothing.
//!
//! Each function asks in a fixed order and returns the first reason: does it exist, may they, is the state right.
//! Here each command is sent to the function that knows it; [`jobs`], [`tasks`], [`nodes`] and [`policies`] are about one kind of thing each,
//! [`roles`] says who may, [`time`] what is due.

mod added;
mod cluster;
mod filters;
mod jobs;
mod modify;
mod nodes;
mod policies;
mod roles;
mod tasks;
mod time;

use crate::archive;
use crate::{Command, Fact, NodeId, Rejection, State, Timestamp, proposal, report, validate};
use added::{add_tasks, configure_task, modify_task, submit_task};
use cluster::{remove_template, set_environment, set_parameter, set_template, template};
use jobs::{
    add_job, cancel_job, check_message, finish_job, hold_job, queue_job, requeue_job, submit_job,
};
use modify::{clone_job, configure_job, delete_job, modify_job, purge_job, purge_jobs};
use nodes::{set_node_groups, set_node_reachable, set_node_state};
use roles::{Right, may, may_administer};
use tasks::{Which, cancel_task, conclude_service, finish_task, requeue_task};

type Facts = Result<Vec<Fact>, Rejection>;

/// What a command comes to at this moment, or why it is refused.
///
/// A pure function of the state, the command and the time. What the rules make of its result without being
/// asked is [`crate::follow`]; [`crate::step`] does both.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Facts {
    match command {
        Command::SetParameters(parameters) => {
            Ok(vec![Fact::ParametersSet(Box::new(parameters.clone()))])
        }
        Command::SetParameter { by, name, value } => {
            set_parameter(state, by, name, value.as_deref())
        }
        Command::SetEnvironment { by, name, value } => {
            set_environment(state, by, name, value.as_deref())
        }
        Command::SetTemplate { by, template } => set_template(state, by, template),
        Command::RemoveTemplate { by, name } => remove_template(state, by, name),
        Command::AddNode(spec) => {
            validate::check_node(state, spec)?;
            let node = state
                .last_node
                .checked_add(1)
                .ok_or(Rejection::NoIdsLeft("node"))?;
            Ok(vec![Fact::NodeAdded {
                node: NodeId(node),
                spec: spec.clone(),
            }])
        }
        Command::SetNodeState {
            by,
            node,
            state: wanted,
        } => {
            may_administer(by, "change the state of nodes")?;
            set_node_state(state, *node, *wanted)
        }
        Command::SetNodeReachable { node, reachable } => {
            set_node_reachable(state, *node, *reachable)
        }
        Command::SetNodeGroups { by, node, groups } => {
            may_administer(by, "change the groups of nodes")?;
            set_node_groups(state, *node, groups)
        }
        Command::AddJob { by, spec, tasks } => add_job(state, by, spec, tasks),
        Command::QueueJob { by, spec, tasks } => queue_job(state, by, spec, tasks),
        Command::CloneJob { by, job } => {
            clone_job(state, by, may(state, by, *job, "clone", Right::Modify)?)
        }
        Command::ModifyJob { by, job, spec } => {
            let job = may(state, by, *job, "modify", Right::Modify)?;
            modify_job(state, by, job, spec)
        }
        Command::DeleteJob { by, job } => {
            delete_job(may(state, by, *job, "delete", Right::Modify)?)
        }
        Command::PurgeJob { by, job } => purge_job(state, by, *job),
        Command::PurgeJobs { by, ended_before } => purge_jobs(state, by, *ended_before),
        Command::AddTasks {
            by,
            job,
            tasks,
            submit,
        } => {
            let job = may(state, by, *job, "add tasks to", Right::Modify)?;
            add_tasks(state, job, tasks, *submit)
        }
        Command::SubmitTask { by, job, task } => {
            let job = may(state, by, *job, "submit a task of", Right::Modify)?;
            submit_task(state, job, *task)
        }
        Command::ConfigureTask { by, job, task } => {
            let job = may(state, by, *job, "configure a task of", Right::Modify)?;
            configure_task(job, *task)
        }
        Command::ModifyTask {
            by,
            job,
            task,
            spec,
        } => {
            let job = may(state, by, *job, "modify a task of", Right::Modify)?;
            modify_task(job, *task, spec)
        }
        Command::SubmitJob { by, job } => {
            let job = may(state, by, *job, "submit", Right::Modify)?;
            template(state, by, &job.spec)?;
            submit_job(job)
        }
        Command::ConfigureJob { by, job } => {
            configure_job(may(state, by, *job, "configure", Right::Modify)?)
        }
        Command::CancelJob {
            by,
            job,
            message,
            how,
        } => cancel_job(state, by, *job, message, *how),
        Command::FinishJob {
            by,
            job,
            message,
            graceful,
        } => {
            check_message(message)?;
            finish_job(
                state,
                by,
                may(state, by, *job, "finish", Right::Operate)?,
                message,
                *graceful,
            )
        }
        Command::RequeueJob { by, job } => {
            requeue_job(state, may(state, by, *job, "requeue", Right::Operate)?)
        }
        Command::HoldJob { by, job, until } => hold_job(
            by,
            may(state, by, *job, "hold", Right::Modify)?,
            *until,
            now,
        ),
        Command::CancelTask {
            by,
            job,
            task,
            instance,
            message,
            forced,
        } => {
            check_message(message)?;
            let job = may(state, by, *job, "cancel a task of", Right::Operate)?;
            let which = Which::new(job, *task, *instance);
            cancel_task(state, which, by, message, *forced)
        }
        Command::ConcludeService {
            by,
            job,
            task,
            stop,
        } => {
            let job = may(state, by, *job, "conclude a service of", Right::Operate)?;
            conclude_service(state, Which::new(job, *task, None), by, *stop)
        }
        Command::FinishTask {
            by,
            job,
            task,
            instance,
            message,
        } => {
            check_message(message)?;
            let job = may(state, by, *job, "finish a task of", Right::Operate)?;
            finish_task(state, Which::new(job, *task, *instance), by, message)
        }
        Command::RequeueTask {
            by,
            job,
            task,
            instance,
        } => {
            let job = may(state, by, *job, "requeue a task of", Right::Operate)?;
            requeue_task(state, Which::new(job, *task, *instance), by)
        }
        Command::Propose(decision) => Ok(proposal::decide(state, decision, now)?),
        Command::Report(report) => report::decide(state, report),
        Command::FilterAnswer { question, answer } => {
            filters::answer(state, *question, answer, now)
        }
        Command::StorePolicy { by, policy } => policies::store(state, by, policy, now),
        Command::ActivatePolicy {
            by,
            setup,
            cause,
            why,
            guard,
        } => policies::activate(state, by, setup, *cause, why, *guard, now),
        Command::ShadowPolicy { by, setup, why } => {
            policies::shadow(state, by, setup.as_ref(), why, now)
        }
        Command::CanaryPolicy { by, trial, why } => {
            let trial = trial.as_ref().map(|(setup, part)| (setup, part));
            policies::canary(state, by, trial, why, now)
        }
        Command::PolicyPassed(record) => Ok(vec![Fact::PolicyPassed(record.clone())]),
        Command::PolicyFaulted(fault) => Ok(vec![Fact::PolicyFaulted(fault.clone())]),
        Command::KeepAnswer(answer) => {
            state.answers.may_keep(answer, now)?;
            Ok(vec![Fact::AnswerKept(answer.clone())])
        }
        Command::Tick => Ok(time::due(state, now)),
        Command::ArchiveJobs(jobs) => Ok(archive::archive(state, jobs)),
        Command::RecallJob(job) => archive::recall(state, job),
        Command::PurgeHistory { ended_before } => Ok(archive::purge_history(*ended_before, now)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Actor, NodeSpec};

    #[test]
    fn ids_run_out_before_they_are_used_again() {
        let state = State {
            last_job: u32::MAX,
            last_node: u32::MAX,
            ..State::new()
        };
        let job = Command::AddJob {
            by: Actor::administrator("root"),
            spec: Arc::default(),
            tasks: Vec::new(),
        };
        let refused = decide(&state, &job, Timestamp(0));
        assert_eq!(refused, Err(Rejection::NoIdsLeft("job")));
        let node = Command::AddNode(NodeSpec {
            name: "n1".into(),
            cores: 1,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
            groups: Vec::new(),
        });
        let refused = decide(&state, &node, Timestamp(0));
        assert_eq!(refused, Err(Rejection::NoIdsLeft("node")));
    }
}
