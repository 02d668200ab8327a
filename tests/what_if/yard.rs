//! A host in virtual time that keeps a journal: the engine's own core, a real policy component, and nodes that do what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use jobyard::builtin::{self, Component};
use jobyard::core::{Core, Decided, Effect};
use jobyard_journal::{Journal, SqliteJournal};
use jobyard_kernel::{
    Actor, Command, Ending, Execution, FromNode, JobId, JobSpec, NodeSpec, Seat, Span, State,
    TaskSpec, Timestamp, ToNode,
};
use jobyard_plugin::recovery::{PolicyChoice, PolicySlot};
use jobyard_plugin::{Limits, Plugin, PluginHost, World};
use jobyard_sim::{Scheduler, SchedulerFault};

pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000_000);

static BACKFILL: LazyLock<Plugin> = LazyLock::new(|| load(builtin::POLICY_BACKFILL));

fn load(component: Component) -> Plugin {
    let host = PluginHost::new(None).expect("a plugin host");
    component.load(&host).expect("the built-in policy loads")
}

fn limits() -> Limits {
    Limits::for_world(World::SchedulingPolicy)
}

/// A fresh instance of the policy that decides in the yard.
pub(crate) fn policy() -> Result<Box<dyn Scheduler>, SchedulerFault> {
    let instance = BACKFILL.policy(limits(), &[]);
    let instance = instance.map_err(|error| SchedulerFault(error.to_string()))?;
    Ok(Box::new(jobyard_sim::Component::new(instance)))
}

pub(crate) fn node(name: &str, cores: u32, groups: &[&str]) -> NodeSpec {
    NodeSpec {
        name: name.into(),
        cores,
        sockets: 2,
        groups: groups.iter().map(ToString::to_string).collect(),
        ..NodeSpec::default()
    }
}

pub(crate) struct Yard {
    core: Core<()>,
    slot: PolicySlot,
    journal: SqliteJournal,
    folder: PathBuf,
    pub(crate) now: Timestamp,
    /// How long each job runs.
    runs: BTreeMap<JobId, Span>,
    ends: BTreeSet<(Timestamp, Execution)>,
}

impl Yard {
    pub(crate) fn new(folder: &Path, nodes: &[NodeSpec]) -> Yard {
        let choice = || PolicyChoice {
            plugin: BACKFILL.clone(),
            limits: limits(),
            settings: Vec::new(),
            number: 0,
        };
        let mut yard = Yard {
            core: Core::new(State::new(), 0, "backfill".into(), BEGIN),
            slot: PolicySlot::new(choice(), choice()).expect("the policy can be made"),
            journal: SqliteJournal::open(folder).expect("a new journal"),
            folder: folder.into(),
            now: BEGIN,
            runs: BTreeMap::new(),
            ends: BTreeSet::new(),
        };
        for node in nodes {
            yard.command(&Command::AddNode(node.clone()));
        }
        yard.turn();
        yard
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn state(&self) -> &State {
        self.core.state()
    }

    pub(crate) fn command(&mut self, command: &Command) {
        let done = self.core.command(command, self.now).map(drop);
        done.expect("a good command");
    }

    /// Submits a job of one task that runs so long.
    pub(crate) fn submit(&mut self, spec: JobSpec, run: Span) -> JobId {
        let by = Actor::administrator("root");
        let task = TaskSpec {
            command_line: "work".into(),
            min: spec.min.unwrap_or(1),
            max: spec.max.unwrap_or(1),
            ..TaskSpec::default()
        };
        let (spec, tasks) = (Arc::new(spec), vec![Arc::new(task)]);
        self.command(&Command::QueueJob { by, spec, tasks });
        let job = self.state().jobs_before(JobId(u32::MAX)).next();
        let job = job.expect("it was just added").id;
        self.runs.insert(job, run);
        self.turn();
        job
    }

    /// All that follows at once: passes, durable batches, messages to nodes and their answers.
    pub(crate) fn turn(&mut self) {
        loop {
            let mut moved = false;
            if let Some(question) = self.core.pass(Seat::Active, self.now) {
                let (now, number) = (self.now.as_instant(), question.number);
                let outcome = self.slot.schedule(now, question.changes);
                assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
                let fitting = ("arrivals".to_string(), "fitting".to_string());
                let decided = Decided {
                    outcome,
                    only_fitting_arrivals: self.slot.traits().contains(&fitting),
                    policy: "backfill".into(),
                    columns: self.slot.columns(),
                    ..Decided::default()
                };
                self.core.decided(Seat::Active, number, decided, self.now);
                moved = true;
            }
            if let Some(batch) = self.core.batch() {
                let last = self.journal.append(&batch).expect("the journal takes it");
                self.core.durable(last);
                moved = true;
            }
            for effect in self.core.effects() {
                if let Effect::Send(_, message) = effect {
                    self.tell(message);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn tell(&mut self, message: ToNode) {
        match message {
            ToNode::Start(work) => {
                let execution = work.execution;
                let end = self.now + self.runs[&execution.job];
                self.ends.insert((end, execution));
                self.core.report(FromNode::Started { execution }, self.now);
            }
            ToNode::Stop { execution, .. } => {
                self.ends.retain(|(_, other)| *other != execution);
                self.end(execution, Ending::Stopped { code: None });
            }
            ToNode::Forget(_) => {}
        }
    }

    fn end(&mut self, execution: Execution, ending: Ending) {
        let report = FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        };
        self.core.report(report, self.now);
    }

    /// Lets time pass.
    pub(crate) fn until(&mut self, time: Timestamp) {
        loop {
            let alarm = self.core.alarm();
            let next = self.ends.first().map_or(alarm, |(at, _)| alarm.min(*at));
            if next > time {
                self.now = time;
                return;
            }
            self.now = self.now.max(next);
            match self.ends.first().filter(|(at, _)| *at <= self.now) {
                Some(&(at, execution)) => {
                    self.ends.remove(&(at, execution));
                    self.end(execution, Ending::Exited { code: 0 });
                }
                None => self.core.tick(self.now),
            }
            self.turn();
        }
    }

    /// Until nothing is queued or runs any more.
    pub(crate) fn run_out(&mut self) {
        let hour = Span::from_secs(3_600);
        for _ in 0..10_000 {
            if self.state().jobs().all(|job| job.state().is_ended()) {
                return;
            }
            self.until(self.now + hour);
        }
        panic!("jobs are left after 10,000 hours");
    }
}
