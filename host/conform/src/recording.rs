//! What came of a case under a policy: every pass with what was said, proposed and refused. Plain data, which the rules judge.

use jobyard_kernel::{Changes, Decision, JobId, Plan, Refusal, State, Timestamp};

use crate::Case;
use crate::subject::Settings;
use crate::yard::BEGIN;

/// Why a pass was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Something has changed.
    Changes,
    /// The policy wanted it (`wake-at`).
    Wake,
}

/// One pass, and what the kernel made of it.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    /// When.
    pub(crate) now: Timestamp,
    /// Why.
    pub(crate) asked: Asked,
    /// Cluster parameters that the policy follows, as it had been told them.
    pub(crate) followed: Settings,
    /// What it was told.
    pub(crate) changes: Changes,
    /// The same, cut where one thing happened after the other.
    pub(crate) pieces: Vec<Changes>,
    /// What it answered.
    pub(crate) plan: Plan,
    /// What of that the kernel refused.
    pub(crate) refused: Vec<(Decision, Refusal)>,
    /// Things happened while it decided, so that refusals may be nobody's fault.
    pub(crate) raced: bool,
    /// What the instance held of memory afterwards, in bytes, where that is known.
    pub(crate) memory_bytes: Option<usize>,
    /// The state that it was told of.
    pub(crate) before: State,
    /// The state when its plan had been carried out.
    pub(crate) after: State,
}

/// Why a recording ends before its case did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The policy faulted.
    Fault(String),
    /// Its decisions led to others at one instant without end.
    Restless {
        /// When.
        at: Timestamp,
        /// So many passes.
        passes: usize,
    },
    /// It asked to be called again and again while nothing changed.
    Spinning {
        /// When that began.
        since: Timestamp,
        /// Until then.
        until: Timestamp,
        /// So many passes.
        passes: usize,
    },
}

/// What came of a case.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// The case.
    pub(crate) case: Case,
    /// In order.
    pub(crate) passes: Vec<Pass>,
    /// When which job started, in order; a job that was queued again may start again.
    pub(crate) starts: Vec<(Timestamp, JobId)>,
    /// What each job held at the end of each instant at which that changed, in its units.
    pub(crate) held: Vec<(Timestamp, JobId, u32)>,
    /// How it ended, if too early.
    pub(crate) broken: Option<Broken>,
    /// The limit of passes was reached before the end of the case: what would have come is not known.
    pub(crate) cut: bool,
    /// The last state.
    pub(crate) end: State,
}

impl Recording {
    /// The passes that told of one moment and were carried out in it.
    pub(crate) fn calm(&self) -> impl Iterator<Item = &Pass> {
        self.passes.iter().filter(|pass| !pass.raced)
    }
}

/// The decisions that do something, in order: what is left when words for people are taken away.
pub(crate) fn deeds(plan: &Plan) -> Vec<&Decision> {
    let does = |decision: &&Decision| match decision {
        Decision::Start { .. }
        | Decision::Grow { .. }
        | Decision::Shrink { .. }
        | Decision::Preempt { .. } => true,
        Decision::Reserve { .. } | Decision::Wait { .. } => false,
    };
    plan.decisions.iter().filter(does).collect()
}

/// A decision in few words.
pub(crate) fn words(decision: &Decision) -> String {
    let on = |shares: &[jobyard_kernel::Share]| {
        let share = |share: &jobyard_kernel::Share| match share.gpus {
            0 => format!("node {}: {}", share.node, share.cores),
            gpus => format!("node {}: {}+{gpus}", share.node, share.cores),
        };
        shares.iter().map(share).collect::<Vec<_>>().join(", ")
    };
    match decision {
        Decision::Start { job, shares } => format!("start job {job} ({})", on(shares)),
        Decision::Grow { job, shares } => format!("grow job {job} ({})", on(shares)),
        Decision::Shrink { job, shares } => format!("shrink job {job} ({})", on(shares)),
        Decision::Preempt { job, how, cores } => {
            format!("preempt job {job} (kind {how}, {cores} cores)")
        }
        Decision::Reserve { job, at, .. } => format!("reserve for job {job} at {}", instant(*at)),
        Decision::Wait { job, reason, text } => format!("job {job} waits ({reason} \"{text}\")"),
    }
}

/// An instant of a policy's as the time since the case began.
pub(crate) fn instant(at: f64) -> String {
    format!("{:.6}s", (at - BEGIN.as_instant()) / 1e6)
}

/// A list of decisions in few words.
pub(crate) fn all_words(decisions: &[&Decision]) -> String {
    match decisions {
        [] => "nothing".into(),
        some => some.iter().map(|d| words(d)).collect::<Vec<_>>().join("; "),
    }
}
