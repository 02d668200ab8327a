//! One seat of a policy beside the state: what its instance has been told, whether it is at it, and when it may be asked again.
//!
//! Not the instance itself, which is on a thread of its own (`pass.rs`). Used by `core.rs` only.

use jobyard_kernel::{Changes, Mirror, Seat, Span, State, Timestamp};

/// A `wake_at` is not heeded sooner after a pass than this: a policy cannot make the host spin.
const WAKE_AFTER_MIN: Span = Span::from_millis(10);
/// So many jobs that do not fit are told in quiet times, though the policy need not be asked for them: the next pass is to be short.
const UNTOLD_MAX: usize = 1_000;
/// After every policy was given up, the wait before the next try.
const EXHAUSTED_WAIT: Span = Span::from_secs(1);

/// What a policy is asked with. Its answer must come before the next question to the same seat.
#[derive(Debug)]
pub struct PolicyQuestion {
    /// Who is asked.
    pub seat: Seat,
    /// The number of the pass.
    pub number: u64,
    /// The pass's time.
    pub now: Timestamp,
    /// What changed since the last question; everything where the instance is new.
    pub changes: Changes,
}

/// A question that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) number: u64,
    /// Events that had happened.
    pub(crate) after: u64,
    pub(crate) at: Timestamp,
    /// The first to an instance.
    pub(crate) fresh: bool,
}

/// A seat that is taken.
#[derive(Debug)]
pub(crate) struct Taken {
    seat: Seat,
    mirror: Mirror,
    asked: Option<Asked>,
    /// The next question is the first to an instance.
    fresh: bool,
    only_fitting_arrivals: bool,
    wake_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

impl Taken {
    pub(crate) fn new(seat: Seat) -> Self {
        Taken {
            seat,
            mirror: Mirror::of(seat),
            asked: None,
            fresh: true,
            only_fitting_arrivals: false,
            wake_at: None,
            not_before: None,
        }
    }

    pub(crate) fn mirror(&mut self) -> &mut Mirror {
        &mut self.mirror
    }

    /// Whether an answer of it is waited for.
    pub(crate) fn is_at_it(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether it may be asked now: it is not at it, and has not been sent to rest.
    pub(crate) fn may_be_asked(&self, now: Timestamp) -> bool {
        self.asked.is_none() && self.not_before.is_none_or(|earliest| now >= earliest)
    }

    /// Whether its answer to this question is waited for.
    pub(crate) fn is_asked(&self, number: u64) -> bool {
        self.asked.is_some_and(|asked| asked.number == number)
    }

    /// Whether there is a reason to ask it.
    pub(crate) fn has_reason(&self, state: &State, now: Timestamp) -> bool {
        let nothing = !self.mirror.has_changes()
            || (self.only_fitting_arrivals && self.mirror.only_arrivals_that_do_not_fit(state));
        self.is_woken(now) || !nothing
    }

    /// Whether there is much that it has not been told, reason or not.
    pub(crate) fn is_behind(&self) -> bool {
        self.mirror.untold_jobs() > UNTOLD_MAX
    }

    /// Whether it asked to be called by now.
    pub(crate) fn is_woken(&self, now: Timestamp) -> bool {
        self.wake_at.is_some_and(|at| at <= now)
    }

    /// When it wants to be asked even if nothing happens, unless it is at it.
    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        match (self.asked, self.wake_at, self.not_before) {
            (Some(_), _, _) => None,
            (None, Some(wake), Some(earliest)) => Some(wake.max(earliest)),
            (None, wake, earliest) => wake.or(earliest),
        }
    }

    /// Its instance has gone, and knew what it knew: the next one is told everything.
    pub(crate) fn renew(&mut self) {
        self.mirror.forget();
        self.fresh = true;
    }

    /// The next question.
    pub(crate) fn ask(
        &mut self,
        state: &State,
        number: u64,
        after: u64,
        at: Timestamp,
    ) -> PolicyQuestion {
        if self.is_woken(at) {
            self.wake_at = None;
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.asked = Some(Asked {
            number,
            after,
            at,
            fresh,
        });
        PolicyQuestion {
            seat: self.seat,
            number,
            now: at,
            changes: self.mirror.take(state),
        }
    }

    /// Its answer has come: what it was asked, and when it may be asked again.
    pub(crate) fn answered(&mut self, answer: &Rest, now: Timestamp) -> Option<Asked> {
        self.only_fitting_arrivals = answer.only_fitting_arrivals;
        if answer.needs_snapshot {
            self.renew();
        }
        self.not_before = answer.exhausted.then(|| now + EXHAUSTED_WAIT);
        let wake_at = answer.wake_at.filter(|at| at.is_finite() && *at >= 0.0);
        self.wake_at = wake_at.map(|at| Timestamp(at as u64).min(Timestamp::MAX));
        if self.wake_at.is_some_and(|at| at <= now) && self.not_before.is_none() {
            self.not_before = Some(now + WAKE_AFTER_MIN);
        }
        self.asked.take()
    }
}

/// What an answer says of the next question.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) only_fitting_arrivals: bool,
    pub(crate) needs_snapshot: bool,
    pub(crate) exhausted: bool,
    pub(crate) wake_at: Option<f64>,
}
