//! A copy of the live state that goes on by itself: jobs end when their limits are over, nodes and filters answer at once.

use std::collections::BTreeSet;

use jobyard_kernel::filter::{FilterAnswer, QuestionKind};
use jobyard_kernel::{
    Actor, Command, Ending, Event, Execution, Fact, FromNode, Job, JobId, Manner, Mirror,
    Parameters, Phase, Plan, Rejection, Span, State, StopCause, TaskId, TaskKind, Timestamp, step,
};

use super::{Expected, Limit, Limits, Place};
use crate::scheduler::{Arrivals, Scheduler, SchedulerFault};

/// Who ends jobs.
const BY: &str = "forecast";
/// A policy that wants to be called again at once is called again after this, as the live host does it.
const WAKE_AFTER_MIN: Span = Span::from_millis(10);

/// Whether a job is on its way into the queue, or in it.
pub(super) fn may_start(job: &Job) -> bool {
    match job.phase {
        Phase::Submitted | Phase::External(_) | Phase::Validating | Phase::Queued => true,
        Phase::Configuring | Phase::Running | Phase::Ending(_) | Phase::Ended(_) => false,
    }
}

/// When what a job runs will have ended: when its limit is over.
pub(super) fn expected_end(job: &Job) -> Option<Timestamp> {
    let (started, limit) = (job.times.started?, job.spec.runtime?);
    Some(started + limit)
}

/// The copy.
pub(super) struct World {
    state: State,
    mirror: Mirror,
    now: Timestamp,
    /// Jobs by when they are expected to end.
    ends: BTreeSet<(Timestamp, JobId)>,
    wake_at: Option<Timestamp>,
    passes: u64,
    refused: u64,
    /// Commands that were carried out.
    steps: u64,
    /// Jobs that have started and nobody has asked for yet.
    begun: Vec<JobId>,
    /// Events of one command; empty in between.
    events: Vec<Event>,
}

/// How time goes on.
pub(super) enum Next {
    /// It is when something happens next.
    Instant,
    /// Nothing will happen any more.
    Nothing,
    /// It is the horizon; what happens next is behind it.
    Horizon,
}

impl World {
    /// As the live state is now, with all that nodes and filters owe answered.
    pub(super) fn new(state: &State, now: Timestamp) -> World {
        let mut world = World {
            state: state.clone(),
            mirror: Mirror::new(),
            now,
            ends: BTreeSet::new(),
            wake_at: None,
            passes: 0,
            refused: 0,
            steps: 0,
            begun: Vec::new(),
            events: Vec::new(),
        };
        let running = state.jobs().filter(|job| holds(job));
        let ends = running.filter_map(|job| Some((expected_end(job)?, job.id)));
        world.ends = ends.collect();
        // When ended jobs are forgotten is of no interest.
        let parameters = Parameters {
            ttl_completed_jobs: Span(Timestamp::MAX.0),
            ..state.parameters().clone()
        };
        world.order(&Command::SetParameters(parameters));
        if state.policies().canary.is_some() {
            world.order(&Command::CanaryPolicy {
                by: Actor::administrator(BY),
                trial: None,
                why: String::new(),
            });
        }
        for execution in world.node_tasks() {
            world.ended(execution);
        }
        world.settle();
        world
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn queued(&self) -> usize {
        self.state.queue().count()
    }

    pub(super) fn passes(&self) -> u64 {
        self.passes
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Carries a command out as an administrator's, and all that nodes and filters have to say to it.
    pub(super) fn change(&mut self, command: &Command) -> Result<(), Rejection> {
        self.command(command)?;
        self.settle();
        Ok(())
    }

    /// From instant to instant, until the job has started or will not within the limits.
    pub(super) fn run(
        &mut self,
        scheduler: &mut dyn Scheduler,
        job: JobId,
        limits: Limits,
    ) -> Result<Expected, SchedulerFault> {
        let horizon = self.now + limits.horizon;
        loop {
            self.due();
            while self.waits(job) && self.is_pass_due(scheduler.arrivals()) {
                if self.passes == limits.passes_max {
                    return Ok(self.not_within(Limit::PassesMax));
                }
                self.pass(scheduler)?;
            }
            match self.state.job(job) {
                Some(job) if may_start(job) => {}
                Some(job) if holds(job) => return Ok(self.started(job)),
                // Canceled meanwhile: a job that it waited for did not finish.
                Some(_) | None => return Ok(self.never()),
            }
            match self.next(horizon) {
                Next::Instant => {}
                Next::Nothing => return Ok(self.never()),
                Next::Horizon => return Ok(self.not_within(Limit::Horizon)),
            }
        }
    }

    /// Goes on to the next instant, the horizon at most.
    pub(super) fn next(&mut self, horizon: Timestamp) -> Next {
        let next = self.ends.first().map(|(at, _)| *at);
        let next = [next, self.state.next_due(), self.wake_at];
        match next.into_iter().flatten().min() {
            // Nothing is ever due at the end of time.
            None | Some(Timestamp::MAX) => Next::Nothing,
            Some(at) if at > horizon => {
                self.now = horizon;
                Next::Horizon
            }
            Some(at) => {
                self.now = self.now.max(at);
                Next::Instant
            }
        }
    }

    /// The jobs that have started since this was asked last.
    pub(super) fn take_begun(&mut self) -> Vec<JobId> {
        std::mem::take(&mut self.begun)
    }

    fn waits(&self, job: JobId) -> bool {
        self.state.job(job).is_some_and(may_start)
    }

    /// All that happens by itself by now.
    pub(super) fn due(&mut self) {
        while self.ends.first().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, job)) = self.ends.pop_first() {
                self.end(job);
            }
        }
        if self.state.next_due().is_some_and(|at| at <= self.now) {
            self.order(&Command::Tick);
        }
        self.settle();
    }

    /// As the live host decides it.
    pub(super) fn is_pass_due(&self, arrivals: Arrivals) -> bool {
        if self.wake_at.is_some_and(|at| at <= self.now) {
            return true;
        }
        let in_vain =
            arrivals == Arrivals::Fitting && self.mirror.only_arrivals_that_do_not_fit(&self.state);
        self.mirror.has_changes() && !in_vain
    }

    pub(super) fn pass(&mut self, scheduler: &mut dyn Scheduler) -> Result<(), SchedulerFault> {
        self.wake_at = self.wake_at.filter(|at| *at > self.now);
        self.mirror.wants(scheduler.columns());
        let changes = self.mirror.take(&self.state);
        let Plan { decisions, wake_at } = scheduler.schedule(self.now.as_instant(), changes)?;
        self.passes += 1;
        let wake = wake_at.filter(|at| at.is_finite() && *at >= 0.0);
        self.wake_at = wake.map(|at| match Timestamp(at as u64) {
            at if at <= self.now => self.now + WAKE_AFTER_MIN,
            at => at.min(Timestamp::MAX),
        });
        for decision in decisions {
            self.refused += u64::from(self.command(&Command::Propose(decision)).is_err());
        }
        self.settle();
        Ok(())
    }

    /// A job's limit is over: it ends well, so that those that wait for it go on.
    fn end(&mut self, id: JobId) {
        let Some(job) = self.state.job(id).filter(|job| holds(job)) else {
            return;
        };
        // It was queued again meanwhile, or its limit was changed.
        if expected_end(job).is_none_or(|end| end > self.now) {
            return;
        }
        let by = Actor::administrator(BY);
        let finish = Command::FinishJob {
            by: by.clone(),
            job: id,
            message: String::new(),
            graceful: false,
        };
        if self.command(&finish).is_err() {
            // It is being ended in another way already.
            let cancel = Command::CancelJob {
                by,
                job: id,
                message: String::new(),
                how: Manner::Normal,
            };
            // Refused where it is being ended as fast as that.
            let _ = self.command(&cancel);
        }
    }

    /// Nodes and filters answer, until nobody has to any more.
    fn settle(&mut self) {
        loop {
            let owed: Vec<Execution> = self.state.owed().collect();
            let questions: Vec<(u64, QuestionKind)> = self
                .state
                .questions()
                .map(|(number, _, kind)| (number, kind))
                .collect();
            let before = self.steps;
            for execution in owed {
                self.answer(execution);
            }
            for (question, kind) in questions {
                let answer = match kind {
                    QuestionKind::Submission => FilterAnswer::Accept(Vec::new()),
                    QuestionKind::Activation => FilterAnswer::Start,
                    QuestionKind::Revert => FilterAnswer::Reverted,
                };
                self.order(&Command::FilterAnswer { question, answer });
            }
            if self.steps == before {
                return;
            }
        }
    }

    /// What a node says to what it owes: it has begun, or it has ended.
    fn answer(&mut self, execution: Execution) {
        let Some((_, task, run)) = self.state.run(execution) else {
            return;
        };
        let of_node = !task.spec.kind.is_ordinary();
        match run.stop {
            // A limit of the task alone: it comes to its end just then.
            Some(stop) if stop.cause == StopCause::RuntimeExpired => self.ended(execution),
            Some(_) => self.report(FromNode::Ended {
                execution,
                ending: Ending::Stopped { code: None },
                output_tail: String::new(),
            }),
            None => {
                self.report(FromNode::Started { execution });
                if of_node {
                    self.ended(execution);
                }
            }
        }
    }

    fn ended(&mut self, execution: Execution) {
        self.report(FromNode::Ended {
            execution,
            ending: Ending::Exited { code: 0 },
            output_tail: String::new(),
        });
    }

    /// Preparations and releases that are under way.
    fn node_tasks(&self) -> Vec<Execution> {
        let mut all = Vec::new();
        for job in self.state.jobs().filter(|job| holds(job)) {
            let node_tasks = (1..).zip(&job.tasks).filter(|(_, task)| {
                matches!(
                    task.spec.kind,
                    TaskKind::NodePrepare | TaskKind::NodeRelease
                )
            });
            for (task, state) in node_tasks {
                all.extend(state.runs.iter().map(|(&instance, run)| Execution {
                    job: job.id,
                    task: TaskId(task),
                    instance,
                    attempt: run.attempt,
                }));
            }
        }
        all
    }

    fn report(&mut self, report: FromNode) {
        // An attempt that a stop has overtaken has been answered by then.
        let _ = self.command(&Command::Report(report));
    }

    /// What the kernel takes from its own host at any time.
    fn order(&mut self, command: &Command) {
        let _ = self.command(command);
    }

    fn command(&mut self, command: &Command) -> Result<(), Rejection> {
        step(&mut self.state, command, self.now, &mut self.events)?;
        self.steps += 1;
        for event in self.events.drain(..) {
            self.mirror.note(&self.state, &event);
            if let Fact::JobStarted { job, .. } = event.fact {
                self.begun.push(job);
                let end = self.state.job(job).and_then(expected_end);
                self.ends.extend(end.map(|end| (end, job)));
            }
        }
        Ok(())
    }

    fn started(&self, job: &Job) -> Expected {
        Expected::Starts {
            at_us: self.now.0,
            nodes: self.places(job),
        }
    }

    /// What a job holds, in the order of the nodes.
    pub(super) fn places(&self, job: &Job) -> Vec<Place> {
        let place = |(id, share): (&_, &jobyard_kernel::JobShare)| {
            Some(Place {
                node: self.state.node(*id)?.spec.name.clone(),
                cores: share.cores.len(),
                gpus: share.gpus.len(),
            })
        };
        job.shares.iter().filter_map(place).collect()
    }

    fn never(&self) -> Expected {
        let running = self.state.jobs().filter(|job| holds(job));
        Expected::Never {
            endless_jobs: running.filter(|job| expected_end(job).is_none()).count() as u64,
        }
    }

    fn not_within(&self, limit: Limit) -> Expected {
        Expected::NotWithin {
            limit,
            until_us: self.now.0,
        }
    }
}

/// Whether a job has nodes.
pub(super) fn holds(job: &Job) -> bool {
    match job.phase {
        Phase::Running | Phase::Ending(_) => true,
        Phase::Configuring
        | Phase::Submitted
        | Phase::External(_)
        | Phase::Validating
        | Phase::Queued
        | Phase::Ended(_) => false,
    }
}
