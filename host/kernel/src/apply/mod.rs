//! `apply`: the only writer of the state. Cannot fail; live run, recovery and simulation all go through it.
//!
//! It trusts its events: they were decided on this very state. What does not fit is our bug and panics. Here each event is sent to the
//! function that knows it; [`jobs`], [`accounts`], [`filters`], [`nodes`], [`policies`] and [`work`] are about one kind of thing each.

mod accounts;
mod filters;
mod jobs;
mod nodes;
mod policies;
mod work;

use std::sync::Arc;

use crate::depend::relink;
use crate::few::FewSet;
use crate::instances::{conclude_queued, forget_failure, requeue_instances, set_draft};
use crate::{
    CoreSet, Event, Execution, Fact, Job, JobError, JobId, Node, NodeId, NodeState, Outcome, Phase,
    QueueKey, Run, SharePhase, State, Stop, TaskId, TaskSpec,
};

impl State {
    /// Makes the state what it is after the event.
    ///
    /// # Panics
    /// When the event does not fit the state: it was decided on another one.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        match &event.fact {
            Fact::ParametersSet(parameters) => self.set_parameters(at, parameters.as_ref().clone()),
            Fact::TemplateSet(template) => {
                let name = template.name.to_lowercase();
                self.templates.insert(name, template.clone());
            }
            Fact::TemplateRemoved { name } => drop(self.templates.remove(name)),
            Fact::NodeAdded { node, spec } => {
                self.last_node = node.0;
                self.nodes.insert(
                    *node,
                    Node {
                        id: *node,
                        spec: spec.clone(),
                        state: NodeState::Online,
                        unreachable: false,
                        free: CoreSet::first_n(spec.cores),
                        free_gpus: CoreSet::first_n(spec.gpus),
                        jobs: Default::default(),
                        exclusive: None,
                    },
                );
                self.choose_candidates_again();
            }
            Fact::NodeGroupsSet { node, groups } => {
                self.node_mut(*node).spec.groups.clone_from(groups);
                self.choose_candidates_again();
            }
            Fact::NodeReachable { node, reachable } => {
                self.node_mut(*node).unreachable = !reachable;
            }
            Fact::NodeStateChanged { node, state } => self.node_mut(*node).state = *state,
            Fact::JobAdded { job, spec, tasks } => self.job_added(at, *job, spec, tasks),
            Fact::JobConfigured { job } => {
                self.drop_candidates(*job);
                self.enter_phase(*job, Phase::Configuring, |job| {
                    job.requeue_count += u32::from(job.times.ended.is_some());
                    job.waiting = None;
                    job.reservation = None;
                    if job.counts.configuring > 0 {
                        (0..job.tasks.len()).for_each(|task| set_draft(job, task, false));
                        relink(job);
                    }
                });
            }
            Fact::JobModified { job, spec } => self.job_modified(at, *job, spec),
            Fact::MaximumChanged { job, max } => self.job_mut(*job).max = *max,
            Fact::TasksAdded { job, tasks, .. } => self.tasks_added(*job, tasks),
            Fact::TaskSubmitted { job, task } => self.task_submitted(*job, index(*task)),
            Fact::TaskConfigured { job, task } => self.task_configured(*job, index(*task)),
            Fact::TaskModified { job, task, spec } => {
                self.task_modified(*job, index(*task), spec);
            }
            Fact::JobSubmitted { job, first } => self.job_submitted(at, *job, *first),
            Fact::JobValidated { job, min, max } => self.job_validated(*job, *min, *max),
            Fact::JobInvalid { job, error } => {
                self.job_invalid(at, *job, JobError::Invalid(error.clone()))
            }
            Fact::ParentFinished { job, parent } => self.parent_finished(*job, *parent),
            Fact::HoldSet { job, until, by } => {
                self.set_activation(*job, None);
                self.with_timers(*job, |job| (job.hold_until, job.held_by) = (*until, *by));
            }
            Fact::WaitExplained { job, waiting } => {
                self.job_mut(*job).waiting = Some(waiting.clone())
            }
            Fact::Reserved { job, reservation } => {
                let job = self.job_mut(*job);
                job.reservation.clone_from(reservation);
                let key = QueueKey::of(job);
                match reservation {
                    Some(_) => self.reserved.insert(key),
                    None => self.reserved.remove(&key),
                };
            }
            Fact::JobStarted { job, grants } => self.job_started(at, *job, grants),
            Fact::JobGrown { job, grants } => {
                self.set_activation(*job, None);
                self.job_mut(*job).giving_back = None;
                self.grant(at, *job, grants);
            }
            Fact::JobPreempted { job, giving_back } => {
                self.job_mut(*job).giving_back = *giving_back;
            }
            Fact::CoresReturned { job, grant } => self.cores_returned(at, *job, grant),
            Fact::ShareClosed { job, node } => {
                let job = self.job_mut(*job);
                let share = job.shares.get_mut(node);
                let share = share.expect("the event's share is there");
                share.phase = SharePhase::Closing;
                let cores = share.cores.len();
                nodes::given_back(job, cores);
                index_share(job, *node);
            }
            Fact::TaskRequested {
                job,
                task,
                instance,
                request,
                message,
                ..
            } => self.task_requested(*job, *task, *instance, *request, message),
            Fact::Dispatched { job, works } => self.dispatched(at, *job, works),
            Fact::WorkStarted { execution } => self.work_started(at, *execution),
            Fact::WorkEnded {
                execution,
                verdict,
                code,
                error,
            } => {
                self.work_ended(*execution, *verdict, *code, error.as_deref());
            }
            Fact::StopRequested {
                job,
                executions,
                cause,
                grace,
            } => {
                for &execution in executions {
                    self.stop(
                        execution,
                        Stop {
                            cause: *cause,
                            grace: *grace,
                        },
                    );
                }
                // A stop of one task is not the job's own word to all that runs.
                if let Phase::Ending(closing) = &mut self.job_mut(*job).phase {
                    closing.told |= closing.cause == *cause;
                }
            }
            Fact::InstancesCanceled {
                job,
                task,
                instance,
                cause,
            } => {
                let outcome = Outcome::Canceled { cause: *cause };
                conclude_queued(self.job_mut(*job), index(*task), *instance, outcome);
                self.needs_less(*job);
            }
            Fact::InstancesFailed { job, task, cause } => {
                let outcome = Outcome::Failed {
                    cause: *cause,
                    code: None,
                };
                conclude_queued(self.job_mut(*job), index(*task), None, outcome);
                self.needs_less(*job);
            }
            Fact::TaskRequeued {
                job,
                task,
                instance,
            } => {
                let id = *job;
                let job = self.job_mut(id);
                requeue_instances(job, index(*task), *instance, |outcome| match outcome {
                    Outcome::Finished { .. } => false,
                    Outcome::Failed { .. } | Outcome::Canceled { .. } => true,
                });
                forget_failure(job);
                relink(job);
                self.choose_required(id);
            }
            Fact::JobEnding {
                job,
                closing,
                error,
            } => self.job_ending(*job, *closing, error.clone()),
            Fact::SharesFreed { job, nodes } => nodes
                .iter()
                .for_each(|&node| self.free_share(at, *job, node)),
            Fact::JobEnded { job } => self.job_ended(at, *job),
            Fact::JobPurged { job } | Fact::JobDeleted { job } => self.job_gone(*job),
            Fact::JobArchived { job } => self.archived(job.id),
            Fact::JobRecalled { job } => self.recalled(job),
            Fact::ScreeningBegun { job, filters } => self.screening_begun(*job, filters),
            Fact::FilterPassed { job } => self.filter_passed(*job),
            Fact::JobRejected { job, error } => self.job_invalid(at, *job, error.clone()),
            Fact::RevertEnded { question, .. } => drop(self.reverts.remove(question)),
            Fact::ActivationBegun {
                job,
                grants,
                filters,
                backfill,
            } => self.activation_begun(at, *job, grants, filters, *backfill),
            Fact::ActivationAsked { job, filter } => self.activation_asked(at, *job, *filter),
            Fact::ActivationDeferred {
                job,
                how,
                until,
                said,
            } => self.activation_deferred(*job, *how, *until, said),
            Fact::ActivationDue { job } => self.activation_due(*job),
            Fact::ActivationDropped { job } => self.set_activation(*job, None),
            Fact::PolicyStored(policy) => {
                let stored = &mut self.policies.stored;
                stored.insert(policy.digest.clone(), policy.clone());
            }
            Fact::PolicyActivated(activation) => self.policy_activated(activation),
            Fact::ShadowSet(shadow) => self.policies.shadow.clone_from(shadow),
            Fact::CanarySet(canary) => self.canary_set(canary),
            Fact::PolicyPassed(record) => self.policy_passed(record),
            // Counted with its pass.
            Fact::PolicyFaulted(_) => {}
            Fact::AnswerKept(answer) => self.answers.keep(at, answer),
            // History is kept elsewhere.
            Fact::HistoryPurged { .. } => {}
        }
    }

    // ---- look-ups of what an event names ----

    fn job_mut(&mut self, id: JobId) -> &mut Job {
        self.jobs.get_mut(&id).expect("the event's job is there")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("the event's node is there")
    }

    fn run_mut(&mut self, execution: Execution) -> (Arc<TaskSpec>, &mut Run) {
        let task = &mut self.job_mut(execution.job).tasks[index(execution.task)];
        let run = task
            .runs
            .get_mut(&execution.instance)
            .expect("the event's run is there");
        assert_eq!(
            run.attempt, execution.attempt,
            "events are about the current attempt"
        );
        (task.spec.clone(), run)
    }
}

/// A task's place in its job's list.
pub(crate) fn index(task: TaskId) -> usize {
    task.0 as usize - 1
}

/// Keeps the indices of shares in step after a change of one: what moves on, and where idle cores are.
fn index_share(job: &mut Job, node: NodeId) {
    let share = job.shares.get(&node);
    let ready = share.is_some_and(|share| share.phase == SharePhase::Ready);
    let put = |set: &mut FewSet<NodeId>, is: bool| match is {
        true => set.insert(node),
        false => set.remove(&node),
    };
    put(&mut job.unsettled, share.is_some() && !ready);
    put(
        &mut job.idle,
        ready && share.is_some_and(|share| !share.free.is_empty()),
    );
}
