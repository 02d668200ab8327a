//! Plays a case: the real kernel in virtual time, with people, nodes and one policy instance.
//!
//! At each instant what is due happens, work ends, the case's steps are taken; then the policy is called, its plan carried out, and
//! called again until nothing changes any more, as the host does it. At the end of the case it goes on until nothing runs and nothing is due.
//! It judges nothing: see [`crate::rules`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Ending, Event, Execution, Fact, FromNode, JobId, JobSpec, Manner, Mirror,
    NodeId, NodeSpec, NodeState, Parameter, Rejection, Span, State, TaskKind, TaskSpec, Timestamp,
    step,
};

use crate::case::{self, Case, JobLine, JobStep, NodeStep, Step};
use crate::recording::{Asked, Broken, Pass, Recording};
use crate::subject::{Instance, NotTaken, Settings};
use crate::{Tested, rules::quiet};

/// Passes of one recording at the most.
const PASSES_MAX: usize = 5_000;
/// A policy is not called for its `wake-at` sooner after a pass than this, as in the host.
const WAKE_AFTER_MIN: Span = Span::from_millis(10);
/// How long the policy's wishes to be called are heeded when nothing else happens.
const QUIET: Span = Span::from_secs(3_600);
/// What is due later than so long after all else is not waited for.
const FAR: Span = Span::from_secs(30 * 86_400);
/// When a case begins: not at 0, so that a policy that takes 0 for "no time" is found.
pub(crate) const BEGIN: Timestamp = Timestamp(1_000_000_000_000_000);

/// Whether the policy is called for arrivals of which it says that they change nothing (`arrivals` = `fitting`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// As the policy says.
    AsItSays,
    /// For every arrival.
    Always,
}

/// Why a case cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// The kernel refuses one of its nodes or jobs: the case is wrong.
    #[error("\"{step}\": {reason}")]
    Step {
        /// The line.
        step: String,
        /// What the kernel said.
        reason: String,
    },
    /// The policy does not take its settings.
    #[error("the policy does not take its settings: {0}")]
    Settings(NotTaken),
}

/// Plays a case from its beginning to its end.
///
/// # Errors
/// The case asks for what cannot be, or the policy cannot be made.
pub(crate) fn record(
    tested: &Tested<'_>,
    case: &Case,
    calls: Calls,
) -> Result<Recording, Unplayable> {
    let mut yard = Yard::new(tested, case, calls)?;
    let outcome = yard.play(case);
    let broken = match outcome {
        Ok(()) => None,
        Err(Stop::Broken(broken)) => Some(broken),
        Err(Stop::Unplayable(unplayable)) => return Err(unplayable),
    };
    let mut recording = yard.recording;
    recording.broken = broken;
    recording.end = yard.state;
    Ok(recording)
}

/// What ends the play.
enum Stop {
    Broken(Broken),
    Unplayable(Unplayable),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Stop::Broken(broken)
    }
}

struct Yard<'a> {
    tested: &'a Tested<'a>,
    calls: Calls,
    state: State,
    mirror: Mirror,
    /// Told after every step, for `pieces`.
    fine: Mirror,
    pieces: Vec<jobyard_kernel::Changes>,
    instance: Box<dyn Instance>,
    followed: Settings,
    now: Timestamp,
    wake_at: Option<Timestamp>,
    /// When the instance was last called.
    called: Option<Timestamp>,
    /// Since when only the policy itself has wanted passes, and how many.
    idle_wakes: Vec<Timestamp>,
    lines: Vec<JobLine>,
    /// What runs, by its end and in the order of its start.
    ends: BTreeSet<(Timestamp, u64, Execution)>,
    started: u64,
    recording: Recording,
    holds: BTreeMap<JobId, u32>,
    by: Actor,
}

impl<'a> Yard<'a> {
    fn new(tested: &'a Tested<'a>, case: &Case, calls: Calls) -> Result<Self, Unplayable> {
        let mut state = State::new();
        let parameters = Command::SetParameters(case::parameters());
        let set = step(&mut state, &parameters, BEGIN, &mut Vec::new());
        set.map_err(|e| unplayable("parameters", &e))?;
        let (instance, followed) = tested.instance(&state).map_err(Unplayable::Settings)?;
        let recording = Recording {
            case: case.clone(),
            passes: Vec::new(),
            starts: Vec::new(),
            held: Vec::new(),
            broken: None,
            cut: false,
            end: State::new(),
        };
        Ok(Yard {
            tested,
            calls,
            state,
            mirror: Mirror::new(),
            fine: Mirror::new(),
            pieces: Vec::new(),
            instance,
            followed,
            now: BEGIN,
            wake_at: None,
            called: None,
            idle_wakes: Vec::new(),
            lines: Vec::new(),
            ends: BTreeSet::new(),
            started: 0,
            recording,
            holds: BTreeMap::new(),
            by: Actor::administrator("kit"),
        })
    }

    fn play(&mut self, case: &Case) -> Result<(), Stop> {
        let mut groups = groups(&case.steps).peekable();
        loop {
            let group = groups.next_if(|(at, _)| self.next_own().is_none_or(|own| *at <= own));
            match group {
                Some((at, steps)) => self.instant(at, steps)?,
                None => match self.next_own() {
                    Some(at) => self.instant(at, &[])?,
                    None => return Ok(()),
                },
            }
            if self.recording.passes.len() >= PASSES_MAX {
                self.recording.cut = true;
                return Ok(());
            }
        }
    }

    /// When something happens by itself.
    fn next_own(&self) -> Option<Timestamp> {
        let end = self.ends.first().map(|(at, ..)| *at);
        let due = self.state.next_due();
        let quiet_since = self.idle_wakes.first().copied().unwrap_or(self.now);
        let wake = self.wake_at.filter(|&at| at <= quiet_since + QUIET);
        let next = [end, due, wake].into_iter().flatten().min()?;
        (next <= self.now + FAR).then_some(next)
    }

    fn instant(&mut self, now: Timestamp, steps: &[Step]) -> Result<(), Stop> {
        self.now = now;
        let first_of_all = self.recording.passes.is_empty();
        let passes_before = self.recording.passes.len();
        while let Some(&(at, order, execution)) = self.ends.first()
            && at <= now
        {
            self.ends.remove(&(at, order, execution));
            let ending = Ending::Exited { code: 0 };
            self.order(&ended(execution, ending));
        }
        if self.state.next_due().is_some_and(|due| due <= now) {
            self.order(&Command::Tick);
        }
        let race = steps.iter().position(|step| *step == Step::Meanwhile);
        let (told, meanwhile) = steps.split_at(race.unwrap_or(steps.len()));
        for step in told {
            self.take(step, first_of_all)?;
        }
        self.settle(meanwhile)?;
        self.note_held();
        // An instant in which nothing but the policy's own wish came up.
        let calm = steps.is_empty() && self.recording.passes.len() == passes_before + 1;
        let last = self.recording.passes.last();
        // Had it done anything, there would have been a second pass.
        let idle = calm && last.is_some_and(|pass| pass.asked == Asked::Wake);
        match idle {
            true => self.idle_wakes.push(now),
            false if self.recording.passes.len() > passes_before || !steps.is_empty() => {
                self.idle_wakes.clear()
            }
            false => {}
        }
        match quiet::spinning(&self.idle_wakes) {
            Some(broken) => Err(broken.into()),
            None => Ok(()),
        }
    }

    /// Passes until nothing changes any more.
    fn settle(&mut self, meanwhile: &[Step]) -> Result<(), Stop> {
        let passes_max = quiet::passes_max(&self.state);
        let mut meanwhile = Some(meanwhile).filter(|steps| !steps.is_empty());
        for _ in 0..passes_max {
            let Some(asked) = self.wants_pass() else {
                // Nothing to decide: then it happens all the same.
                for step in meanwhile.take().unwrap_or_default() {
                    self.take(step, false)?;
                }
                if self.wants_pass().is_none() {
                    return Ok(());
                }
                continue;
            };
            self.pass(asked, meanwhile.take().unwrap_or_default())?;
            if self.recording.passes.len() >= PASSES_MAX {
                return Ok(());
            }
        }
        let (at, passes) = (self.now, passes_max);
        Err(Broken::Restless { at, passes }.into())
    }

    /// Whether the host would call the policy now, and why.
    fn wants_pass(&self) -> Option<Asked> {
        let rested = self
            .called
            .is_none_or(|called| self.now >= called + WAKE_AFTER_MIN);
        if self.wake_at.is_some_and(|at| at <= self.now) && rested {
            return Some(Asked::Wake);
        }
        let fitting = |(name, value): &(String, String)| name == "arrivals" && value == "fitting";
        let only_fitting =
            self.calls == Calls::AsItSays && self.instance.traits().iter().any(fitting);
        let in_vain = only_fitting && self.mirror.only_arrivals_that_do_not_fit(&self.state);
        (self.mirror.has_changes() && !in_vain).then_some(Asked::Changes)
    }

    fn pass(&mut self, asked: Asked, meanwhile: &[Step]) -> Result<(), Stop> {
        let now = self.now;
        self.follow_parameters()?;
        let before = self.state.clone();
        let changes = self.mirror.take(&self.state);
        if self.fine.has_changes() {
            self.pieces.push(self.fine.take(&self.state));
        }
        let pieces = std::mem::take(&mut self.pieces);
        self.called = Some(now);
        let answer = self.instance.schedule(now.as_instant(), changes.clone());
        let plan = answer.map_err(Broken::Fault)?;
        let wake_at = plan
            .wake_at
            .map(|at| Timestamp(at as u64).min(Timestamp::MAX));
        self.wake_at = wake_at.map(|at| at.max(now + WAKE_AFTER_MIN));
        for step in meanwhile {
            self.take(step, false)?;
        }
        let mut refused = Vec::new();
        for decision in &plan.decisions {
            let command = Command::Propose(decision.clone());
            if let Err(Rejection::Refused(refusal)) = self.command(&command) {
                refused.push((decision.clone(), refusal));
            }
        }
        self.recording.passes.push(Pass {
            now,
            asked,
            followed: self.followed.clone(),
            changes,
            pieces,
            plan,
            refused,
            raced: !meanwhile.is_empty(),
            memory_bytes: self.instance.memory_bytes(),
            before,
            after: self.state.clone(),
        });
        Ok(())
    }

    /// As the host does it: a policy hears of the parameters that it follows before the pass that comes after the change.
    fn follow_parameters(&mut self) -> Result<(), Stop> {
        let followed = followed(self.instance.traits(), &self.state);
        if followed == self.followed {
            return Ok(());
        }
        let settings = [self.tested.settings.clone(), followed.clone()].concat();
        match self.instance.configure(&settings) {
            Ok(()) => {}
            Err(error) => return Err(Broken::Fault(error.to_string()).into()),
        }
        self.followed = followed;
        Ok(())
    }

    /// Takes one step of the case.
    fn take(&mut self, step: &Step, first: bool) -> Result<(), Stop> {
        match step {
            Step::At(_) | Step::Meanwhile => return Ok(()),
            Step::Node(node) => {
                let add = Command::AddNode(NodeSpec {
                    name: node.name.clone(),
                    cores: node.cores,
                    sockets: node.sockets,
                    gpus: node.gpus,
                    memory_mb: 1_024,
                    groups: node.groups.clone(),
                });
                self.must(step, &add)?;
            }
            Step::Job(job) => {
                let number = self.lines.len() as u32 + 1;
                self.lines.push(job.clone());
                let spec = Arc::new(spec(job, number, self.now));
                let (by, tasks) = (self.by.clone(), tasks(job));
                self.must(step, &Command::QueueJob { by, spec, tasks })?;
            }
            Step::ToJob(job, what) => {
                if let Some(command) = self.to_job(JobId(*job), *what) {
                    self.order(&command);
                }
            }
            Step::ToNode(name, what) => {
                if let Some(node) = self.state.node_by_name(name).map(|node| node.id) {
                    self.order(&to_node(&self.by, node, what));
                }
            }
            Step::Parameter(name, value) => {
                let mut parameters = self.state.parameters().clone();
                if let Ok(parameter) = Parameter::find(name) {
                    // What the reader of cases let pass can be set.
                    let _ = parameter.set(&mut parameters, Some(value));
                }
                self.order(&Command::SetParameters(parameters));
            }
        }
        // The first call carries everything: before it there is nothing to cut.
        if !first && self.fine.has_changes() {
            self.pieces.push(self.fine.take(&self.state));
        }
        Ok(())
    }

    fn to_job(&self, job: JobId, what: JobStep) -> Option<Command> {
        let by = self.by.clone();
        let modified = |change: &dyn Fn(&mut JobSpec)| {
            let mut spec = (*self.state.job(job)?.spec).clone();
            change(&mut spec);
            let (by, spec) = (self.by.clone(), Arc::new(spec));
            Some(Command::ModifyJob { by, job, spec })
        };
        Some(match what {
            JobStep::Cancel => Command::CancelJob {
                by,
                job,
                message: String::new(),
                how: Manner::Normal,
            },
            JobStep::Requeue => Command::RequeueJob { by, job },
            JobStep::Hold(long) => Command::HoldJob {
                by,
                job,
                until: Some(self.now + long),
            },
            JobStep::Release => Command::HoldJob {
                by,
                job,
                until: None,
            },
            JobStep::Configure => Command::ConfigureJob { by, job },
            JobStep::Submit => Command::SubmitJob { by, job },
            JobStep::Priority(priority) => return modified(&|spec| spec.priority = priority),
            JobStep::Walltime(limit) => return modified(&|spec| spec.runtime = limit),
        })
    }

    /// A command that a case is wrong without.
    fn must(&mut self, step: &Step, command: &Command) -> Result<(), Stop> {
        let done = self.command(command);
        done.map_err(|e| Stop::Unplayable(unplayable(step, &e)))
    }

    /// A command that may be refused: then nothing happens.
    fn order(&mut self, command: &Command) {
        let _ = self.command(command);
    }

    /// Carries a command out, and what nodes do about it.
    fn command(&mut self, command: &Command) -> Result<(), Rejection> {
        let mut events = Vec::new();
        step(&mut self.state, command, self.now, &mut events)?;
        self.note(&events);
        while !events.is_empty() {
            let reports = events
                .iter()
                .flat_map(|event| self.reports(event))
                .collect::<Vec<_>>();
            events.clear();
            for report in reports {
                let from = events.len();
                // A report of something that is over already is stale.
                let _ = step(&mut self.state, &report, self.now, &mut events);
                self.note(&events[from..]);
            }
        }
        Ok(())
    }

    fn note(&mut self, events: &[Event]) {
        for event in events {
            self.mirror.note(&self.state, event);
            self.fine.note(&self.state, event);
            if let Fact::JobStarted { job, .. } = &event.fact {
                self.recording.starts.push((self.now, *job));
            }
            if let Some(job) = event.fact.job() {
                self.holds.entry(job).or_default();
            }
        }
    }

    /// What nodes report when they are told of an event: work begins at once and ends in its time, or when it is stopped.
    fn reports(&mut self, event: &Event) -> Vec<Command> {
        let mut reports = Vec::new();
        if let Fact::Dispatched { works, .. } = &event.fact {
            for work in works {
                let execution = work.execution;
                if let Some(long) = self.duration(execution) {
                    self.started += 1;
                    self.ends.insert((self.now + long, self.started, execution));
                }
                reports.push(Command::Report(FromNode::Started { execution }));
            }
        }
        if let Fact::StopRequested { executions, .. } = &event.fact {
            self.ends
                .retain(|(_, _, execution)| !executions.contains(execution));
            let stopped = |&execution| ended(execution, Ending::Stopped { code: None });
            reports.extend(executions.iter().map(stopped));
        }
        reports
    }

    /// How long a piece of work takes; none: until it is stopped.
    fn duration(&self, execution: Execution) -> Option<Span> {
        let line = self.lines.get((execution.job.0 as usize).checked_sub(1)?)?;
        let kind = self
            .state
            .job(execution.job)?
            .task(execution.task)?
            .spec
            .kind;
        match kind {
            TaskKind::NodePrepare => line.prepare,
            TaskKind::NodeRelease => line.release,
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => line.runs,
        }
    }

    /// Writes down what jobs hold, where that is new.
    fn note_held(&mut self) {
        for (&id, before) in &mut self.holds {
            let held = self
                .state
                .job(id)
                .map_or(0, |job| self.state.units_held(job));
            if std::mem::replace(before, held) != held {
                self.recording.held.push((self.now, id, held));
            }
        }
    }
}

/// The cluster's parameters that a policy says it follows.
pub(crate) fn followed(traits: &[(String, String)], state: &State) -> Settings {
    let follows = |name: &str| {
        let names = traits.iter().filter(|(name, _)| name == "follows");
        let mut names = names.flat_map(|(_, names)| names.split(','));
        names.any(|one| one.trim().eq_ignore_ascii_case(name))
    };
    let all = Parameter::all(state.parameters());
    all.into_iter().filter(|(name, _)| follows(name)).collect()
}

/// The steps of each instant, and when it is.
fn groups(steps: &[Step]) -> impl Iterator<Item = (Timestamp, &[Step])> {
    let mut rest = steps;
    std::iter::from_fn(move || {
        let (first, mut behind) = rest.split_first()?;
        let at = match first {
            Step::At(at) => *at,
            Step::Meanwhile
            | Step::Node(_)
            | Step::Job(_)
            | Step::ToJob(..)
            | Step::ToNode(..)
            | Step::Parameter(..) => {
                behind = rest;
                Timestamp(0)
            }
        };
        let end = behind.iter().position(|step| matches!(step, Step::At(_)));
        let (group, later) = behind.split_at(end.unwrap_or(behind.len()));
        rest = later;
        Some((BEGIN + at.since(Timestamp(0)), group))
    })
}

fn spec(job: &JobLine, number: u32, now: Timestamp) -> JobSpec {
    JobSpec {
        name: format!("job {number}"),
        owner: ["ann", "bob", "eve"][number as usize % 3].into(),
        priority: job.priority,
        unit: job.unit,
        min: Some(job.units.0),
        max: Some(job.units.1),
        exclusive: job.exclusive,
        single_node: job.single_node,
        can_preempt: job.can_preempt,
        can_grow: job.can_grow,
        can_shrink: job.can_shrink,
        runtime: job.walltime,
        hold_until: job.hold.map(|long| now + long),
        requested_nodes: job.nodes.clone(),
        node_groups: job.groups.clone(),
        node_group_op: job.group_op,
        parent_jobs: job.parents.iter().map(|&parent| JobId(parent)).collect(),
        ..JobSpec::default()
    }
}

fn tasks(job: &JobLine) -> Vec<Arc<TaskSpec>> {
    let task = |kind, (min, max)| {
        Arc::new(TaskSpec {
            kind,
            min,
            max,
            command_line: "work".into(),
            ..TaskSpec::default()
        })
    };
    let work = match job.tasks {
        None => task(TaskKind::Basic, job.units),
        Some(end) => {
            let (start, increment) = (1, 1);
            task(
                TaskKind::Sweep {
                    start,
                    end,
                    increment,
                },
                (1, 1),
            )
        }
    };
    let prepare = job.prepare.map(|_| task(TaskKind::NodePrepare, (1, 1)));
    let release = job.release.map(|_| task(TaskKind::NodeRelease, (1, 1)));
    [Some(work), prepare, release]
        .into_iter()
        .flatten()
        .collect()
}

fn to_node(by: &Actor, node: NodeId, what: &NodeStep) -> Command {
    let by = by.clone();
    let set = |state| Command::SetNodeState {
        by: by.clone(),
        node,
        state,
    };
    match what {
        NodeStep::Drain => set(NodeState::Draining),
        NodeStep::Offline => set(NodeState::Offline),
        NodeStep::Online => set(NodeState::Online),
        NodeStep::Lost => Command::SetNodeReachable {
            node,
            reachable: false,
        },
        NodeStep::Back => Command::SetNodeReachable {
            node,
            reachable: true,
        },
        NodeStep::Groups(groups) => Command::SetNodeGroups {
            by: by.clone(),
            node,
            groups: groups.clone(),
        },
    }
}

fn ended(execution: Execution, ending: Ending) -> Command {
    Command::Report(FromNode::Ended {
        execution,
        ending,
        output_tail: String::new(),
    })
}

fn unplayable(step: impl std::fmt::Display, reason: &Rejection) -> Unplayable {
    Unplayable::Step {
        step: step.to_string(),
        reason: reason.to_string(),
    }
}
