//! The proof of what a policy decided: passes of a journal are run again, with the component and the settings that the journal names, and
//! compared: what it was sent, what it answered, and what came of that.
//!
//! A pass is reproduced by replaying the events up to the moment at which the policy was asked, and telling an instance what the
//! kernel's mirror tells then. So a run begins at the first question to an instance; two are asked in turns while one is about to come
//! into force. A pass that failed is not run again: a deadline depends on the machine.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobyard_journal::sqlite::Reader;
use jobyard_journal::{JournalError, Sequence};
use jobyard_kernel::{
    Activation, Event, Fact, Mirror, Parameter, Parameters, PassRecord, Plan, PolicySetup, Seat,
    State, Timestamp, carry_out_of,
};
use jobyard_plugin::recovery::{PolicyChoice, PolicySlot};
use jobyard_plugin::{Half, PluginHost};
use serde::{Deserialize, Serialize};

use super::choice_of;
use crate::core::{catch_up, half_of};
use crate::{Engine, EngineError};

/// Events that are read at a time.
const STEP: usize = 4_096;
/// How much longer than live a pass may take here.
const PATIENCE: u32 = 20;

/// One end of the passes that are verified; it belongs to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A pass by its number.
    Pass(u64),
    /// The pass at that time, or the next one in the direction of the other end.
    Time(Timestamp),
}

impl FromStr for Bound {
    type Err = BadBound;

    /// The number of a pass, or a time (RFC 3339).
    fn from_str(text: &str) -> Result<Self, BadBound> {
        if let Ok(number) = text.parse() {
            return Ok(Bound::Pass(number));
        }
        let at = crate::jobfile::parse_hold_until(text);
        at.map(Bound::Time).map_err(|_| BadBound(text.into()))
    }
}

/// It is no end of passes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the number of a pass, nor a time as in RFC 3339")]
pub struct BadBound(pub String);

/// A pass that does not come out the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mismatch {
    /// Its number.
    pub pass: u64,
    /// `active` or `canary`.
    pub seat: String,
    /// The number of its event.
    pub event: Sequence,
    /// What differs: in words, with both sides.
    pub what: String,
}

/// Passes that could not be run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Skipped {
    /// The first of them.
    pub pass: u64,
    /// How many.
    pub passes: u64,
    /// Why.
    pub why: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerifyReport {
    /// Passes that came out the same.
    pub same: u64,
    /// The first and the last of them.
    pub range: Option<(u64, u64)>,
    /// Passes before the first that was asked for, which had to be run again to get there.
    pub before: u64,
    /// Passes that could not be run again, in order.
    pub skipped: Vec<Skipped>,
    /// The first of each seat that did not come out the same.
    pub mismatches: Vec<Mismatch>,
}

/// Why passes cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There are no passes between these.
    #[error("the journal has no passes of policies there; it has {0}")]
    NoPasses(String),
    /// The journal is in memory.
    #[error("a journal in memory has no record of passes")]
    Unkept,
    /// Nobody waits for it any more.
    #[error("it was stopped after {0} passes")]
    Stopped(u64),
    /// The engine does nothing of the kind now.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Verifies the passes of this engine's journal between two bounds, all where there are none. Takes as long as the passes themselves took,
    /// and those before them since the first question to the same instance; one policy is checked or proved at a time. It ends when this is
    /// dropped, at the next pass.
    ///
    /// # Errors
    /// As [`verify_passes`]; or another is at it.
    pub async fn verify_policies(
        &self,
        from: Option<Bound>,
        to: Option<Bound>,
    ) -> Result<VerifyReport, VerifyError> {
        let folder = self.folder().ok_or(VerifyError::Unkept)?;
        let (turn, host) = (self.proofs().begin()?, self.plugin_host());
        let verified = turn.work(move |stop| verify_passes(&folder, &host, from, to, &stop));
        verified.await?
    }
}

/// Verifies the passes of a data folder's journal, which may be in use. `stop` becomes true when nobody waits for it any more: it is looked
/// at before each pass.
///
/// # Errors
/// The journal cannot be read, or has no such passes; it was stopped. What differs is no error: it is in the report.
pub fn verify_passes(
    folder: &Path,
    host: &PluginHost,
    from: Option<Bound>,
    to: Option<Bound>,
    stop: &AtomicBool,
) -> Result<VerifyReport, VerifyError> {
    let past = Reader::open(folder)?;
    let passes = Passes::find(&past)?;
    let mut report = VerifyReport::default();
    let mut any = false;
    for seat in [Seat::Active, Seat::Canary] {
        let own = passes.all.iter().filter(|n| n.record.seat == seat);
        let mut own: Vec<&Noted> = own.collect();
        own.sort_by_key(|noted| noted.record.number);
        let wanted = |noted: &&&Noted| {
            let from = from.is_none_or(|bound| !noted.is_before(bound));
            from && to.is_none_or(|bound| !noted.is_after(bound))
        };
        let first = own.iter().find(wanted).map(|noted| noted.record.number);
        let last = own.iter().rfind(wanted).map(|noted| noted.record.number);
        if let (Some(first), Some(last)) = (first, last) {
            any = true;
            let mut run = Run {
                host,
                stop,
                past: &past,
                passes: &passes,
                own: &own,
                first,
                last,
                report: &mut report,
                loaded: BTreeMap::new(),
            };
            run.go(seat)?;
        }
        // What follows on something that differs proves nothing.
        if !report.mismatches.is_empty() {
            break;
        }
    }
    match any {
        true => Ok(report),
        false => Err(VerifyError::NoPasses(passes.range())),
    }
}

/// A pass and the number of its event.
struct Noted {
    event: Sequence,
    record: Arc<PassRecord>,
}

impl Noted {
    fn has_failed(&self) -> bool {
        self.record.answered == [0; 16]
    }

    /// The number of the first event that came of it: they are before its own.
    fn begins(&self) -> Sequence {
        self.event - Sequence::from(self.record.events)
    }

    fn is_before(&self, bound: Bound) -> bool {
        match bound {
            Bound::Pass(number) => self.record.number < number,
            Bound::Time(at) => self.record.asked_at < at,
        }
    }

    fn is_after(&self, bound: Bound) -> bool {
        match bound {
            Bound::Pass(number) => self.record.number > number,
            Bound::Time(at) => self.record.asked_at > at,
        }
    }
}

/// All passes of a journal, in the order of their answers, and what was in force when.
struct Passes {
    all: Vec<Noted>,
    activations: BTreeMap<u32, Arc<Activation>>,
}

impl Passes {
    fn find(past: &Reader) -> Result<Self, JournalError> {
        let mut found = Passes {
            all: Vec::new(),
            activations: BTreeMap::new(),
        };
        past.events(|number, event| {
            if let Fact::PolicyPassed(record) = &event.fact {
                let (event, record) = (number, record.clone());
                found.all.push(Noted { event, record });
            } else if let Fact::PolicyActivated(activation) = &event.fact {
                let number = activation.number;
                found.activations.insert(number, activation.clone());
            }
        })?;
        Ok(found)
    }

    fn range(&self) -> String {
        match (self.all.first(), self.all.last()) {
            (Some(first), Some(last)) => {
                let (first, last) = (first.record.number, last.record.number);
                format!("passes {first} to {last}")
            }
            _ => "none".into(),
        }
    }
}

/// The run of one seat's passes.
struct Run<'a> {
    host: &'a PluginHost,
    stop: &'a AtomicBool,
    past: &'a Reader,
    passes: &'a Passes,
    own: &'a [&'a Noted],
    first: u64,
    last: u64,
    report: &'a mut VerifyReport,
    /// Components, by digest: each is compiled once.
    loaded: BTreeMap<String, PolicyChoice>,
}

/// An instance by the number of the first pass that it was asked for.
type Life = u64;

/// An instance that is asked again, and what it has been told.
struct Again {
    mirror: Mirror,
    /// None: it could not be made again, or has failed.
    slot: Option<PolicySlot>,
    told: Parameters,
    /// Passes that it is still to be asked for.
    left: usize,
}

/// The instance that was asked for each of these passes, in their order; none where its first question is gone, or it failed.
fn lives(own: &[&Noted]) -> Vec<Option<Life>> {
    let mut of_activation: BTreeMap<u32, Life> = BTreeMap::new();
    let life = |noted: &&Noted| {
        let record = &noted.record;
        // Such a one is of the activation that takes its place, and was the last of its instance.
        if noted.has_failed() {
            return None;
        }
        if record.fresh {
            of_activation.insert(record.activation, record.number);
        }
        of_activation.get(&record.activation).copied()
    };
    own.iter().map(life).collect()
}

impl Run<'_> {
    fn go(&mut self, seat: Seat) -> Result<(), VerifyError> {
        let lives = lives(self.own);
        let mut left: BTreeMap<Life, usize> = BTreeMap::new();
        for (noted, life) in self.own.iter().zip(&lives) {
            let number = noted.record.number;
            match life {
                _ if !(self.first..=self.last).contains(&number) => {}
                Some(life) => *left.entry(*life).or_default() = 0,
                None if noted.has_failed() => self.skip(number, number, "the pass failed"),
                None => self.skip(
                    number,
                    number,
                    "the first question of their instance is gone",
                ),
            }
        }
        let mut asked = VecDeque::new();
        for (noted, life) in self.own.iter().zip(lives) {
            if noted.record.number <= self.last
                && let Some(life) = life
                && let Some(passes) = left.get_mut(&life)
            {
                *passes += 1;
                asked.push_back((*noted, life));
            }
        }
        let Some((start, _)) = asked.front() else {
            return Ok(());
        };
        let (at, state) = self.past.state_before(start.record.asked_after + 1)?;
        let mut replay = Replay {
            seat,
            state,
            left,
            instances: BTreeMap::new(),
            asked,
            plans: BTreeMap::new(),
            expected: VecDeque::new(),
        };
        let differs = self.replay(at, &mut replay)?;
        if let Some((noted, what)) = differs {
            self.report.mismatches.push(Mismatch {
                pass: noted.record.number,
                seat: seat.to_string(),
                event: noted.event,
                what,
            });
        }
        Ok(())
    }

    /// Goes through the events from that number on; the first pass that differs, and in what.
    fn replay<'a>(
        &mut self,
        mut at: Sequence,
        replay: &mut Replay<'a>,
    ) -> Result<Option<(&'a Noted, String)>, VerifyError> {
        if let Some(differs) = self.ask_all(at, replay)? {
            return Ok(Some(differs));
        }
        while !replay.is_done() {
            self.go_on()?;
            let events = self.past.read(at + 1, STEP)?;
            if events.is_empty() {
                return Ok(None);
            }
            for event in events {
                at += 1;
                if let Some(differs) = replay.take(at, &event) {
                    return Ok(Some(differs));
                }
                if let Some(differs) = self.ask_all(at, replay)? {
                    return Ok(Some(differs));
                }
                if replay.is_done() {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Asks all that was asked when so many events had happened.
    fn ask_all<'a>(
        &mut self,
        at: Sequence,
        replay: &mut Replay<'a>,
    ) -> Result<Option<(&'a Noted, String)>, VerifyError> {
        let due = |(noted, _): &mut (&Noted, Life)| noted.record.asked_after == at;
        while let Some((noted, life)) = replay.asked.pop_front_if(due) {
            if noted.record.fresh {
                let again = self.again(replay, noted);
                replay.instances.insert(life, again);
            }
            self.go_on()?;
            let Some(again) = replay.instances.get_mut(&life) else {
                continue;
            };
            let answer = self.ask(noted, &replay.state, again);
            again.left -= 1;
            if again.left == 0 {
                replay.instances.remove(&life);
            }
            match answer {
                Ok(Some(plan)) => drop(replay.plans.insert(noted.begins(), (noted, plan))),
                Ok(None) => {}
                Err(what) => return Ok(Some((noted, what))),
            }
        }
        Ok(None)
    }

    fn go_on(&self) -> Result<(), VerifyError> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(VerifyError::Stopped(self.report.before + self.report.same)),
            false => Ok(()),
        }
    }

    /// The instance that was asked for this pass first.
    fn again(&mut self, replay: &Replay<'_>, noted: &Noted) -> Again {
        let record = &noted.record;
        let made = self.instance(&replay.state, record);
        let mut mirror = Mirror::of(replay.seat);
        let slot = match made {
            Ok(slot) => {
                mirror.wants(slot.columns());
                Some(slot)
            }
            Err(why) => {
                self.skip(record.number, record.number, &why);
                None
            }
        };
        let passes = replay.left.get(&record.number);
        Again {
            mirror,
            slot,
            told: replay.state.parameters().clone(),
            left: passes.copied().unwrap_or_default(),
        }
    }

    /// Asks again what was asked then: a plan, nothing where the pass cannot be run again, or what differs.
    fn ask(
        &mut self,
        noted: &Noted,
        state: &State,
        again: &mut Again,
    ) -> Result<Option<Plan>, String> {
        let record = &noted.record;
        let changes = again.mirror.take(state);
        let Some(slot) = &mut again.slot else {
            if !record.fresh {
                self.skip(
                    record.number,
                    record.number,
                    "its instance could not be run again",
                );
            }
            return Ok(None);
        };
        let sent = half_of(&changes);
        if sent != record.sent {
            let (ours, theirs) = (hex(&sent), hex(&record.sent));
            return Err(format!("it was sent {theirs}, by the events it is {ours}"));
        }
        let now = record.asked_at.as_instant();
        if again.told != *state.parameters() {
            again.told = state.parameters().clone();
            drop(slot.follow(Parameter::all(&again.told), now));
        }
        let outcome = slot.schedule(now, changes);
        again.mirror.wants(slot.columns());
        if let Some(fault) = outcome.faults.first() {
            return Err(format!("it answered then, and fails now: {fault}"));
        }
        let answered = half_of(&outcome.plan);
        if answered != record.answered {
            let (ours, theirs) = (hex(&answered), hex(&record.answered));
            let (now, then) = (outcome.plan.decisions.len(), record.proposals);
            return Err(format!(
                "it answered {theirs} with {then} proposals, and now answers {ours} with {now}"
            ));
        }
        if record.number < self.first {
            self.report.before += 1;
        } else {
            self.report.same += 1;
            let (first, last) = self.report.range.unwrap_or((record.number, record.number));
            let range = (first.min(record.number), last.max(record.number));
            self.report.range = Some(range);
        }
        Ok(Some(outcome.plan))
    }

    fn instance(&mut self, state: &State, record: &PassRecord) -> Result<PolicySlot, String> {
        let setup = self.setup(state, record)?;
        let mut choice = match self.loaded.get(&setup.digest) {
            Some(loaded) => loaded.clone(),
            None => self.load(state, &setup.digest)?,
        };
        choice.settings = setup.settings;
        let slot = PolicySlot::alone(choice, Parameter::all(state.parameters()));
        slot.map_err(|error| error.to_string())
    }

    fn load(&mut self, state: &State, digest: &str) -> Result<PolicyChoice, String> {
        let stored = state.policies().stored.get(digest);
        let stored = stored.ok_or("its component was not kept")?;
        let bytes = self.past.component(digest);
        let bytes = bytes.map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or("its component is not kept")?;
        let choice = choice_of(self.host, stored, &bytes, Vec::new());
        let mut choice = choice.map_err(|error| error.to_string())?;
        choice.limits.deadline *= PATIENCE;
        self.loaded.insert(digest.into(), choice.clone());
        Ok(choice)
    }

    /// The component and settings that answered.
    fn setup(&self, state: &State, record: &PassRecord) -> Result<PolicySetup, String> {
        let policies = state.policies();
        let known = match (record.activation, record.seat) {
            (0, Seat::Canary) => policies.canary.as_ref().map(|canary| canary.setup.clone()),
            (0, _) => None,
            (number, _) => {
                let kept = self.passes.activations.get(&number);
                let kept = kept.or_else(|| policies.activation(number));
                kept.map(|activation| activation.setup.clone())
            }
        };
        let fits = |digest: &str| digest.starts_with(&hex(&record.component));
        if let Some(setup) = known.filter(|setup| fits(&setup.digest)) {
            return Ok(setup);
        }
        // The host's last resort has no settings.
        let digest = policies.stored.keys().find(|digest| fits(digest));
        let digest = digest.cloned().ok_or("nobody knows its component")?;
        Ok(PolicySetup {
            digest,
            settings: Vec::new(),
        })
    }

    fn skip(&mut self, first: u64, last: u64, why: &str) {
        if last < self.first {
            return;
        }
        let passes = self
            .own
            .iter()
            .filter(|n| (first..=last).contains(&n.record.number));
        let passes = passes.count() as u64;
        match self.report.skipped.last_mut() {
            Some(before) if before.why == why => before.passes += passes,
            _ => self.report.skipped.push(Skipped {
                pass: first,
                passes,
                why: why.into(),
            }),
        }
    }
}

/// Where a run is.
struct Replay<'a> {
    seat: Seat,
    state: State,
    /// How many passes of each instance are run again.
    left: BTreeMap<Life, usize>,
    instances: BTreeMap<Life, Again>,
    /// Passes that are still to be asked, in the order of their numbers.
    asked: VecDeque<(&'a Noted, Life)>,
    /// Plans of which the events are still to come, by the number of the first.
    plans: BTreeMap<Sequence, (&'a Noted, Plan)>,
    /// What must come next, by the plan of this pass.
    expected: VecDeque<(&'a Noted, Event)>,
}

impl<'a> Replay<'a> {
    fn is_done(&self) -> bool {
        self.asked.is_empty() && self.plans.is_empty() && self.expected.is_empty()
    }

    /// Takes the next event; where it is not what a plan gives, the pass and the difference.
    fn take(&mut self, at: Sequence, event: &Event) -> Option<(&'a Noted, String)> {
        if let Some((noted, plan)) = self.plans.remove(&at) {
            let events = outcome(&self.state, self.seat, noted, plan, event.at);
            if events.len() as u32 != noted.record.events {
                let (now, then) = (events.len(), noted.record.events);
                return Some((
                    noted,
                    format!("{then} events came of it, its plan gives {now}"),
                ));
            }
            self.expected = events.into_iter().map(|event| (noted, event)).collect();
        }
        if let Some((noted, should)) = self.expected.pop_front()
            && should != *event
        {
            let (is, should) = (&event.fact, &should.fact);
            return Some((
                noted,
                format!("event {at} is {is:?}; its plan gives {should:?}"),
            ));
        }
        self.state.apply(event);
        for again in self.instances.values_mut() {
            again.mirror.note(&self.state, event);
        }
        None
    }
}

/// The events that come of a plan at that time.
fn outcome(state: &State, seat: Seat, noted: &Noted, mut plan: Plan, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    catch_up(&mut plan, noted.record.asked_at, now);
    carry_out_of(&mut state.clone(), seat, plan, now, &mut events);
    events
}

fn hex(half: &Half) -> String {
    half.iter().map(|byte| format!("{byte:02x}")).collect()
}
