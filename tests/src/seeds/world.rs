//! The run itself: one queue of things to come, in virtual time, and the host in the middle of it.

mod host;
mod network;
mod policies;
mod screening;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::LazyLock;

use jobyard::builtin;
use jobyard::core::Core;
use jobyard_kernel::filter::FilterAnswer;
use jobyard_kernel::{
    Command, Ending, Execution, FromNode, JobState, Mirror, NodeId, Seat, Span, State, Timestamp,
    ToNode,
};
use jobyard_plugin::recovery::{PassOutcome, PolicySlot};
use jobyard_plugin::{Plugin, PluginHost};

use super::coverage::Coverage;
use super::disk::Disk;
use super::node::Node;
use super::numbers::Numbers;
use super::oracle::{Answer, Oracle};
use super::{Bug, callers};

/// Things that happen while there are faults.
const STEPS: u32 = 1_500;
/// Things that may happen afterwards, until all is quiet.
const QUIET_STEPS: u32 = 20_000;
/// Ended jobs that stay in the live state.
const ENDED_LIVE_MAX: usize = 8;
/// How long jobs that want certain nodes may wait for them when there are no more faults.
const CHOOSY_WAIT_SECONDS: u64 = 300;
/// Lines of the trace that are kept.
const TRACE_MAX: usize = 40;
const BEGIN: Timestamp = Timestamp(1_000_000_000_000_000);

static POLICY: LazyLock<Plugin> = LazyLock::new(|| {
    let host = PluginHost::new(None).expect("a plugin host");
    let backfill = builtin::POLICY_BACKFILL.load(&host);
    backfill.expect("the built-in policy loads")
});

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events of the journal.
    pub events: u64,
    /// Deaths of the host.
    pub crashes: u32,
    /// Attempts that nodes began.
    pub attempts: u32,
    /// Commands that were acknowledged.
    pub acknowledged: u32,
    /// What it came across.
    pub coverage: Coverage,
}

/// What did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step at which it was seen.
    pub step: u32,
    /// What.
    pub reason: String,
    /// What happened last.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            seed, step, reason, ..
        } = self;
        writeln!(f, "seed {seed}, step {step}: {reason}")?;
        self.trace
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Something to come.
#[derive(Debug)]
enum Coming {
    ToNode(NodeId, ToNode),
    FromNode(NodeId, FromNode),
    /// The oldest write of that life of the host is done, or has failed.
    Written(u32),
    Decided(u32, Seat, u64, Box<PassOutcome>),
    /// The policy that is to come into force has had its first pass.
    TakesOver(u32, Box<Newcomer>),
    WorkEnds(NodeId, Execution, Ending),
    Caller,
    HostBack,
    NodeCrash,
    /// The successor of a node's process says what it has.
    NodeConnects(NodeId),
    HostCrash,
    /// People see to what does not end by itself.
    Caretaker,
    /// A filter answers a question that it was asked in that life of the host.
    FilterAnswers(u32, String, u64, FilterAnswer),
    /// Nodes say again what nobody has confirmed.
    NodesRepeat,
}

struct Host {
    core: Core<Answer>,
    /// The policy in force, and one that is tried on some of the nodes.
    slots: BTreeMap<Seat, PolicySlot>,
    /// One has its first pass before it comes into force.
    invited: bool,
}

/// A policy that is to come into force.
#[derive(Debug)]
struct Newcomer {
    slot: PolicySlot,
    number: u64,
    outcome: PassOutcome,
    command: Command,
}

pub(super) struct World {
    seed: u64,
    bug: Option<Bug>,
    n: Numbers,
    now: Timestamp,
    step: u32,
    faults: bool,
    /// When the faults stopped.
    calm_since: Timestamp,
    settings: Vec<(String, String)>,
    /// Which life of the host this is.
    life: u32,
    host: Option<Host>,
    disk: Disk,
    nodes: BTreeMap<NodeId, Node>,
    coming: BTreeMap<(Timestamp, u64), Coming>,
    next: u64,
    oracle: Oracle,
    trace: VecDeque<String>,
    summary: Summary,
}

type Check = Result<(), String>;

impl World {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut n = Numbers::new(seed);
        let preemption = ["none", "graceful", "immediate"][n.below(3) as usize];
        World {
            seed,
            bug,
            n,
            now: BEGIN,
            step: 0,
            faults: true,
            calm_since: BEGIN,
            settings: vec![("preemption".into(), preemption.into())],
            life: 0,
            host: None,
            disk: Disk::default(),
            nodes: BTreeMap::new(),
            coming: BTreeMap::new(),
            next: 0,
            oracle: Oracle::default(),
            trace: VecDeque::new(),
            summary: Summary::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<Summary, Failure> {
        match self.go() {
            Ok(()) => {
                self.summary.events = self.oracle.events();
                for event in self.disk.after(0) {
                    let events = &mut self.summary.coverage.events;
                    *events.entry((&event.fact).into()).or_default() += 1;
                }
                Ok(self.summary)
            }
            Err(reason) => Err(Failure {
                seed: self.seed,
                step: self.step,
                reason,
                trace: self.trace.into(),
            }),
        }
    }

    fn go(&mut self) -> Check {
        self.start_host()?;
        self.add_nodes()?;
        self.later(Span::from_millis(1), Coming::Caller);
        self.later(Span::from_secs(5), Coming::NodesRepeat);
        self.later(Span::from_secs(10), Coming::NodeCrash);
        self.later(Span::from_secs(4), Coming::HostCrash);
        while self.step < STEPS {
            self.advance()?;
        }
        self.calm_down()?;
        while self.step < STEPS + QUIET_STEPS {
            if self.is_quiet() {
                return self.compare_states();
            }
            self.advance()?;
        }
        let left = self.host.as_ref().map(|host| stuck(host.core.state()));
        Err(format!("never comes to rest: {}", left.unwrap_or_default()))
    }

    // ---- time ----

    fn later(&mut self, after: Span, coming: Coming) {
        self.next += 1;
        self.coming.insert((self.now + after, self.next), coming);
    }

    /// The next thing happens, or the host's alarm rings.
    fn advance(&mut self) -> Check {
        self.step += 1;
        let alarm = self.host.as_ref().map(|host| host.core.alarm());
        let first = self.coming.first_key_value().map(|(&(at, _), _)| at);
        let at = match (first, alarm) {
            (Some(first), Some(alarm)) => first.min(alarm),
            (first, alarm) => first.or(alarm).unwrap_or(self.now),
        };
        self.now = self.now.max(at);
        if first.is_some_and(|first| first <= self.now)
            && let Some((_, coming)) = self.coming.pop_first()
        {
            self.happen(coming)?;
        }
        self.turn()
    }

    fn happen(&mut self, coming: Coming) -> Check {
        self.log(|| format!("{coming:?}"));
        match coming {
            Coming::ToNode(node, message) => self.arrive(node, message)?,
            Coming::FromNode(_, report) => self.report(report),
            Coming::Written(life) if life == self.life => self.written()?,
            Coming::Decided(life, seat, number, outcome) if life == self.life => {
                self.decided(seat, number, *outcome);
            }
            Coming::TakesOver(life, newcomer) if life == self.life => self.takes_over(newcomer),
            Coming::FilterAnswers(life, filter, question, answer) if life == self.life => {
                self.filter_answers(&filter, question, answer)?;
            }
            Coming::Written(_)
            | Coming::Decided(..)
            | Coming::TakesOver(..)
            | Coming::FilterAnswers(..) => {}
            Coming::WorkEnds(node, execution, ending) => {
                self.oracle_ends(node, execution);
                let node_of = self.nodes.entry(node).or_default();
                let deeds = node_of.end(execution, ending);
                self.deeds(node, deeds)?;
            }
            Coming::Caller => self.caller(),
            Coming::HostBack => self.start_host()?,
            Coming::NodeConnects(node) => self.connects(node),
            Coming::Caretaker => self.caretaker(),
            Coming::NodeCrash => {
                if self.faults {
                    let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
                    if let Some(&id) = self.n.pick(&ids) {
                        self.crash_node(id)?;
                    }
                    let after = self.millis(60_000);
                    self.later(after, Coming::NodeCrash);
                }
            }
            Coming::HostCrash => {
                if self.faults {
                    self.crash_host();
                    let after = self.millis(15_000);
                    self.later(after, Coming::HostCrash);
                }
            }
            Coming::NodesRepeat => {
                let of = |(&id, node): (&NodeId, &Node)| (id, node.unconfirmed());
                let all: Vec<(NodeId, Vec<FromNode>)> = self.nodes.iter().map(of).collect();
                if self.bug != Some(Bug::NodeReportsOnce) {
                    for (id, reports) in all {
                        reports
                            .into_iter()
                            .for_each(|report| self.post_report(id, report));
                    }
                }
                self.later(Span::from_secs(7), Coming::NodesRepeat);
            }
        }
        Ok(())
    }

    // ---- the end ----

    /// No more faults and callers; all nodes take jobs.
    fn calm_down(&mut self) -> Check {
        self.log(|| "the faults stop".into());
        self.faults = false;
        self.calm_since = self.now;
        self.start_host()?;
        if let Some(host) = &self.host {
            for command in callers::set_right(host.core.state()) {
                self.command(command);
            }
        }
        self.later(Span::from_secs(1), Coming::Caretaker);
        self.turn()
    }

    fn is_quiet(&self) -> bool {
        let Some(host) = &self.host else { return false };
        let mut jobs = host.core.state().jobs();
        host.core.is_durable()
            && !self.disk.is_writing()
            && jobs.all(|job| job.state().is_ended() || job.state() == JobState::Configuring)
            && self.nodes.values().all(|node| node.attempts.is_empty())
    }

    /// The state by all events that were handed over is the live one, and a new mirror sees in it what it should.
    fn compare_states(&self) -> Check {
        let Some(host) = &self.host else {
            return Ok(());
        };
        host.core.state().check()?;
        let state = self.disk.state();
        if state != host.core.state() {
            return Err("the live state is not what the events say".into());
        }
        if Mirror::new().take(state) != Mirror::new().take(host.core.state()) {
            return Err("a policy would be told something else after a restart".into());
        }
        Ok(())
    }

    fn millis(&mut self, below: u32) -> Span {
        Span::from_millis(1 + u64::from(self.n.below(below)))
    }

    fn log(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        let at = self.now.since(BEGIN).as_secs_f64();
        let mut line = format!("{at:.3} {}", line());
        if let Some((cut, _)) = line.char_indices().nth(300) {
            line.truncate(cut);
        }
        self.trace.push_back(line);
    }
}

fn stuck(state: &State) -> String {
    let jobs = state.jobs().filter(|job| !job.state().is_ended());
    let jobs = jobs.map(|job| format!("job {} is {}", job.id, job.state()));
    jobs.collect::<Vec<_>>().join(", ")
}
