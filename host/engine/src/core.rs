//! What the engine does, without how it waits: state, mirror, batches and what is owed when a batch is durable.
//!
//! Not async, no threads, no clock: time is an argument, and what is to be done in the world comes out as [`Effect`]s. The
//! engine's loop (`run.rs`) feeds it from channels. The seeded simulation feeds it in virtual time, with a
//! journal, nodes and policies that fail; so what is tested there is what runs here.

mod once;
mod passes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jobyard_journal::{Record, Sequence};
use jobyard_kernel::filter::{FilterAnswer, FilterFault, Question, Wants};
use jobyard_kernel::{
    Command, Ending, Event, Execution, Fact, FromNode, NodeId, PassRecord, Phase, Rejection, Run,
    Seat, Span, State, TaskId, Timestamp, ToNode, step,
};

use crate::archive::{Archive, ENDED_LIVE_MAX};
use crate::asking::Asking;
pub use crate::seat::PolicyQuestion;
use crate::seat::Taken;
use crate::{Notice, Stats};
pub use once::{Keyed, Once};
pub use passes::{Decided, catch_up, half_of};

/// Events between two snapshots, at least.
const SNAPSHOT_EVERY: Sequence = 250_000;
/// Who does what the engine does by itself.
pub(crate) const HOST: &str = "jobyard";
/// How often messages that nodes have not answered are sent again.
const RESEND_EVERY: Span = Span::from_secs(30);

/// Something to be done in the world, in this order.
#[derive(Debug)]
pub enum Effect<A> {
    /// Give an answer: what it says is durable.
    Answer(A),
    /// Tell a node.
    Send(NodeId, ToNode),
    /// Tell all nodes to forget an attempt. Those that do not have it ignore it.
    Forget(Execution),
    /// Tell those who listen.
    Notice(Notice),
    /// Tell those who listen that these are durable.
    Happened(Arc<[Event]>),
    /// The policy in this seat is tried no more.
    Leave(Seat),
    /// The guard of the policy in force wants the one before back, and says why.
    GoBack(String),
}

/// The attempts that a node has been sent and that have not ended, and whether it said that they were started.
pub(crate) fn running(state: &State, of: impl Fn(&Run) -> bool) -> Vec<(Execution, bool)> {
    let mut all = Vec::new();
    for job in state
        .jobs()
        .filter(|job| matches!(job.phase, Phase::Running | Phase::Ending(_)))
    {
        for (index, task) in job.tasks.iter().enumerate() {
            let task_id = TaskId(index as u32 + 1);
            let runs = task.runs.iter().filter(|(_, run)| of(run));
            all.extend(runs.map(|(&instance, run)| {
                let execution = Execution {
                    job: job.id,
                    task: task_id,
                    instance,
                    attempt: run.attempt,
                };
                (execution, run.started.is_some())
            }));
        }
    }
    all
}

/// What a node would say of an attempt that it does not have.
pub(crate) fn lost(execution: Execution) -> FromNode {
    FromNode::Ended {
        execution,
        ending: Ending::Lost,
        output_tail: String::new(),
    }
}

/// A batch that the journal has, and what is done when it is durable.
#[derive(Debug)]
struct Pending<A> {
    last: Sequence,
    events: Arc<[Event]>,
    answers: Vec<A>,
    forget: Vec<Execution>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    Stop,
    Forget,
}

impl Kind {
    fn of(message: &ToNode) -> Kind {
        match message {
            ToNode::Start(_) => Kind::Start,
            ToNode::Stop { .. } => Kind::Stop,
            ToNode::Forget(_) => Kind::Forget,
        }
    }
}

/// The engine's heart. `A` is how a caller is answered.
#[derive(Debug)]
pub struct Core<A> {
    state: State,
    /// Who is asked; the policy in force always is.
    seats: BTreeMap<Seat, Taken>,
    /// Who is to be the policy in force, and has its first pass.
    next: Option<Taken>,
    /// The number of the last pass.
    last_pass: u64,
    /// Passes of which nothing came and that are not noted yet.
    idle_passes: Vec<PassRecord>,
    note_idle_at: Option<Timestamp>,
    /// When the guard is asked again; none: it has spoken.
    guard_at: Option<Timestamp>,
    stats: Stats,
    sequence: Sequence,
    pending: VecDeque<Pending<A>>,
    /// What was decided since the last batch, and who waits for it.
    events: Vec<Event>,
    answers: Vec<A>,
    forget: Vec<Execution>,
    resend_at: Timestamp,
    /// Nodes without a connection, and since when.
    silent: BTreeMap<NodeId, Timestamp>,
    snapshot_at: Sequence,
    archive: Archive,
    asking: Asking,
    effects: Vec<Effect<A>>,
}

impl<A> Core<A> {
    /// Goes on from a state of which everything is durable, up to the event of that number. What nodes are owed is sent again.
    pub fn new(state: State, sequence: Sequence, policy: String, now: Timestamp) -> Self {
        let archive = Archive::of(&state, ENDED_LIVE_MAX);
        let last_pass = state.policies().last_pass;
        let mut core = Core {
            state,
            seats: BTreeMap::from([(Seat::Active, Taken::new(Seat::Active))]),
            next: None,
            last_pass,
            idle_passes: Vec::new(),
            note_idle_at: None,
            guard_at: Some(now),
            stats: Stats {
                policy,
                durable_events: sequence,
                ..Stats::default()
            },
            sequence,
            pending: VecDeque::new(),
            events: Vec::new(),
            answers: Vec::new(),
            forget: Vec::new(),
            resend_at: now + RESEND_EVERY,
            silent: BTreeMap::new(),
            snapshot_at: sequence,
            archive,
            asking: Asking::default(),
            effects: Vec::new(),
        };
        core.resend();
        core
    }

    /// Lets no more than this many ended jobs stay in the state, 10,000 unless said otherwise.
    pub fn ended_live(mut self, jobs: usize) -> Self {
        self.archive = Archive::of(&self.state, jobs);
        self
    }

    /// The filters that there are, by name, and what each wants to be shown.
    pub fn filters(mut self, filters: BTreeMap<String, Wants>) -> Self {
        self.asking = Asking::new(filters);
        self
    }

    /// The state as it will be when everything that was decided is durable.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What is to be done now. Take it after each call of one of the others.
    pub fn effects(&mut self) -> Vec<Effect<A>> {
        std::mem::take(&mut self.effects)
    }

    // ---- what comes in ----

    /// Carries out a command; what came of it. Nothing of it may be told to anybody before it is durable: hand an answer in.
    ///
    /// # Errors
    /// A refusal, with which nothing has changed.
    pub fn command(&mut self, command: &Command, now: Timestamp) -> Result<&[Event], Rejection> {
        let from = self.events.len();
        step(&mut self.state, command, now, &mut self.events)?;
        self.note(from);
        Ok(&self.events[from..])
    }

    /// Whether a command would be carried out now; nothing changes.
    ///
    /// # Errors
    /// The refusal.
    pub fn may(&self, command: &Command, now: Timestamp) -> Result<(), Rejection> {
        jobyard_kernel::decide(&self.state, command, now).map(drop)
    }

    /// Makes a job of history live. False when the record is out of date: read it again.
    ///
    /// # Errors
    /// It is no record of this journal.
    pub fn recall(&mut self, record: Record, now: Timestamp) -> Result<bool, Rejection> {
        if self.archive.is_stale(&record) {
            return Ok(false);
        }
        let id = record.job.id;
        self.command(&Command::RecallJob(record.job), now)?;
        let at = self.sequence + self.events.len() as Sequence;
        self.archive.recalled(id, at);
        Ok(true)
    }

    /// An answer that is given when all that has been decided by now is durable.
    pub fn answer(&mut self, answer: A) {
        self.answers.push(answer);
    }

    /// Takes a report of a node. The node keeps the end of an attempt until it is told to forget it.
    pub fn report(&mut self, report: FromNode, now: Timestamp) {
        if let FromNode::Ended {
            execution,
            output_tail,
            ..
        } = &report
        {
            self.forget.push(*execution);
            if !output_tail.is_empty() && self.state.run(*execution).is_some() {
                let (execution, tail) = (*execution, output_tail.clone());
                let notice = Notice::Output { execution, tail };
                self.effects.push(Effect::Notice(notice));
            }
        }
        if self.command(&Command::Report(report), now).is_err() {
            self.stats.stale_reports += 1;
        }
    }

    /// A node that outlives the engine is connected, for the first time or again, and holds these attempts: it runs them, or knows how they
    /// ended. What it said was started there, and is not among them, went down with it. What it is owed is sent again.
    pub fn connected(&mut self, node: NodeId, holds: &[Execution], now: Timestamp) {
        self.silent.remove(&node);
        self.reachable(node, true, now);
        let holds: BTreeSet<Execution> = holds.iter().copied().collect();
        let running = running(&self.state, |run| {
            run.places.first().map(|p| p.node) == Some(node)
        });
        for &(execution, is_started) in &running {
            if is_started && !holds.contains(&execution) {
                self.report(lost(execution), now);
            }
        }
        for &execution in &holds {
            // From another life of the journal, if there is such a thing: nobody waits for it.
            if self.state.run(execution).is_none() {
                let grace_ms = 0;
                let stop = ToNode::Stop {
                    execution,
                    grace_ms,
                };
                self.effects.push(Effect::Send(node, stop));
            }
        }
        self.resend_at = now + RESEND_EVERY;
        self.resend();
    }

    /// There is no connection to a node that outlives the engine. If there is none for so long as the cluster's parameters say
    /// (`HeartbeatInterval`, `InactivityCount`), the node is unreachable and takes no jobs until it is connected.
    pub fn disconnected(&mut self, node: NodeId, now: Timestamp) {
        self.silent.entry(node).or_insert(now);
    }

    fn reachable(&mut self, node: NodeId, reachable: bool, now: Timestamp) {
        let known = self.state.node(node).is_some();
        let command = Command::SetNodeReachable { node, reachable };
        if known && self.command(&command, now).is_err() {
            unreachable!("a node that is there can be noted to be reachable or not");
        }
    }

    /// When a node will have been silent for too long that is not known to be unreachable yet.
    fn unreachable_at(&self) -> Option<(Timestamp, NodeId)> {
        let limit = self.state.parameters().unreachable_after();
        let reachable = |node: &NodeId| self.state.node(*node).is_some_and(|n| !n.unreachable);
        let silent = self.silent.iter().filter(|(node, _)| reachable(node));
        silent.map(|(&node, &since)| (since + limit, node)).min()
    }

    /// Does what is due by now.
    pub fn tick(&mut self, now: Timestamp) {
        if self.state.next_due().is_some_and(|due| due <= now)
            && self.command(&Command::Tick, now).is_err()
        {
            unreachable!("a tick is never refused");
        }
        while let Some((_, node)) = self.unreachable_at().filter(|(at, _)| *at <= now) {
            self.reachable(node, false, now);
        }
        let excess = self.archive.excess();
        if !excess.is_empty() && self.command(&Command::ArchiveJobs(excess), now).is_err() {
            unreachable!("what has not ended just stays");
        }
        if now >= self.resend_at {
            self.resend_at = now + RESEND_EVERY;
            self.resend();
        }
        if self.note_idle_at.is_some_and(|at| at <= now) {
            self.note_idle_passes(now);
        }
        if self.guard_at.is_some_and(|at| at <= now) {
            self.ask_the_guard(now);
        }
    }

    /// When there is something to do even if nothing comes in.
    pub fn alarm(&self) -> Timestamp {
        let mut alarm = self.resend_at;
        if let Some(due) = self.state.next_due() {
            alarm = alarm.min(due);
        }
        if let Some((at, _)) = self.unreachable_at() {
            alarm = alarm.min(at);
        }
        let seats = self.seats.values().filter_map(Taken::alarm);
        let others = [self.note_idle_at, self.guard_alarm()]
            .into_iter()
            .flatten();
        seats.chain(others).fold(alarm, Timestamp::min)
    }

    // ---- filters ----

    /// The questions that filters are to be asked now. Each filter must answer one before it is asked the next.
    pub fn questions(&mut self, now: Timestamp) -> Vec<Question> {
        while let Some((number, filter)) = self.asking.unanswerable(&self.state) {
            let text = format!("there is no filter \"{filter}\"");
            let answer = FilterAnswer::Fault(FilterFault::Missing, text);
            self.answered(number, answer, now);
        }
        self.asking.next(&self.state)
    }

    /// Takes a filter's answer, or that there is none.
    pub fn filter_answered(
        &mut self,
        filter: &str,
        question: u64,
        answer: FilterAnswer,
        now: Timestamp,
    ) {
        self.asking.answered(filter);
        self.answered(question, answer, now);
    }

    /// Counts a filter's fault; what it means for the job comes as its answer.
    pub fn filter_failed(&mut self) {
        self.stats.filter_faults += 1;
    }

    fn answered(&mut self, question: u64, answer: FilterAnswer, now: Timestamp) {
        let command = Command::FilterAnswer { question, answer };
        if self.command(&command, now).is_err() {
            self.stats.stale_answers += 1;
        }
    }

    // ---- what goes out ----

    /// What has been decided since the last batch, for the journal. Answers to what changed nothing are given when all before
    /// them is durable, which may be now.
    pub fn batch(&mut self) -> Option<Arc<[Event]>> {
        if !self.events.is_empty()
            && let Some(last) = self.events.last().map(|event| event.at)
        {
            self.note_idle_passes(last);
        }
        let answers = std::mem::take(&mut self.answers);
        let forget = std::mem::take(&mut self.forget);
        if self.events.is_empty() {
            match self.pending.back_mut() {
                Some(last) => {
                    last.answers.extend(answers);
                    last.forget.extend(forget);
                }
                None => self.release(answers, forget),
            }
            return None;
        }
        let events: Arc<[Event]> = std::mem::take(&mut self.events).into();
        self.sequence += events.len() as Sequence;
        self.pending.push_back(Pending {
            last: self.sequence,
            events: events.clone(),
            answers,
            forget,
        });
        Some(events)
    }

    /// The state after the last batch, where it is time to keep it: the journal gets it after that batch.
    pub fn snapshot(&mut self) -> Option<(Sequence, Box<State>)> {
        // A restart reads a snapshot and the events after it: neither is to be much longer than the other.
        let every = SNAPSHOT_EVERY.max(self.state.job_count() as Sequence);
        let due = self.events.is_empty() && self.sequence - self.snapshot_at >= every;
        due.then(|| {
            self.snapshot_at = self.sequence;
            (self.sequence, Box::new(self.state.clone()))
        })
    }

    /// The journal has everything up to this event.
    pub fn durable(&mut self, last: Sequence) {
        self.stats.durable_events = last;
        while let Some(batch) = self.pending.pop_front_if(|batch| batch.last <= last) {
            for event in batch.events.iter() {
                if let Fact::Dispatched { works, .. } = &event.fact {
                    // One that is to be stopped by now is told so when that is durable too.
                    let starts = works.iter().map(|work| work.execution);
                    starts.for_each(|execution| self.tell(execution, Kind::Start));
                }
                if let Fact::StopRequested { executions, .. } = &event.fact {
                    let stops = executions.iter().copied();
                    stops.for_each(|execution| self.tell(execution, Kind::Stop));
                }
            }
            self.effects.push(Effect::Happened(batch.events));
            self.release(batch.answers, batch.forget);
        }
    }

    /// Whether the journal has everything.
    pub fn is_durable(&self) -> bool {
        self.pending.is_empty()
    }

    /// The answers that nobody has got, for when the journal has failed.
    pub fn unanswered(self) -> impl Iterator<Item = A> {
        let pending = self.pending.into_iter().flat_map(|batch| batch.answers);
        pending.chain(self.answers)
    }

    fn release(&mut self, answers: Vec<A>, forget: Vec<Execution>) {
        self.effects.extend(answers.into_iter().map(Effect::Answer));
        self.effects.extend(forget.into_iter().map(Effect::Forget));
    }

    /// Sends what a node is owed for an attempt, if it is of that kind. By now it may be nothing.
    fn tell(&mut self, execution: Execution, kind: Kind) {
        if let Some((node, message)) = self.state.message(execution)
            && kind == Kind::of(&message)
        {
            self.effects.push(Effect::Send(node, message));
        }
    }

    /// Sends again what nodes have not answered, but for what is not durable yet and was never sent.
    fn resend(&mut self) {
        let undecided = self.pending.iter().flat_map(|batch| batch.events.iter());
        let mut too_new = BTreeSet::new();
        for event in undecided.chain(&self.events) {
            if let Fact::Dispatched { works, .. } = &event.fact {
                too_new.extend(works.iter().map(|work| work.execution));
            }
            if let Fact::StopRequested { executions, .. } = &event.fact {
                too_new.extend(executions);
            }
        }
        let owed = self.state.owed().filter(|owed| !too_new.contains(owed));
        for (node, message) in owed.filter_map(|execution| self.state.message(execution)) {
            self.effects.push(Effect::Send(node, message));
        }
    }

    fn note(&mut self, from: usize) {
        for event in &self.events[from..] {
            for taken in self.seats.values_mut().chain(&mut self.next) {
                taken.mirror().note(&self.state, event);
            }
            self.archive.note(&self.state, event);
            self.stats.note(&self.state, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jobyard_kernel::{Actor, Columns, Decision, JobId, JobSpec, NodeSpec, Plan};
    use jobyard_plugin::recovery::PassOutcome;

    use super::*;

    #[test]
    fn a_node_that_is_silent_for_too_long_is_unreachable() {
        let at = |seconds: u64| Timestamp(seconds * 1_000_000);
        let mut core = Core::<()>::new(State::new(), 0, "some".into(), at(0));
        let node = NodeSpec {
            name: "n1".into(),
            ..NodeSpec::default()
        };
        core.command(&Command::AddNode(node), at(0)).unwrap();
        let node = NodeId(1);
        core.disconnected(node, at(1));
        // Said again with another reason: it counts from the first time.
        core.disconnected(node, at(60));
        let takes_jobs = |core: &Core<()>| core.state().node(node).unwrap().takes_jobs();
        for seconds in [30, 60, 90] {
            core.tick(at(seconds));
            assert!(takes_jobs(&core), "after {seconds} s");
        }
        assert_eq!(core.alarm(), at(91), "3 times 30 s");
        core.tick(at(91));
        assert!(!takes_jobs(&core));
        assert!(core.alarm() > at(91));
        core.connected(node, &[], at(200));
        assert!(takes_jobs(&core));
        core.tick(at(400));
        assert!(takes_jobs(&core));
    }

    #[test]
    fn a_promise_for_the_moment_of_the_question_is_one_for_now() {
        let [asked, answered] = [1_000_000, 2_000_000].map(Timestamp);
        let mut core = Core::<()>::new(State::new(), 0, "some".into(), asked);
        let by = Actor::administrator("root");
        let node = NodeSpec {
            name: "n1".into(),
            cores: 1,
            sockets: 1,
            gpus: 0,
            memory_mb: 1_024,
            groups: Vec::new(),
        };
        let spec = Arc::new(JobSpec {
            min: Some(1),
            max: Some(1),
            run_until_canceled: true,
            ..JobSpec::default()
        });
        let job = JobId(1);
        let add = Command::AddJob {
            by: by.clone(),
            spec,
            tasks: Vec::new(),
        };
        for command in [Command::AddNode(node), add, Command::SubmitJob { by, job }] {
            core.command(&command, asked).unwrap();
        }
        assert!(core.pass(Seat::Active, asked).is_some());
        let promise = |at: f64| Decision::Reserve {
            job,
            at,
            shares: Vec::new(),
        };
        let plan = Plan {
            decisions: vec![promise(asked.as_instant()), promise(1.0)],
            wake_at: None,
        };
        let outcome = PassOutcome {
            plan,
            ..PassOutcome::default()
        };
        let decided = Decided {
            outcome,
            only_fitting_arrivals: false,
            policy: "some".into(),
            activation: 0,
            component: [0; 16],
            sent: [0; 16],
            answered: [0; 16],
            took: Span::ZERO,
            columns: Columns::default(),
        };
        core.decided(Seat::Active, 1, decided, answered);
        let reserved = core.state().job(job).and_then(|j| j.reservation.as_ref());
        assert_eq!(reserved.map(|r| r.at), Some(answered));
        // What was over when it was asked is nonsense.
        assert_eq!(core.stats().proposals_refused, 1);
    }
}
