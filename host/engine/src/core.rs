//! The loop: one task owns the state. It drains what is ready, steps, hands the batch to the journal and goes on; when a
//! batch is durable it answers callers and tells the nodes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jobyard_journal::{JournalError, Sequence};
use jobyard_kernel::{
    Command, Event, Execution, Fact, FromNode, Mirror, NodeId, Rejection, State, Timestamp, ToNode,
    carry_out, step,
};
use jobyard_plugin::recovery::PolicyChoice;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant as Alarm, sleep_until};

use crate::clock::Clock;
use crate::commit::{Committer, Write};
use crate::pass::{Answer, Ask, Decider};
use crate::{EngineError, Notice, Stats};

/// Requests and reports that are handled before the batch goes to the journal.
const BATCH_MAX: usize = 1_024;
/// Events between two snapshots.
const SNAPSHOT_EVERY: Sequence = 200_000;
/// A `wake_at` is not heeded sooner after a pass than this: a policy cannot make the host spin.
const WAKE_AFTER_MIN: Duration = Duration::from_millis(10);
/// After every policy was given up, the wait before the next try.
const EXHAUSTED_WAIT: Duration = Duration::from_secs(1);
/// How often messages that nodes have not answered are sent again.
const RESEND_EVERY: Duration = Duration::from_secs(30);
/// Messages that wait for one node.
pub(crate) const NODE_MESSAGES_MAX: usize = 1_024;

type SwapReply = oneshot::Sender<Result<(), EngineError>>;
type Reply = oneshot::Sender<Result<Vec<Event>, EngineError>>;
/// Looks at once; what it returns gives the answer.
type Look = Box<dyn FnOnce(&State, &Stats) -> Answering + Send>;
/// Called when what it answers is durable, or with the reason why it will not be.
pub(crate) type Answering = Box<dyn FnOnce(Result<(), &EngineError>) + Send>;

/// What a handle asks of the loop.
pub(crate) enum Request {
    /// Carry these out one after the other; each has its own answer.
    Commands(Vec<(Command, Reply)>),
    /// Look at the state; the answer waits until what it shows is durable.
    Look(Look),
    /// Put another policy in place.
    Swap(Box<PolicyChoice>, SwapReply),
    /// Stop.
    Shutdown(Duration, oneshot::Sender<()>),
}

/// The way to one node.
#[derive(Debug)]
pub(crate) struct NodeLink {
    pub(crate) messages: mpsc::Sender<ToNode>,
    pub(crate) waiting: VecDeque<ToNode>,
}

/// A batch that the journal has, and what is done when it is durable.
struct Pending {
    last: Sequence,
    events: Arc<[Event]>,
    answers: Vec<Answering>,
    forget: Vec<Execution>,
}

/// Everything that the loop owns.
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) mirror: Mirror,
    pub(crate) clock: Clock,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) reports: mpsc::Receiver<FromNode>,
    pub(crate) committer: Committer,
    pub(crate) decider: Decider,
    pub(crate) nodes: BTreeMap<NodeId, NodeLink>,
    pub(crate) handles: Vec<jobyard_node::NodeHandle>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) stats: Stats,
    pub(crate) sequence: Sequence,
    /// Why the journal failed, for those who ask later.
    pub(crate) failure: Arc<OnceLock<String>>,
}

/// What the loop remembers from turn to turn and nobody else sees.
struct Turn {
    pending: VecDeque<Pending>,
    events: Vec<Event>,
    answers: Vec<Answering>,
    forget: Vec<Execution>,
    in_flight: bool,
    /// As many as callers that wait.
    swaps: VecDeque<(Box<PolicyChoice>, SwapReply)>,
    swapping: Option<SwapReply>,
    only_fitting_arrivals: bool,
    wake_at: Option<Timestamp>,
    not_before: Option<Alarm>,
    resend_at: Alarm,
    snapshot_at: Sequence,
    shutdown: Option<(Duration, oneshot::Sender<()>)>,
}

enum Woken {
    Request(Option<Request>),
    Report(Option<FromNode>),
    Durable(Option<Result<Sequence, JournalError>>),
    Policy(Option<Answer>),
    Room(NodeId, mpsc::OwnedPermit<ToNode>),
    Time,
}

impl Core {
    /// Runs until it is told to stop, its last handle is gone, or the journal fails.
    pub(crate) async fn run(mut self) {
        let mut turn = Turn {
            pending: VecDeque::new(),
            events: Vec::new(),
            answers: Vec::new(),
            forget: Vec::new(),
            in_flight: false,
            swaps: VecDeque::new(),
            swapping: None,
            only_fitting_arrivals: false,
            wake_at: None,
            not_before: None,
            resend_at: Alarm::now() + RESEND_EVERY,
            snapshot_at: self.sequence,
            shutdown: None,
        };
        self.resend();
        loop {
            self.ask_policy(&mut turn);
            let alarm = self.alarm(&turn);
            let woken = self.wait(alarm, turn.in_flight).await;
            match woken {
                Woken::Request(None) => return,
                Woken::Request(Some(request)) => self.requests(request, &mut turn),
                Woken::Report(None) => return,
                Woken::Report(Some(report)) => self.reports(report, &mut turn),
                Woken::Durable(Some(Ok(last))) => self.durable(last, &mut turn),
                Woken::Durable(Some(Err(error))) => return self.journal_failed(&error, turn).await,
                Woken::Durable(None) | Woken::Policy(None) => return,
                Woken::Policy(Some(answer)) => self.policy_answered(answer, &mut turn),
                Woken::Room(node, permit) => self.send_next(node, permit),
                Woken::Time => {}
            }
            self.tick(&mut turn);
            if self.commit(&mut turn).await.is_err() {
                return self.journal_gone(turn).await;
            }
            if let Some((grace, done)) = turn.shutdown.take() {
                self.shut_down(grace, turn).await;
                let _ = done.send(());
                return;
            }
        }
    }

    /// When the loop has something to do even if nothing comes in.
    fn alarm(&mut self, turn: &Turn) -> Alarm {
        let mut alarm = turn.resend_at;
        if let Some(due) = self.state.next_due() {
            alarm = alarm.min(Alarm::now() + self.clock.until(due));
        }
        if let Some(wake) = turn.wake_at.filter(|_| !turn.in_flight) {
            let wake = Alarm::now() + self.clock.until(wake);
            alarm = alarm.min(turn.not_before.map_or(wake, |earliest| wake.max(earliest)));
        } else if let Some(earliest) = turn.not_before.filter(|_| !turn.in_flight) {
            alarm = alarm.min(earliest);
        }
        alarm
    }

    async fn wait(&mut self, alarm: Alarm, in_flight: bool) -> Woken {
        let room = self.nodes.iter().find(|(_, link)| !link.waiting.is_empty());
        let room = room.map(|(&id, link)| (id, link.messages.clone()));
        let room = async {
            match room {
                Some((id, messages)) => match messages.reserve_owned().await {
                    Ok(permit) => (id, permit),
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Durable first: answers and dispatches wait for nothing else.
            biased;
            durable = self.committer.durable.recv() => Woken::Durable(durable),
            answer = self.decider.answers.recv(), if in_flight => Woken::Policy(answer),
            (id, permit) = room => Woken::Room(id, permit),
            report = self.reports.recv() => Woken::Report(report),
            request = self.requests.recv() => Woken::Request(request),
            () = sleep_until(alarm) => Woken::Time,
        }
    }

    // ---- what comes in ----

    fn requests(&mut self, first: Request, turn: &mut Turn) {
        self.request(first, turn);
        for _ in 1..BATCH_MAX {
            match self.requests.try_recv() {
                Ok(request) if turn.shutdown.is_none() => self.request(request, turn),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn request(&mut self, request: Request, turn: &mut Turn) {
        match request {
            Request::Commands(commands) => {
                for (command, reply) in commands {
                    let from = self.step(&command, turn).map_err(EngineError::Rejected);
                    let answer = from.map(|from| turn.events[from..].to_vec());
                    let answering = Box::new(move |kept: Result<(), &EngineError>| {
                        drop(reply.send(kept.map_err(EngineError::clone).and(answer)));
                    });
                    turn.answers.push(answering);
                }
            }
            Request::Look(look) => turn.answers.push(look(&self.state, &self.stats)),
            Request::Swap(choice, reply) => turn.swaps.push_back((choice, reply)),
            Request::Shutdown(grace, done) => turn.shutdown = Some((grace, done)),
        }
    }

    fn reports(&mut self, first: FromNode, turn: &mut Turn) {
        self.report(first, turn);
        for _ in 1..BATCH_MAX {
            match self.reports.try_recv() {
                Ok(report) => self.report(report, turn),
                Err(_) => return,
            }
        }
    }

    fn report(&mut self, report: FromNode, turn: &mut Turn) {
        if let FromNode::Ended {
            execution,
            output_tail,
            ..
        } = &report
        {
            turn.forget.push(*execution);
            if !output_tail.is_empty() && self.state.run(*execution).is_some() {
                let (execution, tail) = (*execution, output_tail.clone());
                // An error means that nobody listens.
                let _ = self.notices.send(Notice::Output { execution, tail });
            }
        }
        if self.step(&Command::Report(report), turn).is_err() {
            self.stats.stale_reports += 1;
        }
    }

    /// Where the events of the command begin in the turn's.
    fn step(&mut self, command: &Command, turn: &mut Turn) -> Result<usize, Rejection> {
        let from = turn.events.len();
        step(&mut self.state, command, self.clock.now(), &mut turn.events)?;
        turn.events[from..]
            .iter()
            .for_each(|event| self.mirror.note(&self.state, event));
        Ok(from)
    }

    fn tick(&mut self, turn: &mut Turn) {
        let now = self.clock.now();
        if self.state.next_due().is_some_and(|due| due <= now)
            && self.step(&Command::Tick, turn).is_err()
        {
            unreachable!("a tick is never refused");
        }
        if Alarm::now() >= turn.resend_at {
            turn.resend_at = Alarm::now() + RESEND_EVERY;
            self.resend();
        }
    }

    // ---- the policy ----

    fn ask_policy(&mut self, turn: &mut Turn) {
        if turn.in_flight
            || turn
                .not_before
                .is_some_and(|earliest| Alarm::now() < earliest)
        {
            return;
        }
        let now = self.clock.now();
        if let Some((choice, reply)) = turn.swaps.pop_front() {
            let everything = Mirror::new().take(&self.state);
            self.mirror = Mirror::new();
            let _ = self.mirror.take(&self.state);
            turn.swapping = Some(reply);
            return self.ask(
                Ask::Swap {
                    now: now.as_instant(),
                    everything,
                    choice,
                },
                turn,
            );
        }
        let woken = turn.wake_at.is_some_and(|at| at <= now);
        if !woken {
            if !self.mirror.has_changes() {
                return;
            }
            if turn.only_fitting_arrivals && self.mirror.only_arrivals_that_do_not_fit(&self.state)
            {
                return;
            }
        }
        turn.wake_at = turn.wake_at.filter(|_| !woken);
        let changes = self.mirror.take(&self.state);
        self.ask(
            Ask::Pass {
                now: now.as_instant(),
                changes,
            },
            turn,
        );
    }

    fn ask(&mut self, ask: Ask, turn: &mut Turn) {
        // There is room for one, and none is in flight.
        turn.in_flight = self.decider.asks.try_send(ask).is_ok();
        self.stats.passes += u64::from(turn.in_flight);
    }

    fn policy_answered(&mut self, answer: Answer, turn: &mut Turn) {
        turn.in_flight = false;
        turn.only_fitting_arrivals = answer.only_fitting_arrivals;
        let outcome = answer.outcome;
        self.stats.policy = answer.policy;
        self.stats.policy_faults += outcome.faults.len() as u64;
        for fault in outcome.faults {
            let _ = self.notices.send(Notice::PolicyFault(Arc::new(fault)));
        }
        if let Some(switched) = outcome.switched {
            let _ = self.notices.send(Notice::PolicySwitched(switched));
        }
        for line in outcome.log {
            let _ = self.notices.send(Notice::PolicyLog(line));
        }
        if outcome.needs_snapshot {
            self.mirror.forget();
        }
        turn.not_before = outcome.exhausted.then(|| Alarm::now() + EXHAUSTED_WAIT);
        let now = self.clock.now();
        let wake_at = outcome
            .plan
            .wake_at
            .filter(|at| at.is_finite() && *at >= 0.0);
        turn.wake_at = wake_at.map(|at| Timestamp(at as u64).min(Timestamp::MAX));
        if turn.wake_at.is_some() && turn.not_before.is_none() {
            turn.not_before =
                Some(Alarm::now() + WAKE_AFTER_MIN).filter(|_| turn.wake_at <= Some(now));
        }
        let from = turn.events.len();
        let refused = carry_out(&mut self.state, outcome.plan, now, &mut turn.events);
        turn.events[from..]
            .iter()
            .for_each(|event| self.mirror.note(&self.state, event));
        self.stats.proposals_refused += refused.len() as u64;
        for (_, refusal) in refused {
            let _ = self.notices.send(Notice::ProposalRefused(refusal));
        }
        if let (Some(result), Some(reply)) = (answer.swap, turn.swapping.take()) {
            let result = result.map_err(|error| EngineError::Swap(error.to_string()));
            turn.answers.push(Box::new(move |kept| {
                drop(reply.send(kept.map_err(EngineError::clone).and(result)));
            }));
        }
    }

    // ---- what goes out ----

    /// Hands what has been decided to the journal. Waits only when the journal is far behind.
    async fn commit(&mut self, turn: &mut Turn) -> Result<(), ()> {
        if turn.events.is_empty() {
            let (answers, forget) = (
                std::mem::take(&mut turn.answers),
                std::mem::take(&mut turn.forget),
            );
            match turn.pending.back_mut() {
                Some(last) => {
                    last.answers.extend(answers);
                    last.forget.extend(forget);
                }
                None => {
                    answers.into_iter().for_each(|answer| answer(Ok(())));
                    self.forget(&forget);
                }
            }
            return Ok(());
        }
        let events: Arc<[Event]> = std::mem::take(&mut turn.events).into();
        self.sequence += events.len() as Sequence;
        turn.pending.push_back(Pending {
            last: self.sequence,
            events: events.clone(),
            answers: std::mem::take(&mut turn.answers),
            forget: std::mem::take(&mut turn.forget),
        });
        self.committer
            .writes
            .send(Write::Events(events))
            .await
            .map_err(drop)?;
        if self.sequence - turn.snapshot_at >= SNAPSHOT_EVERY {
            turn.snapshot_at = self.sequence;
            let snapshot = Write::Snapshot(self.sequence, Box::new(self.state.clone()));
            self.committer.writes.send(snapshot).await.map_err(drop)?;
        }
        Ok(())
    }

    fn durable(&mut self, last: Sequence, turn: &mut Turn) {
        while turn.pending.front().is_some_and(|batch| batch.last <= last) {
            let Some(batch) = turn.pending.pop_front() else {
                return;
            };
            batch.answers.into_iter().for_each(|answer| answer(Ok(())));
            for event in batch.events.iter() {
                if let Fact::Dispatched { works, .. } = &event.fact {
                    works.iter().for_each(|work| self.tell(work.execution));
                }
                if let Fact::StopRequested { executions, .. } = &event.fact {
                    executions
                        .iter()
                        .for_each(|&execution| self.tell(execution));
                }
                // An error means that nobody listens.
                let _ = self.notices.send(Notice::Event(Arc::new(event.clone())));
            }
            self.forget(&batch.forget);
        }
    }

    /// Sends what a node is owed for an attempt. By now it may be nothing.
    fn tell(&mut self, execution: Execution) {
        if let Some((node, message)) = self.state.message(execution) {
            self.post(node, message);
        }
    }

    fn post(&mut self, node: NodeId, message: ToNode) {
        let Some(link) = self.nodes.get_mut(&node) else {
            return;
        };
        if !link.waiting.is_empty() {
            return link.waiting.push_back(message);
        }
        if let Err(mpsc::error::TrySendError::Full(message)) = link.messages.try_send(message) {
            link.waiting.push_back(message);
        }
    }

    fn send_next(&mut self, node: NodeId, permit: mpsc::OwnedPermit<ToNode>) {
        if let Some(message) = self
            .nodes
            .get_mut(&node)
            .and_then(|link| link.waiting.pop_front())
        {
            permit.send(message);
        }
    }

    /// Nodes ignore what they do not have, so all may be told.
    fn forget(&mut self, executions: &[Execution]) {
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        for &execution in executions {
            nodes
                .iter()
                .for_each(|&node| self.post(node, ToNode::Forget(execution)));
        }
    }

    fn resend(&mut self) {
        let owed: Vec<Execution> = self.state.owed().collect();
        owed.into_iter().for_each(|execution| self.tell(execution));
    }

    /// Ends all work, then sees the journal through.
    async fn shut_down(mut self, grace: Duration, mut turn: Turn) {
        for handle in std::mem::take(&mut self.handles) {
            let stop = handle.shutdown(grace);
            tokio::pin!(stop);
            // Reports must be taken meanwhile, or the node waits for us.
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    report = self.reports.recv() => match report {
                        Some(report) => self.reports(report, &mut turn),
                        None => break,
                    },
                }
            }
        }
        if self.commit(&mut turn).await.is_err() {
            return self.journal_gone(turn).await;
        }
        while !turn.pending.is_empty() {
            match self.committer.durable.recv().await {
                Some(Ok(last)) => self.durable(last, &mut turn),
                Some(Err(error)) => return self.journal_failed(&error, turn).await,
                None => return,
            }
        }
        self.committer.close().await;
    }

    /// The journal takes nothing more: its last word says why.
    async fn journal_gone(mut self, mut turn: Turn) {
        while let Some(word) = self.committer.durable.recv().await {
            match word {
                Ok(last) => self.durable(last, &mut turn),
                Err(error) => return self.journal_failed(&error, turn).await,
            }
        }
    }

    /// Nothing that was not durable is acknowledged: those who wait learn that the engine has stopped.
    async fn journal_failed(self, error: &JournalError, turn: Turn) {
        self.committer.close().await;
        let text = error.to_string();
        let _ = self.failure.set(text.clone());
        let error = EngineError::Journal(text.clone());
        let pending = turn.pending.into_iter().flat_map(|batch| batch.answers);
        pending
            .chain(turn.answers)
            .for_each(|answer| answer(Err(&error)));
        // An error means that nobody listens.
        let _ = self.notices.send(Notice::Stopped(text));
    }
}
