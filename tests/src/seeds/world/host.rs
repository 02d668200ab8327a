//! The host: started, stepped, crashed, and asked by callers.

use std::collections::BTreeMap;

use jobyard::Notice;
use jobyard::core::{Core, Effect};
use jobyard_journal::Record;
use jobyard_kernel::filter::Wants;
use jobyard_kernel::{Command, NodeId, Seat, Span, ToNode};
use jobyard_plugin::recovery::{PolicyChoice, PolicySlot};
use jobyard_plugin::{Limits, World as PluginWorld};

use super::{CHOOSY_WAIT_SECONDS, Check, Coming, ENDED_LIVE_MAX, Host, POLICY, World};
use crate::seeds::node::Node;
use crate::seeds::oracle::Answer;
use crate::seeds::{Bug, callers, random};

impl World {
    pub(super) fn start_host(&mut self) -> Check {
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
        self.host = Some(Host {
            core,
            slots,
            invited: false,
        });
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.connects(node));
        self.effects()
    }

    pub(super) fn slot(&self) -> Result<PolicySlot, String> {
        let choice = || PolicyChoice {
            plugin: POLICY.clone(),
            limits: Limits::for_world(PluginWorld::SchedulingPolicy),
            settings: self.settings.clone(),
            number: 0,
        };
        PolicySlot::new(choice(), choice()).map_err(|error| error.to_string())
    }

    /// A canary takes its seat, or leaves it, as the state says.
    pub(super) fn seat_canary(&mut self) -> Check {
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
    pub(super) fn connects(&mut self, node: NodeId) {
        if let (Some(host), Some(process)) = (&mut self.host, self.nodes.get(&node))
            && self.bug != Some(Bug::NobodyAsksWhatIsHeld)
        {
            host.core.connected(node, &process.holds(), self.now);
            if self.bug == Some(Bug::NothingIsSentAgain) {
                host.core.effects();
            }
        }
    }

    pub(super) fn add_nodes(&mut self) -> Check {
        for number in 1..=2 + self.n.below(3) {
            let spec = random::node(number, 1 + self.n.below(6));
            self.command(Command::AddNode(spec));
            self.nodes.insert(NodeId(number), Node::default());
        }
        self.turn()
    }

    /// What the engine's loop does once around.
    pub(super) fn turn(&mut self) -> Check {
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

    pub(super) fn written(&mut self) -> Check {
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

    pub(super) fn effects(&mut self) -> Check {
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

    pub(super) fn crash_host(&mut self) {
        if self.host.take().is_some() {
            self.log(|| "the host dies".into());
            self.summary.crashes += 1;
            self.life += 1;
            self.disk.crash(&mut self.n, self.bug);
            let after = self.millis(3_000);
            self.later(after, Coming::HostBack);
        }
    }

    pub(super) fn command(&mut self, command: Command) {
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

    pub(super) fn caller(&mut self) {
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
    pub(super) fn recall(&mut self) {
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

    pub(super) fn caretaker(&mut self) {
        let Some(host) = &self.host else { return };
        let late = self.now.since(self.calm_since) > Span::from_secs(CHOOSY_WAIT_SECONDS);
        for command in callers::see_to_it(host.core.state(), late) {
            self.command(command);
        }
        self.later(Span::from_secs(5), Coming::Caretaker);
    }
}

/// The filters that there are. Others are named, too.
fn filters_there() -> BTreeMap<String, Wants> {
    let wants = Wants {
        tasks: true,
        holders: vec!["SoftwareLicense".into()],
    };
    BTreeMap::from([("a".into(), wants.clone()), ("b".into(), wants)])
}
