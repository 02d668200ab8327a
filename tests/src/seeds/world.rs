//! The run itself: one queue of things to come, in virtual time, and the host in the middle of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::LazyLock;

use jobyard::Notice;
use jobyard::builtin;
use jobyard::core::{Core, Decided, Effect, PolicyQuestion};
use jobyard_journal::Record;
use jobyard_kernel::filter::{Asks, FilterAnswer, QuestionKind, Wants};
use jobyard_kernel::{
    ActivationCause, Actor, Command, Ending, Execution, FromNode, Job, JobState, Mirror, NodeId,
    Plan, Seat, Span, State, StopCause, Timestamp, ToNode,
};
use jobyard_plugin::recovery::{PassOutcome, PolicyChoice, PolicySlot};
use jobyard_plugin::{
    Fault, FaultKind, FaultReport, Limits, Plugin, PluginHost, World as PluginWorld,
};

use super::coverage::Coverage;
use super::disk::Disk;
use super::node::{Attempt, Deed, Node};
use super::numbers::Numbers;
use super::oracle::{Answer, Oracle};
use super::{Bug, callers, filters, proposals, random};

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
            Coming::FilterAnswers(life, filter, question, answer) if life == self.life => {
                self.filter_answers(&filter, question, answer)?;
            }
            Coming::Written(_) | Coming::Decided(..) | Coming::FilterAnswers(..) => {}
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

    // ---- the host ----

    fn start_host(&mut self) -> Check {
        if self.host.is_some() {
            return Ok(());
        }
        let (state, from_the_beginning) = self.disk.recover();
        if state != from_the_beginning {
            return Err("a snapshot and what came after it is not what all events say".into());
        }
        state.check()?;
        // What a crash left on disk without anybody having been told counts from now on.
        let known = self.oracle.events();
        let unseen = self.disk.after(known);
        self.oracle.durable(&unseen)?;
        self.oracle.recovered(self.disk.events(), &state)?;
        let slots = BTreeMap::from([(Seat::Active, self.slot()?)]);
        let mut core = Core::new(state, self.disk.events(), "backfill".into(), self.now)
            .ended_live(ENDED_LIVE_MAX)
            .filters(filters_there());
        if self.bug == Some(Bug::FiltersAreNotAskedAgain) {
            core.questions(self.now);
        }
        if self.bug == Some(Bug::NothingIsSentAgain) {
            core.effects();
        }
        self.host = Some(Host { core, slots });
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.connects(node));
        self.effects()
    }

    fn slot(&self) -> Result<PolicySlot, String> {
        let choice = || PolicyChoice {
            plugin: POLICY.clone(),
            limits: Limits::for_world(PluginWorld::SchedulingPolicy),
            settings: self.settings.clone(),
            number: 0,
        };
        PolicySlot::new(choice(), choice()).map_err(|error| error.to_string())
    }

    /// A canary takes its seat, or leaves it, as the state says.
    fn seat_canary(&mut self) -> Check {
        let Some(host) = &self.host else {
            return Ok(());
        };
        let is = host.core.state().policies().canary.is_some();
        let was = host.slots.contains_key(&Seat::Canary);
        // An instance is not made at every turn.
        let slot = (is && !was).then(|| self.slot()).transpose()?;
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        if let Some(slot) = slot {
            host.core.take_seat(Seat::Canary);
            host.slots.insert(Seat::Canary, slot);
        } else if was && !is {
            host.core.leave_seat(Seat::Canary);
            host.slots.remove(&Seat::Canary);
        }
        Ok(())
    }

    /// A node's process and the host have found each other, for the first time or again.
    fn connects(&mut self, node: NodeId) {
        if let (Some(host), Some(process)) = (&mut self.host, self.nodes.get(&node))
            && self.bug != Some(Bug::NobodyAsksWhatIsHeld)
        {
            host.core.connected(node, &process.holds(), self.now);
            if self.bug == Some(Bug::NothingIsSentAgain) {
                host.core.effects();
            }
        }
    }

    fn add_nodes(&mut self) -> Check {
        for number in 1..=2 + self.n.below(3) {
            let spec = random::node(number, 1 + self.n.below(6));
            self.command(Command::AddNode(spec));
            self.nodes.insert(NodeId(number), Node::default());
        }
        self.turn()
    }

    /// What the engine's loop does once around.
    fn turn(&mut self) -> Check {
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        if self.bug != Some(Bug::TimeStandsStill) {
            host.core.tick(self.now);
            if self.bug == Some(Bug::NothingIsSentAgain) {
                host.core.effects();
            }
        }
        self.seat_canary()?;
        for seat in [Seat::Active, Seat::Canary] {
            let host = self.host.as_mut();
            if let Some(question) = host.and_then(|host| host.core.pass(seat, self.now)) {
                self.pass(question);
            }
        }
        self.ask_filters();
        // Between decide and commit.
        if self.faults && self.n.once_in(400) {
            self.crash_host();
            return Ok(());
        }
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        if let Some(batch) = host.core.batch() {
            self.disk.write(batch.clone());
            if self.bug == Some(Bug::AnswersBeforeDurable) {
                let count = self.disk.events_handed_over();
                host.core.durable(count);
            }
            self.compare_states()?;
            let (life, after) = (self.life, self.millis(20));
            self.later(after, Coming::Written(life));
        }
        self.effects()
    }

    fn written(&mut self) -> Check {
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        // A full disk, a broken one: the engine stops, and its caller starts it again.
        if self.faults && self.n.once_in(60) {
            self.crash_host();
            return Ok(());
        }
        let Some(batch) = self.disk.done() else {
            return Ok(());
        };
        self.oracle.durable(&batch)?;
        // Between commit and answer, and between answer and dispatch.
        if self.faults && self.n.once_in(100) {
            self.crash_host();
            return Ok(());
        }
        host.core.durable(self.disk.events());
        if !self.disk.is_writing() && self.n.once_in(10) {
            let settled = host.core.batch().is_none();
            if settled && host.core.is_durable() {
                self.disk.keep(host.core.state(), self.bug);
            }
        }
        self.effects()
    }

    fn effects(&mut self) -> Check {
        let effects = self.host.as_mut().map(|host| host.core.effects());
        for effect in effects.unwrap_or_default() {
            match effect {
                Effect::Answer(answer) => {
                    self.oracle.answered(&answer)?;
                    self.summary.acknowledged += 1;
                    let commands = &mut self.summary.coverage.commands;
                    *commands.entry((&answer.command).into()).or_default() += 1;
                }
                Effect::Send(node, message) => {
                    self.oracle.sent(&message)?;
                    self.post(node, message);
                }
                Effect::Forget(execution) => {
                    let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
                    for node in nodes {
                        self.post(node, ToNode::Forget(execution));
                    }
                }
                Effect::Notice(Notice::ProposalRefused(refusal)) => {
                    let refusals = &mut self.summary.coverage.refusals;
                    *refusals.entry((&refusal).into()).or_default() += 1;
                }
                Effect::GoBack(why) => self.go_back(why),
                Effect::Leave(_) | Effect::Notice(_) | Effect::Happened(_) => {}
            }
            // Between one of them and the next.
            if self.faults && self.n.once_in(1_500) {
                self.crash_host();
                return Ok(());
            }
        }
        Ok(())
    }

    fn crash_host(&mut self) {
        if self.host.take().is_some() {
            self.log(|| "the host dies".into());
            self.summary.crashes += 1;
            self.life += 1;
            self.disk.crash(&mut self.n, self.bug);
            let after = self.millis(3_000);
            self.later(after, Coming::HostBack);
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.now;
        let Some(host) = &mut self.host else { return };
        self.oracle.asked(&command);
        let taken = callers::mistaken(command.clone(), self.bug);
        match host.core.command(&taken, now) {
            Ok(events) => {
                let events = events.to_vec();
                let log = format!("accepted: {command:?}");
                host.core.answer(Answer { command, events });
                self.log(|| log);
            }
            Err(rejection) => {
                let rejections = &mut self.summary.coverage.rejections;
                *rejections.entry((&rejection).into()).or_default() += 1;
            }
        }
    }

    fn caller(&mut self) {
        if !self.faults {
            return;
        }
        if self.n.once_in(8) {
            self.recall();
        } else if let Some(host) = &self.host {
            let command = callers::command(host.core.state(), self.now, &mut self.n);
            self.command(command);
        }
        let after = self.millis(800);
        self.later(after, Coming::Caller);
    }

    /// Somebody wants something of a job that has left the live state.
    fn recall(&mut self) {
        let records: Vec<Record> = self.disk.history(self.bug).into_values().collect();
        let record = self.n.pick(&records).cloned();
        let (Some(host), Some(record)) = (&mut self.host, record) else {
            return;
        };
        let job = record.job.id;
        if host.core.recall(record, self.now) == Ok(true) {
            let command = callers::about_an_old_job(job, &mut self.n);
            self.command(command);
        }
    }

    fn caretaker(&mut self) {
        let Some(host) = &self.host else { return };
        let late = self.now.since(self.calm_since) > Span::from_secs(CHOOSY_WAIT_SECONDS);
        for command in callers::see_to_it(host.core.state(), late) {
            self.command(command);
        }
        self.later(Span::from_secs(5), Coming::Caretaker);
    }

    // ---- the policy ----

    fn pass(&mut self, question: PolicyQuestion) {
        let Some(host) = &mut self.host else { return };
        let (seat, number) = (question.seat, question.number);
        let Some(slot) = host.slots.get_mut(&seat) else {
            return;
        };
        let mut outcome = slot.schedule(self.now.as_instant(), question.changes);
        if self.n.once_in(25) {
            // It trapped, as it may at any time: the plan is lost, and so is what the instance knew.
            let choice = slot.active().clone();
            if let Ok(new) = PolicySlot::new(choice.clone(), choice.clone()) {
                *slot = new;
            }
            outcome = PassOutcome {
                needs_snapshot: self.bug != Some(Bug::PolicyIsNotToldAgain),
                faults: vec![trap(&choice)],
                exhausted: seat == Seat::Canary && self.n.once_in(3),
                ..PassOutcome::default()
            };
        } else if self.faults && self.n.once_in(10) {
            nonsense(&mut outcome.plan, host.core.state(), self.now, &mut self.n);
        }
        let (life, after) = (self.life, self.millis(30));
        let decided = Coming::Decided(life, seat, number, Box::new(outcome));
        self.later(after, decided);
    }

    fn decided(&mut self, seat: Seat, number: u64, outcome: PassOutcome) {
        let Some(host) = &mut self.host else { return };
        let active = host.core.state().policies().active();
        let decided = Decided {
            outcome,
            only_fitting_arrivals: true,
            policy: "backfill".into(),
            activation: active.map_or(0, |active| active.number),
            component: POLICY.digest_half(),
            sent: [0; 16],
            answered: [0; 16],
            took: Span::from_millis(1),
            ..Decided::default()
        };
        host.core.decided(seat, number, decided, self.now);
    }

    /// A guard wants the policy before back.
    fn go_back(&mut self, why: String) {
        let Some(host) = &mut self.host else { return };
        let before = host.core.state().policies().before();
        let Some(before) = before.cloned() else {
            return;
        };
        let command = Command::ActivatePolicy {
            by: Actor::administrator("host"),
            setup: before.setup.clone(),
            cause: ActivationCause::Guarded { to: before.number },
            why,
            guard: None,
        };
        if let Err(refused) = host.core.activate(&command, self.now) {
            self.log(|| format!("not put back: {refused}"));
        }
    }

    // ---- the filters ----

    /// Filters answer anything, at any time.
    fn ask_filters(&mut self) {
        let Some(host) = &mut self.host else { return };
        for question in host.core.questions(self.now) {
            let kind = match question.asks {
                Asks::Submission => QuestionKind::Submission,
                Asks::Activation(_) => QuestionKind::Activation,
                Asks::Revert => QuestionKind::Revert,
            };
            let answer = match self.faults {
                true => filters::answer(kind, self.now, &mut self.n),
                false => filters::yes_to(kind),
            };
            let slow = self.faults && self.n.once_in(10);
            let after = self.millis(if slow { 20_000 } else { 200 });
            let (filter, number) = (question.filter, question.number);
            let answers = Coming::FilterAnswers(self.life, filter, number, answer);
            self.later(after, answers);
        }
    }

    /// Only a yes lets a job go on, and only to what it is asked now.
    fn filter_answers(&mut self, filter: &str, question: u64, answer: FilterAnswer) -> Check {
        let now = self.now;
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        let about = host.core.state().asked_about(question);
        let (mut taken, mut number) = (answer.clone(), question);
        if self.bug == Some(Bug::FaultsAreConsent)
            && let FilterAnswer::Fault(..) = answer
        {
            taken = FilterAnswer::Start;
        }
        if self.bug == Some(Bug::AnyAnswerCounts) && about.is_none() {
            let other = host.core.state().questions().next();
            number = other.map_or(number, |(number, ..)| number);
        }
        let before = host.core.state().clone();
        host.core.filter_answered(filter, number, taken, now);
        let after = host.core.state();
        if about.is_none() && *after != before {
            return Err(format!("{answer:?} came too late and changed something"));
        }
        let yes = answer == FilterAnswer::Start || matches!(answer, FilterAnswer::Accept(_));
        let held = |state: &State| about.and_then(|id| state.job(id)).map_or(0, Job::cores);
        if !yes && held(after) > held(&before) {
            return Err(format!("{answer:?} gave job {about:?} resources"));
        }
        Ok(())
    }

    // ---- the network and the nodes ----

    fn post(&mut self, node: NodeId, message: ToNode) {
        for after in self.deliveries() {
            self.later(after, Coming::ToNode(node, message.clone()));
        }
    }

    fn post_report(&mut self, node: NodeId, report: FromNode) {
        for after in self.deliveries() {
            self.later(after, Coming::FromNode(node, report.clone()));
        }
    }

    /// When a message arrives, and whether: lost, once, twice, late.
    fn deliveries(&mut self) -> Vec<Span> {
        let (soon, late) = (self.millis(40), self.millis(40_000));
        match self.n.below(20) {
            0 if self.faults => Vec::new(),
            1 if self.faults => vec![soon, late],
            2 if self.faults => vec![late],
            3 if self.faults => vec![soon, soon],
            _ => vec![soon],
        }
    }

    fn arrive(&mut self, id: NodeId, message: ToNode) -> Check {
        self.oracle.delivered(&message);
        let node = self.nodes.entry(id).or_default();
        let deeds = node.take(message, self.bug);
        self.deeds(id, deeds)
    }

    fn deeds(&mut self, id: NodeId, deeds: Vec<Deed>) -> Check {
        for deed in deeds {
            match deed {
                Deed::Report(report) => {
                    self.oracle.reported(&report);
                    self.post_report(id, report);
                }
                Deed::Begin(execution) => self.begin(id, execution)?,
                Deed::StopWithin(execution, grace_ms) => {
                    let after = self.millis(grace_ms.min(20_000) as u32 + 1);
                    let ending = Ending::Stopped { code: Some(130) };
                    self.later(after, Coming::WorkEnds(id, execution, ending));
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, id: NodeId, execution: Execution) -> Check {
        self.summary.attempts += 1;
        if let Some(Attempt::Running(assignment)) = self.nodes[&id].attempts.get(&execution) {
            let live = self.nodes.values().flat_map(Node::live);
            self.oracle.begins(id, assignment, live)?;
        }
        let code = i32::from(self.n.once_in(6));
        let (ending, after) = (Ending::Exited { code }, self.millis(9_000));
        self.later(after, Coming::WorkEnds(id, execution, ending));
        Ok(())
    }

    fn crash_node(&mut self, id: NodeId) -> Check {
        let node = self.nodes.entry(id).or_default();
        if self.n.once_in(2) {
            let gone = node.forget_everything();
            gone.into_iter()
                .for_each(|execution| self.oracle.gone(execution));
            // Its connection is gone too, with all that was on its way.
            self.coming.retain(|_, coming| match coming {
                Coming::ToNode(node, _) | Coming::FromNode(node, _) => *node != id,
                Coming::Written(_)
                | Coming::Decided(..)
                | Coming::WorkEnds(..)
                | Coming::Caller
                | Coming::HostBack
                | Coming::NodeCrash
                | Coming::NodeConnects(_)
                | Coming::HostCrash
                | Coming::FilterAnswers(..)
                | Coming::Caretaker
                | Coming::NodesRepeat => true,
            });
            let after = self.millis(3_000);
            self.later(after, Coming::NodeConnects(id));
            return Ok(());
        }
        let live: Vec<Execution> = node.live().collect();
        let deeds = node.crash();
        live.into_iter()
            .for_each(|execution| self.oracle.ends(execution));
        self.deeds(id, deeds)
    }

    fn oracle_ends(&mut self, node: NodeId, execution: Execution) {
        let alive = self.nodes.get(&node);
        if alive.is_some_and(|node| node.live().any(|live| live == execution)) {
            self.oracle.ends(execution);
        }
    }

    fn report(&mut self, mut report: FromNode) {
        let now = self.now;
        let Some(host) = &mut self.host else { return };
        if self.bug == Some(Bug::AnyAttemptCounts)
            && let FromNode::Ended { execution, .. } = &mut report
            && let Some(task) = host
                .core
                .state()
                .job(execution.job)
                .and_then(|j| j.task(execution.task))
            && let Some(run) = task.runs.get(&execution.instance)
        {
            execution.attempt = run.attempt;
        }
        if self.bug == Some(Bug::PreemptedTasksAreDone)
            && let FromNode::Ended {
                execution, ending, ..
            } = &mut report
            && let Some((_, _, run)) = host.core.state().run(*execution)
            && run
                .stop
                .is_some_and(|stop| stop.cause == StopCause::Preempted)
        {
            *ending = Ending::Exited { code: 0 };
        }
        let ended = match &report {
            FromNode::Ended { execution, .. } => Some(*execution),
            FromNode::Started { .. } => None,
        };
        host.core.report(report, now);
        if self.bug == Some(Bug::ForgetsBeforeDurable)
            && let Some(execution) = ended
        {
            for node in self.nodes.values_mut() {
                node.take(ToNode::Forget(execution), self.bug);
            }
        }
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

/// What is said of a trap.
fn trap(choice: &PolicyChoice) -> Fault {
    FaultReport {
        plugin: choice.plugin.name().into(),
        digest: choice.plugin.digest().into(),
        function: "schedule",
        kind: FaultKind::Trap,
        text: "unreachable".into(),
        log: Vec::new(),
        limits: choice.limits,
    }
    .into()
}

/// The filters that there are. Others are named, too.
fn filters_there() -> BTreeMap<String, Wants> {
    let wants = Wants {
        tasks: true,
        holders: vec!["SoftwareLicense".into()],
    };
    BTreeMap::from([("a".into(), wants.clone()), ("b".into(), wants)])
}

fn stuck(state: &State) -> String {
    let jobs = state.jobs().filter(|job| !job.state().is_ended());
    let jobs = jobs.map(|job| format!("job {} is {}", job.id, job.state()));
    jobs.collect::<Vec<_>>().join(", ")
}

/// A policy that doubles what it said and makes the rest up, which may come first.
fn nonsense(plan: &mut Plan, state: &State, now: Timestamp, n: &mut Numbers) {
    let doubled = plan.decisions.clone();
    plan.decisions.extend(doubled);
    let more: Vec<_> = (0..n.below(12))
        .map(|_| proposals::proposal(state, now, n))
        .collect();
    let place = if n.once_in(2) {
        0
    } else {
        plan.decisions.len()
    };
    plan.decisions.splice(place..place, more);
}
