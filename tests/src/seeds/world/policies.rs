//! The policies of all seats: asked, answered late or badly, put back.

use jobyard::core::{Decided, PolicyQuestion};
use jobyard_kernel::{ActivationCause, Actor, Command, Plan, Seat, Span, State, Timestamp};
use jobyard_plugin::recovery::{PassOutcome, PolicyChoice, PolicySlot};
use jobyard_plugin::{Fault, FaultKind, FaultReport};

use super::{Coming, Newcomer, POLICY, World};
use crate::seeds::numbers::Numbers;
use crate::seeds::{Bug, proposals};

impl World {
    pub(super) fn pass(&mut self, question: PolicyQuestion) {
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

    pub(super) fn decided(&mut self, seat: Seat, number: u64, outcome: PassOutcome) {
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

    /// A guard wants the policy before back: it has its first pass while the one in force goes on deciding.
    pub(super) fn go_back(&mut self, why: String) {
        let Some(host) = &self.host else { return };
        let before = host.core.state().policies().before().cloned();
        let (Some(before), false) = (before, host.invited) else {
            return;
        };
        let Ok(mut slot) = self.slot() else { return };
        let Some(host) = &mut self.host else { return };
        let command = Command::ActivatePolicy {
            by: Actor::administrator("host"),
            setup: before.setup.clone(),
            cause: ActivationCause::Guarded { to: before.number },
            why,
            guard: None,
        };
        let question = host.core.invite(slot.columns(), self.now);
        let outcome = slot.schedule(self.now.as_instant(), question.changes);
        host.invited = true;
        let newcomer = Newcomer {
            slot,
            number: question.number,
            outcome,
            command,
        };
        let (life, after) = (self.life, self.millis(60));
        self.later(after, Coming::TakesOver(life, Box::new(newcomer)));
    }

    /// Its first pass is over: it takes its place between two passes of the one in force, if it did not fail.
    pub(super) fn takes_over(&mut self, newcomer: Box<Newcomer>) {
        let Some(host) = &mut self.host else { return };
        if !host.core.is_between_passes() {
            let (life, after) = (self.life, self.millis(5));
            return self.later(after, Coming::TakesOver(life, newcomer));
        }
        host.invited = false;
        let Newcomer {
            slot,
            number,
            outcome,
            command,
        } = *newcomer;
        if self.n.once_in(10) {
            return host.core.dismiss();
        }
        match host.core.activate(&command, self.now) {
            Ok(()) => {
                host.slots.insert(Seat::Active, slot);
                self.decided(Seat::Active, number, outcome);
            }
            Err(refused) => {
                host.core.dismiss();
                self.log(|| format!("not put back: {refused}"));
            }
        }
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
