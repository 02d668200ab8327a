//! The loop: one task owns the [`Core`]. It drains what is ready, steps, hands the batch to the journal and goes on; when a
//! batch is durable it answers callers and tells the nodes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jobyard_journal::{JournalError, Record};
use jobyard_kernel::{
    Command, Event, JobId, NodeId, Parameter, Parameters, Rejection, Seat, State, Timestamp, ToNode,
};
use jobyard_node::{LinkEvent, NodeLink};
use jobyard_plugin::Answered;
use jobyard_plugin::recovery::PolicySlot;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant as Alarm, sleep_until};

use crate::clock::Clock;
use crate::commit::{Committer, Durable, Gone};
use crate::core::{Core, Effect, PolicyQuestion};
use crate::filters::{Filters, Said};
use crate::notice::Notification;
use crate::pass::{Answer, Ask, Decider, Pass};
use crate::shadow::ShadowLog;
use crate::swap::{Newcomer, Swap, Swaps};
use crate::waiters::Waking;
use crate::{EngineError, Notice, Stats};

/// Requests and reports that are handled before the batch goes to the journal.
const BATCH_MAX: usize = 1_024;
/// When nothing has come in for so long, a crowd has gone.
const QUIET: Duration = Duration::from_millis(20);
/// Messages that wait for one node.
pub(crate) const NODE_MESSAGES_MAX: usize = 1_024;

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;
/// Looks at once; what it returns gives the answer.
type Look = Box<dyn FnOnce(&State, &Stats) -> Answering + Send>;
/// Has the loop carry something out at once; what it returns gives the answer.
type Turn = Box<dyn FnOnce(&mut Core<Answering>, Timestamp) -> Answering + Send>;
/// Makes a command of the state.
type Make = Box<dyn FnOnce(&State) -> Result<Command, Rejection> + Send>;
/// Called when what it answers is durable, or with the reason why it will not be.
pub(crate) type Answering = Box<dyn FnOnce(Result<(), &EngineError>) + Send>;

/// What a handle asks of the loop.
pub(crate) enum Request {
    /// Carry these out one after the other; each has its own answer.
    Commands(Vec<(Command, Reply<Vec<Event>>)>),
    /// Carry out what comes of the state as it is.
    Made(Make, Reply<Vec<Event>>),
    /// Look at the state; the answer waits until what it shows is durable.
    Look(Look),
    /// Carry out a request that may come twice.
    Once(Turn),
    /// Queue a job; the answer is its id.
    Submit(Box<Command>, Reply<Option<JobId>>),
    /// Make a job of history live; the answer is false when the record is out of date.
    Recall(Record, oneshot::Sender<Result<bool, EngineError>>),
    /// Put another policy in force.
    Swap(Box<Swap>),
    /// Try a policy, or no more: the command says so, and the slot is where it answers.
    Trial(Seat, Option<Box<PolicySlot>>, Box<Command>, Reply<()>),
    /// Stop.
    Shutdown(Duration, oneshot::Sender<()>),
}

/// What is on its way to one node.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) messages: mpsc::Sender<ToNode>,
    pub(crate) waiting: VecDeque<ToNode>,
}

/// Everything that the loop owns.
pub(crate) struct Loop {
    pub(crate) core: Core<Answering>,
    pub(crate) clock: Clock,
    pub(crate) requests: mpsc::Receiver<Request>,
    /// The last batch was of several requests.
    pub(crate) crowded: bool,
    pub(crate) reports: mpsc::Receiver<(NodeId, LinkEvent)>,
    pub(crate) committer: Committer,
    pub(crate) deciders: BTreeMap<Seat, Decider>,
    /// Where the answers of all policies come, and what a new one is given to answer with.
    pub(crate) answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    pub(crate) shadow: ShadowLog,
    /// Who puts the policy before back in force, told why.
    pub(crate) go_back: mpsc::Sender<String>,
    pub(crate) filters: Filters,
    pub(crate) nodes: BTreeMap<NodeId, Outbox>,
    pub(crate) handles: Vec<NodeLink>,
    pub(crate) notices: broadcast::Sender<Notice>,
    /// Why the journal failed, for those who ask later.
    pub(crate) failure: Arc<OnceLock<String>>,
    /// Who waits for the end of a job.
    pub(crate) waiters: Waking,
    pub(crate) swaps: Swaps,
    /// The cluster's parameters as each policy knows them, if it does.
    pub(crate) told: BTreeMap<Seat, Parameters>,
}

type Shutdown = (Duration, oneshot::Sender<()>);

enum Woken {
    Request(Option<Request>),
    Report(Option<(NodeId, LinkEvent)>),
    Durable(Option<Durable>),
    Policy(Option<Answer>),
    Newcomer(Option<Box<Newcomer>>),
    Filter(Option<Said>),
    Room(NodeId, mpsc::OwnedPermit<ToNode>),
    Time,
}

impl Loop {
    /// Runs until it is told to stop, its last handle is gone, or the journal fails.
    pub(crate) async fn run(mut self) {
        let mut shutdown = None;
        // What a crash left open is asked before anything comes in.
        let mut woken = Woken::Time;
        loop {
            match woken {
                Woken::Request(None) => return,
                Woken::Request(Some(request)) => self.requests(request, &mut shutdown).await,
                Woken::Report(None) => return,
                Woken::Report(Some(report)) => self.reports(report),
                Woken::Durable(Some(Ok(last))) => self.core.durable(last),
                Woken::Durable(Some(Err(error))) => return self.journal_failed(&error).await,
                Woken::Durable(None) | Woken::Policy(None) => return,
                Woken::Policy(Some(answer)) => self.policy_answered(answer),
                Woken::Newcomer(Some(newcomer)) => self.swaps.has_passed(newcomer),
                Woken::Newcomer(None) => {
                    self.swaps.has_failed();
                    self.core.dismiss();
                }
                Woken::Filter(said) => said.into_iter().for_each(|said| self.filter_answered(said)),
                Woken::Room(node, permit) => self.send_next(node, permit),
                Woken::Time => self.crowded = false,
            }
            self.take_over();
            self.core.tick(self.clock.now());
            self.ask_filters();
            match self.commit().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.journal_failed(&error).await,
                Err(Gone) => return self.journal_gone().await,
            }
            self.carry_out();
            if let Some((grace, done)) = shutdown.take() {
                self.shut_down(grace).await;
                let _ = done.send(());
                return;
            }
            self.ask_policies();
            let mut rest = self.clock.until(self.core.alarm());
            if self.crowded {
                rest = rest.min(QUIET);
            }
            let alarm = Alarm::now() + rest;
            woken = self.wait(alarm).await;
        }
    }

    async fn wait(&mut self, alarm: Alarm) -> Woken {
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
            durable = self.committer.durable() => Woken::Durable(durable),
            answer = self.answers.1.recv() => Woken::Policy(answer),
            newcomer = self.swaps.ended() => Woken::Newcomer(newcomer),
            said = self.filters.replies.recv() => Woken::Filter(said),
            (id, permit) = room => Woken::Room(id, permit),
            report = self.reports.recv() => Woken::Report(report),
            request = self.requests.recv() => Woken::Request(request),
            () = sleep_until(alarm) => Woken::Time,
        }
    }

    // ---- what comes in ----

    /// Takes the requests that there are, for one batch. Where several came at once the time before, those who have just been answered are
    /// let run first, as long as that brings more: else most of them would wait for the batch of the few that were faster.
    async fn requests(&mut self, first: Request, shutdown: &mut Option<Shutdown>) {
        self.request(first, shutdown);
        let mut taken = 1;
        let mut more = true;
        while more && taken < BATCH_MAX && shutdown.is_none() {
            if self.crowded {
                tokio::task::yield_now().await;
            }
            more = false;
            while taken < BATCH_MAX
                && shutdown.is_none()
                && let Ok(request) = self.requests.try_recv()
            {
                self.request(request, shutdown);
                taken += 1;
                more = self.crowded;
            }
        }
        self.crowded = taken > 1;
    }

    fn request(&mut self, request: Request, shutdown: &mut Option<Shutdown>) {
        match request {
            Request::Commands(commands) => {
                for (command, reply) in commands {
                    let answer = self.core.command(&command, self.clock.now());
                    let answer = answer.map(<[Event]>::to_vec);
                    self.answer(answer, reply);
                }
            }
            Request::Made(make, reply) => {
                let now = self.clock.now();
                let answer = match make(self.core.state()) {
                    Ok(command) => self.core.command(&command, now).map(<[Event]>::to_vec),
                    Err(rejection) => Err(rejection),
                };
                self.answer(answer, reply);
            }
            Request::Submit(queue, reply) => {
                let answer = self.core.command(&queue, self.clock.now());
                let added = answer.map(|events| events.iter().find_map(|event| event.fact.job()));
                self.answer(added, reply);
            }
            Request::Recall(record, reply) => {
                // Not to wait for: what the caller wants of the job comes behind it.
                let answer = self.core.recall(record, self.clock.now());
                // An error means that the caller has gone.
                let _ = reply.send(answer.map_err(EngineError::Rejected));
            }
            Request::Look(look) => {
                let answering = look(self.core.state(), self.core.stats());
                self.core.answer(answering);
            }
            Request::Once(turn) => {
                let now = self.clock.now();
                let answering = turn(&mut self.core, now);
                self.core.answer(answering);
            }
            Request::Swap(swap) => match self.core.may(&swap.command, self.clock.now()) {
                Ok(()) => self.swaps.push(*swap),
                Err(rejection) => self.answer(Err(rejection), swap.reply),
            },
            Request::Trial(seat, slot, command, reply) => {
                let tried = self.trial(seat, slot, &command);
                self.answer(tried, reply);
            }
            Request::Shutdown(grace, done) => *shutdown = Some((grace, done)),
        }
    }

    fn answer<T: Send + 'static>(&mut self, answer: Result<T, Rejection>, reply: Reply<T>) {
        let answer = answer.map_err(EngineError::Rejected);
        self.core
            .answer(Box::new(move |kept: Result<(), &EngineError>| {
                drop(reply.send(kept.map_err(EngineError::clone).and(answer)));
            }));
    }

    fn reports(&mut self, first: (NodeId, LinkEvent)) {
        self.report(first);
        for _ in 1..BATCH_MAX {
            match self.reports.try_recv() {
                Ok(next) => self.report(next),
                Err(_) => return,
            }
        }
    }

    fn report(&mut self, (node, event): (NodeId, LinkEvent)) {
        let now = self.clock.now();
        let text = match event {
            LinkEvent::Report(report) => return self.core.report(report, now),
            LinkEvent::Connected { process, holds } => {
                self.core.connected(node, &holds, now);
                let held = holds.len();
                format!("connected to its process {process}, which holds {held} pieces of work")
            }
            LinkEvent::Disconnected { why } => {
                self.core.disconnected(node, now);
                format!("no connection to its process: {why}")
            }
        };
        let name = self.core.state().node(node).map(|n| n.spec.name.clone());
        let node = name.unwrap_or_default();
        // An error means that nobody listens.
        let _ = self.notices.send(Notice::NodeLink { node, text });
    }

    // ---- policies ----

    /// Somebody takes a seat beside the policy in force, or leaves it.
    fn trial(
        &mut self,
        seat: Seat,
        slot: Option<Box<PolicySlot>>,
        command: &Command,
    ) -> Result<(), Rejection> {
        self.core.command(command, self.clock.now())?;
        self.leave(seat);
        if let Some(slot) = slot {
            if seat == Seat::Shadow {
                self.shadow.clear();
            }
            // Without a thread it is never asked, which shows.
            let columns = slot.columns();
            if let Ok(decider) = Decider::start(seat, *slot, self.answers.0.clone()) {
                self.deciders.insert(seat, decider);
                self.core.take_seat(seat);
                self.core.wants(seat, columns);
            }
        }
        Ok(())
    }

    fn leave(&mut self, seat: Seat) {
        self.core.leave_seat(seat);
        self.deciders.remove(&seat);
        self.told.remove(&seat);
    }

    fn ask_policies(&mut self) {
        self.invite();
        let now = self.clock.now();
        let mut question = self.core.pass(Seat::Active, now);
        if question.is_none() && !self.crowded {
            question = self.core.pass_for_news(now);
        }
        if let Some(question) = question {
            let number = question.number;
            self.ask(question);
            match self.core.beside(number, now) {
                Some(question) => {
                    self.shadow.asked(number, now);
                    self.ask(question);
                }
                None if self.deciders.contains_key(&Seat::Shadow) => self.shadow.late(),
                None => {}
            }
        }
        for seat in [Seat::Canary, Seat::Shadow] {
            if let Some(question) = self.core.pass(seat, now) {
                self.ask(question);
            }
        }
    }

    /// The next policy that is to come into force has its first pass, where no other is at it.
    fn invite(&mut self) {
        let Some(mut swap) = self.swaps.next() else {
            return;
        };
        let state = self.core.state();
        let (active, told) = (state.policies().active(), state.parameters().clone());
        let number = active.map_or(0, |active| active.number) + 1;
        swap.slot.number(number);
        let question = self.core.invite(swap.slot.columns(), self.clock.now());
        if !self.swaps.ask(swap, question, told) {
            self.core.dismiss();
        }
    }

    /// A policy that has had its first pass takes its place, where the one in force is between two passes. Before the batch goes to the
    /// journal: whoever asked for it is to hear of it with that.
    fn take_over(&mut self) {
        if !self.core.is_between_passes() {
            return;
        }
        let Some(newcomer) = self.swaps.take() else {
            return;
        };
        let now = self.clock.now();
        let failed = newcomer.failed().map_or(Ok(()), Err);
        let Newcomer { swap, answer, told } = *newcomer;
        // It is in force before its first plan is carried out.
        let taken = failed.and_then(|()| {
            let activated = self.core.activate(&swap.command, now);
            activated.map_err(EngineError::Rejected)
        });
        match &taken {
            Ok(()) => {
                self.told.insert(Seat::Active, told);
                if let Some(decider) = self.deciders.get(&Seat::Active) {
                    decider.ask(Ask::Succeed(Box::new(swap.slot)));
                }
                (self.core).decided(answer.seat, answer.number, *answer.decided, now);
            }
            Err(_) => self.core.dismiss(),
        }
        let active = self.core.state().policies().active();
        let result = taken.map(|()| active.map_or(0, |active| active.number));
        let reply = swap.reply;
        self.core.answer(Box::new(move |kept| {
            drop(reply.send(kept.map_err(EngineError::clone).and(result)));
        }));
    }

    fn ask(&mut self, question: PolicyQuestion) {
        let seat = question.seat;
        let pass = Pass::of(question, self.parameters(seat));
        if let Some(decider) = self.deciders.get(&seat) {
            decider.ask(Ask::Pass(pass));
        }
    }

    /// The cluster's parameters, where the policy has not been told as they are.
    fn parameters(&mut self, seat: Seat) -> Option<Vec<(String, String)>> {
        let parameters = self.core.state().parameters();
        if self.told.get(&seat) == Some(parameters) {
            return None;
        }
        self.told.insert(seat, parameters.clone());
        Some(Parameter::all(parameters))
    }

    fn policy_answered(&mut self, answer: Answer) {
        let now = self.clock.now();
        if self.deciders.contains_key(&Seat::Shadow) {
            match answer.seat {
                Seat::Active => self.shadow.active(&answer),
                Seat::Shadow => self.shadow.shadow(&answer),
                Seat::Canary => {}
            }
        }
        self.core
            .decided(answer.seat, answer.number, *answer.decided, now);
    }

    // ---- filters ----

    fn ask_filters(&mut self) {
        let now = self.clock.now();
        // What cannot be asked is answered at once, and may open the next question.
        loop {
            let questions = self.core.questions(now);
            if questions.is_empty() {
                return;
            }
            for question in questions {
                let (filter, number) = (question.filter.clone(), question.number);
                if let Some(answer) = self.filters.ask(question, now) {
                    self.core.filter_answered(&filter, number, answer, now);
                }
            }
        }
    }

    fn filter_answered(&mut self, said: Said) {
        self.filters.log.note(&said, self.clock.now());
        let Answered { answer, fault, log } = said.answered;
        for line in log {
            let filter = said.filter.clone();
            // An error means that nobody listens.
            let _ = self.notices.send(Notice::FilterLog { filter, line });
        }
        if let Some(fault) = fault {
            self.core.filter_failed();
            let _ = self.notices.send(Notice::FilterFault(Arc::new(fault)));
        }
        let now = self.clock.now();
        self.core
            .filter_answered(&said.filter, said.question, answer, now);
    }

    // ---- what goes out ----

    /// Gives the journal what has been decided. Waits for a fast disk, and when the journal is far behind.
    async fn commit(&mut self) -> Result<Result<(), JournalError>, Gone> {
        let idle = self.core.is_durable();
        if let Some(events) = self.core.batch() {
            match self.committer.append(events, idle).await? {
                Some(Ok(last)) => self.core.durable(last),
                Some(Err(error)) => return Ok(Err(error)),
                None => {}
            }
        }
        if let Some((at, state)) = self.core.snapshot() {
            self.committer.snapshot(at, state).await?;
        }
        Ok(Ok(()))
    }

    fn carry_out(&mut self) {
        for effect in self.core.effects() {
            match effect {
                Effect::Answer(answer) => answer(Ok(())),
                Effect::Send(node, message) => self.post(node, message),
                Effect::Forget(execution) => {
                    let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
                    nodes
                        .into_iter()
                        .for_each(|node| self.post(node, ToNode::Forget(execution)));
                }
                // An error means that nobody listens.
                Effect::Notice(notice) => drop(self.notices.send(notice)),
                Effect::Leave(seat) => self.leave(seat),
                // One is enough.
                Effect::GoBack(why) => drop(self.go_back.try_send(why)),
                Effect::Happened(events) => {
                    self.waiters.0.note(&events);
                    if self.notices.receiver_count() > 0 {
                        events.iter().for_each(|event| {
                            let notice = Notice::Event(Arc::new(event.clone()));
                            drop(self.notices.send(notice));
                            if let Some(told) = Notification::of(self.core.state(), event) {
                                drop(self.notices.send(Notice::Notification(Box::new(told))));
                            }
                        });
                    }
                }
            }
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

    /// Ends all work, then sees the journal through.
    async fn shut_down(mut self, grace: Duration) {
        for handle in std::mem::take(&mut self.handles) {
            let stop = handle.shutdown(grace);
            tokio::pin!(stop);
            // Reports must be taken meanwhile, or the node waits for us.
            loop {
                tokio::select! {
                    () = &mut stop => break,
                    report = self.reports.recv() => match report {
                        Some(report) => self.reports(report),
                        None => break,
                    },
                }
            }
        }
        match self.commit().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return self.journal_failed(&error).await,
            Err(Gone) => return self.journal_gone().await,
        }
        while !self.core.is_durable() {
            match self.committer.durable().await {
                Some(Ok(last)) => self.core.durable(last),
                Some(Err(error)) => return self.journal_failed(&error).await,
                None => return,
            }
        }
        self.carry_out();
        self.committer.close().await;
    }

    /// The journal takes nothing more: its last word says why.
    async fn journal_gone(mut self) {
        while let Some(word) = self.committer.durable().await {
            match word {
                Ok(last) => self.core.durable(last),
                Err(error) => return self.journal_failed(&error).await,
            }
        }
    }

    /// Nothing that was not durable is acknowledged: those who wait learn that the engine has stopped.
    async fn journal_failed(mut self, error: &JournalError) {
        self.carry_out();
        self.committer.close().await;
        let text = error.to_string();
        let _ = self.failure.set(text.clone());
        let error = EngineError::Journal(text.clone());
        self.core
            .unanswered()
            .for_each(|answer| answer(Err(&error)));
        // An error means that nobody listens.
        let _ = self.notices.send(Notice::Stopped(text));
    }
}
