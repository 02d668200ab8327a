//! Passes: who is asked when, what comes of the answers, and the guard of the policy in force.
//!
//! A part of [`Core`]: what is true of one seat is in `seat.rs`.

use std::sync::Arc;

use jobyard_journal::Sequence;
use jobyard_kernel::{
    Actor, Columns, Command, Decision, PassRecord, Plan, PolicyFault, Rejection, Seat, Span,
    Timestamp, carry_out_of,
};
use jobyard_plugin::recovery::PassOutcome;
use jobyard_plugin::{Fault, Half, HalfOf};

use super::{Core, Effect, HOST};
use crate::Notice;
use crate::seat::{Asked, PolicyQuestion, Rest, Taken};

/// Passes of which nothing came are noted with the next batch, or after this.
const IDLE_PASS_WAIT: Span = Span::from_secs(1);
/// How often it is looked whether the guard of the policy in force has something to say.
const GUARD_EVERY: Span = Span::from_secs(1);

/// What the policy answered.
#[derive(Debug, Default)]
pub struct Decided {
    /// Its plan, and what happened on the way to it.
    pub outcome: PassOutcome,
    /// It need not be asked for new jobs that do not fit.
    pub only_fitting_arrivals: bool,
    /// The policy that decides now.
    pub policy: String,
    /// The number of its activation; 0 for the host's last resort and for a policy that is tried.
    pub activation: u32,
    /// The first half of its component's digest.
    pub component: Half,
    /// The first half of the digest of what it was sent.
    pub sent: Half,
    /// The same of what it answered; zeros where that failed.
    pub answered: Half,
    /// How long it took.
    pub took: Span,
    /// The columns that the instance wants which is asked next.
    pub columns: Columns,
}

/// The first half of the digest of what a policy is sent, or answers: what passes are compared by.
pub fn half_of(said: &impl serde::Serialize) -> Half {
    let taken = jobyard_journal::format::encode(said, HalfOf::default());
    // Plain data can always be written down.
    taken.unwrap_or_default().finish()
}

/// A policy's *now* is when it was asked: what it expects for a moment that went by meanwhile is expected now.
pub fn catch_up(plan: &mut Plan, asked: Timestamp, now: Timestamp) {
    let meanwhile = asked.as_instant()..now.as_instant();
    for decision in &mut plan.decisions {
        if let Decision::Reserve { at, .. } = decision
            && meanwhile.contains(at)
        {
            *at = now.as_instant();
        }
    }
}

impl<A> Core<A> {
    /// A policy is asked beside the one in force from now on.
    pub fn take_seat(&mut self, seat: Seat) {
        self.seats.insert(seat, Taken::new(seat));
    }

    /// Whoever is asked there is told these columns too.
    pub fn wants(&mut self, seat: Seat, columns: Columns) {
        if let Some(taken) = self.seats.get_mut(&seat) {
            taken.mirror().wants(columns);
        }
    }

    /// It is not any more; an answer that is still to come does not count.
    pub fn leave_seat(&mut self, seat: Seat) {
        if seat != Seat::Active {
            self.seats.remove(&seat);
        }
    }

    /// What to ask a policy, if there is a reason to. A shadow has one of its own only when it asked to be woken: see
    /// [`Core::beside`].
    pub fn pass(&mut self, seat: Seat, now: Timestamp) -> Option<PolicyQuestion> {
        let taken = self
            .seats
            .get(&seat)
            .filter(|taken| taken.may_be_asked(now))?;
        let reason = match seat {
            Seat::Active | Seat::Canary => taken.has_reason(&self.state, now),
            Seat::Shadow => taken.is_woken(now),
        };
        reason.then(|| self.ask(seat, now)).flatten()
    }

    /// What to ask the policy in force though there is no reason to, where it has been told little of what there is: for quiet times.
    pub fn pass_for_news(&mut self, now: Timestamp) -> Option<PolicyQuestion> {
        let taken = self.seats.get(&Seat::Active)?;
        let behind = taken.may_be_asked(now) && taken.is_behind();
        behind.then(|| self.ask(Seat::Active, now)).flatten()
    }

    /// What to ask the shadow, whenever the policy in force is asked; none while it is at it: what changed meanwhile is in its next
    /// question.
    pub fn beside(&mut self, number: u64, now: Timestamp) -> Option<PolicyQuestion> {
        let after = self.happened();
        let taken = self.seats.get_mut(&Seat::Shadow)?;
        let may = taken.may_be_asked(now);
        may.then(|| taken.ask(&self.state, number, after, now))
    }

    /// What to ask a policy that is to come into force, and wants these columns: everything. The one in force goes on deciding, until
    /// [`Core::activate`]; from now on both are told what changes.
    pub fn invite(&mut self, columns: Columns, now: Timestamp) -> PolicyQuestion {
        let after = self.happened();
        let mut next = Taken::new(Seat::Active);
        next.mirror().wants(columns);
        self.last_pass += 1;
        self.stats.passes += 1;
        let question = next.ask(&self.state, self.last_pass, after, now);
        self.next = Some(next);
        question
    }

    /// The policy that was invited does not come into force.
    pub fn dismiss(&mut self) {
        self.next = None;
    }

    /// Whether the policy in force is not at it: another may take its place now.
    pub fn is_between_passes(&self) -> bool {
        self.seats.get(&Seat::Active).is_none_or(|t| !t.is_at_it())
    }

    fn ask(&mut self, seat: Seat, now: Timestamp) -> Option<PolicyQuestion> {
        let after = self.happened();
        let taken = self.seats.get_mut(&seat)?;
        self.last_pass += 1;
        self.stats.passes += u64::from(seat == Seat::Active);
        Some(taken.ask(&self.state, self.last_pass, after, now))
    }

    /// How many events have happened, durable or not.
    fn happened(&self) -> Sequence {
        self.sequence + self.events.len() as Sequence
    }

    /// Another policy answers from now on, the one that was invited if one was: its activation is an event, and the guard of the one
    /// before has nothing more to say. Next comes its answer to the first question.
    ///
    /// # Errors
    /// A refusal, with which nothing has changed.
    pub fn activate(&mut self, command: &Command, now: Timestamp) -> Result<(), Rejection> {
        self.command(command, now)?;
        if let Some(next) = self.next.take() {
            self.seats.insert(Seat::Active, next);
        }
        self.guard_at = Some(now + GUARD_EVERY);
        Ok(())
    }

    /// Takes a policy's answer to the question of that number. One that has left its seat meanwhile is not heard.
    pub fn decided(&mut self, seat: Seat, number: u64, decided: Decided, now: Timestamp) {
        let taken = self.seats.get_mut(&seat);
        let Some(taken) = taken.filter(|taken| taken.is_asked(number)) else {
            return;
        };
        let outcome = decided.outcome;
        let rest = Rest {
            only_fitting_arrivals: decided.only_fitting_arrivals,
            needs_snapshot: outcome.needs_snapshot,
            exhausted: outcome.exhausted,
            wake_at: outcome.plan.wake_at,
        };
        let Some(asked) = taken.answered(&rest, now) else {
            return;
        };
        taken.mirror().wants(decided.columns);
        let faults = outcome.faults.len() as u32;
        if seat == Seat::Active {
            self.stats.policy = decided.policy;
            self.stats.pass_time = Span(self.stats.pass_time.0 + decided.took.0);
            self.stats.policy_faults += u64::from(faults);
        }
        for fault in outcome.faults {
            self.faulted(seat, fault, now);
        }
        let switched = outcome.switched.map(Notice::PolicySwitched);
        let log = outcome.log.into_iter().map(Notice::PolicyLog);
        self.effects
            .extend(switched.into_iter().chain(log).map(Effect::Notice));
        let mut record = PassRecord {
            number: asked.number,
            seat,
            activation: decided.activation,
            component: decided.component,
            asked_after: asked.after,
            asked_at: asked.at,
            fresh: asked.fresh,
            sent: decided.sent,
            answered: decided.answered,
            proposals: outcome.plan.decisions.len() as u32,
            refused: 0,
            faults,
            events: 0,
            took: decided.took,
        };
        match seat {
            Seat::Active | Seat::Canary => self.heed(asked, outcome.plan, &mut record, now),
            Seat::Shadow => {}
        }
        if seat != Seat::Active && outcome.exhausted {
            self.end_trial(seat, now);
        }
    }

    /// Carries a plan out, and notes the pass.
    fn heed(&mut self, asked: Asked, mut plan: Plan, record: &mut PassRecord, now: Timestamp) {
        catch_up(&mut plan, asked.at, now);
        // Passes are noted in the order of their answers.
        if !plan.decisions.is_empty() {
            self.note_idle_passes(now);
        }
        let from = self.events.len();
        let refused = carry_out_of(&mut self.state, record.seat, plan, now, &mut self.events);
        self.note(from);
        record.refused = refused.len() as u32;
        record.events = (self.events.len() - from) as u32;
        self.stats.proposals_refused += refused.len() as u64;
        let refused = refused
            .into_iter()
            .map(|(_, refusal)| Notice::ProposalRefused(refusal));
        self.effects.extend(refused.map(Effect::Notice));
        let nothing = record.proposals == 0 && record.faults == 0;
        if nothing {
            self.note_idle_at.get_or_insert(now + IDLE_PASS_WAIT);
            self.idle_passes.push(record.clone());
        } else {
            self.own(Command::PolicyPassed(Arc::new(record.clone())), now);
        }
        let active = self.state.policies().active();
        let pass_max = active.and_then(|active| active.guard?.pass_max);
        let news =
            record.faults + record.refused > 0 || pass_max.is_some_and(|max| record.took > max);
        if news && self.guard_at.is_some() {
            self.ask_the_guard(now);
        }
    }

    /// Passes of which nothing came cost no commit of their own: they go with the next batch.
    pub(super) fn note_idle_passes(&mut self, now: Timestamp) {
        self.note_idle_at = None;
        for record in std::mem::take(&mut self.idle_passes) {
            self.own(Command::PolicyPassed(Arc::new(record)), now);
        }
    }

    fn faulted(&mut self, seat: Seat, fault: Fault, now: Timestamp) {
        let noted = PolicyFault {
            seat,
            digest: fault.digest.to_string(),
            name: fault.plugin.to_string(),
            function: fault.function.into(),
            kind: fault.kind.code().into(),
            text: fault.text.clone(),
            limits: fault.limits.to_string(),
            log: fault.log.iter().map(ToString::to_string).collect(),
        };
        self.own(Command::PolicyFaulted(Arc::new(noted)), now);
        let notice = Notice::PolicyFault(Arc::new(fault));
        self.effects.push(Effect::Notice(notice));
    }

    /// A policy that was tried has failed too often in a row.
    fn end_trial(&mut self, seat: Seat, now: Timestamp) {
        let (by, why) = (Actor::administrator(HOST), String::new());
        let end = match seat {
            Seat::Active => return,
            Seat::Canary => Command::CanaryPolicy {
                by,
                trial: None,
                why,
            },
            Seat::Shadow => Command::ShadowPolicy {
                by,
                setup: None,
                why,
            },
        };
        self.own(end, now);
        self.leave_seat(seat);
        self.effects.push(Effect::Leave(seat));
    }

    /// What the host asks of itself.
    fn own(&mut self, command: Command, now: Timestamp) {
        if let Err(rejection) = self.command(&command, now) {
            unreachable!("the host may do this: {rejection}");
        }
    }

    pub(super) fn ask_the_guard(&mut self, now: Timestamp) {
        self.guard_at = Some(now + GUARD_EVERY);
        if let Some(why) = self.state.guard_says(now) {
            self.guard_at = None;
            self.effects.push(Effect::GoBack(why));
        }
    }

    /// When the guard is to be asked, where there is one.
    pub(super) fn guard_alarm(&self) -> Option<Timestamp> {
        let active = self.state.policies().active()?;
        let guard = active.guard?;
        self.guard_at.filter(|&at| at <= active.at + guard.window)
    }
}
