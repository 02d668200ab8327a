//! What a shadowed policy would have done, beside what the one in force did.
//!
//! Per pass: what each of them proposed at the same moment and of the same changes. In sum: how often they agreed, which jobs the
//! shadow would have started earlier or later, and what the shadow cost. Kept in memory, from when the shadow was set or the daemon
//! was started on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobyard_kernel::{Decision, JobId, Plan, Share, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::pass::Answer;

/// Passes in which the two differed that are kept, the latest.
pub const DIFFERING_PASSES_MAX: usize = 1_000;
/// Proposals of either side that are kept of one pass.
pub const PROPOSALS_KEPT_MAX: usize = 1_000;
/// Jobs that are compared: those that either side would start, the latest.
pub const COMPARED_JOBS_MAX: usize = 10_000;

/// One proposal that places a job, in words that can be compared.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Placement {
    /// `start`, `grow`, `shrink` or `preempt`.
    pub what: String,
    /// The job.
    pub job: u32,
    /// Node, cores, GPUs.
    pub shares: Vec<(u32, u32, u32)>,
    /// For one that only the policy in force made: the shadow's words on why the job waits, where it said any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A pass in which the two differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DifferingPass {
    /// The number of the pass.
    pub number: u64,
    /// When it was, in microseconds since 1970.
    pub at: u64,
    /// What both proposed.
    pub same: usize,
    /// What only the policy in force proposed.
    pub only_active: Vec<Placement>,
    /// What only the shadow proposed.
    pub only_shadow: Vec<Placement>,
}

/// What the shadow came to in sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShadowTotals {
    /// Passes in which both were asked.
    pub passes: u64,
    /// Of those, how many gave the same placements.
    pub same: u64,
    /// Passes of the policy in force at which the shadow was still at an earlier one.
    pub late: u64,
    /// Placements that the policy in force proposed.
    pub active_placements: u64,
    /// Placements that the shadow proposed.
    pub shadow_placements: u64,
    /// Calls of the shadow that failed.
    pub faults: u64,
    /// How long the passes of the policy in force took, in microseconds.
    pub active_us: u64,
    /// How long the shadow's took.
    pub shadow_us: u64,
    /// The shadow's longest.
    pub shadow_us_max: u64,
    /// What the shadow's instance holds of memory, in bytes.
    pub memory_bytes: u64,
    /// Jobs that the shadow proposed to start before they were started.
    pub earlier: u64,
    /// By how much, in all, in microseconds.
    pub earlier_us: u64,
    /// Jobs that were started when the shadow had not proposed it.
    pub later: u64,
}

/// A job that the two start at different times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ComparedJob {
    /// Which.
    pub job: u32,
    /// When the policy in force started it, in microseconds since 1970.
    pub active: Option<u64>,
    /// When the shadow proposed it first.
    pub shadow: Option<u64>,
}

/// All that is known of a shadow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShadowReport {
    /// In sum.
    pub totals: ShadowTotals,
    /// The latest passes in which they differed, oldest first.
    pub passes: Vec<DifferingPass>,
    /// Jobs that they start at different times, by id.
    pub jobs: Vec<ComparedJob>,
}

/// What was proposed in a pass, by one side.
#[derive(Debug, Default)]
struct Proposed {
    placements: BTreeSet<Placement>,
    took: Span,
}

#[derive(Debug, Default)]
struct Comparison {
    totals: ShadowTotals,
    passes: VecDeque<DifferingPass>,
    jobs: BTreeMap<JobId, ComparedJob>,
    /// Passes that both were asked in: what one of them has answered.
    active: BTreeMap<u64, Option<Proposed>>,
    shadow: BTreeMap<u64, Proposed>,
    asked_at: BTreeMap<u64, Timestamp>,
    waits: BTreeMap<u32, String>,
}

/// Shared by the loop, which fills it, and those who look.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShadowLog(Arc<Mutex<Comparison>>);

impl ShadowLog {
    fn hold(&self) -> MutexGuard<'_, Comparison> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another shadow, or none: what was known is forgotten.
    pub(crate) fn clear(&self) {
        *self.hold() = Comparison::default();
    }

    /// Both are asked.
    pub(crate) fn asked(&self, number: u64, at: Timestamp) {
        let mut all = self.hold();
        all.active.insert(number, None);
        all.asked_at.insert(number, at);
    }

    /// The policy in force is asked, and the shadow is still at it.
    pub(crate) fn late(&self) {
        self.hold().totals.late += 1;
    }

    /// The policy in force has answered.
    pub(crate) fn active(&self, answer: &Answer) {
        let mut all = self.hold();
        let number = answer.number;
        if !all.active.contains_key(&number) {
            return;
        }
        let proposed = all.take(answer);
        all.active.insert(number, Some(proposed));
        all.compare(number);
    }

    /// The shadow has answered.
    pub(crate) fn shadow(&self, answer: &Answer) {
        let mut all = self.hold();
        for decision in &answer.decided.outcome.plan.decisions {
            if let Decision::Wait { job, text, reason } = decision {
                let text = match text.is_empty() {
                    true => format!("reason {reason}"),
                    false => text.clone(),
                };
                all.waits.insert(job.0, text);
                if all.waits.len() > COMPARED_JOBS_MAX {
                    all.waits.pop_first();
                }
            }
        }
        all.totals.faults += answer.decided.outcome.faults.len() as u64;
        all.totals.memory_bytes = answer.memory_bytes as u64;
        let proposed = all.take(answer);
        all.totals.shadow_us_max = all.totals.shadow_us_max.max(proposed.took.0);
        all.shadow.insert(answer.number, proposed);
        all.compare(answer.number);
    }

    pub(crate) fn report(&self) -> ShadowReport {
        let all = self.hold();
        let differ = |job: &&ComparedJob| job.active != job.shadow;
        ShadowReport {
            totals: all.totals,
            passes: all.passes.iter().cloned().collect(),
            jobs: all.jobs.values().filter(differ).copied().collect(),
        }
    }
}

impl Comparison {
    fn take(&self, answer: &Answer) -> Proposed {
        Proposed {
            placements: placements(&answer.decided.outcome.plan),
            took: answer.decided.took,
        }
    }

    /// Compares a pass that both have answered.
    fn compare(&mut self, number: u64) {
        let both = self.shadow.contains_key(&number)
            && self.active.get(&number).is_some_and(Option::is_some);
        if !both {
            return;
        }
        let active = self.active.remove(&number).flatten().unwrap_or_default();
        let shadow = self.shadow.remove(&number).unwrap_or_default();
        let at = self.asked_at.remove(&number).unwrap_or_default().0;
        // Of passes before this one no answer is to come any more.
        self.active = self.active.split_off(&number);
        self.shadow = self.shadow.split_off(&number);
        self.asked_at = self.asked_at.split_off(&number);

        let same = active.placements.intersection(&shadow.placements).count();
        let differs = same < active.placements.len().max(shadow.placements.len());
        let totals = &mut self.totals;
        totals.passes += 1;
        totals.same += u64::from(!differs);
        totals.active_placements += active.placements.len() as u64;
        totals.shadow_placements += shadow.placements.len() as u64;
        totals.active_us += active.took.0;
        totals.shadow_us += shadow.took.0;
        self.started(&active, &shadow, at);
        if differs {
            let explained = |placement: &Placement| Placement {
                why: self.waits.get(&placement.job).cloned().unwrap_or_default(),
                ..placement.clone()
            };
            let only_active = active.placements.difference(&shadow.placements);
            let only_shadow = shadow.placements.difference(&active.placements);
            let pass = DifferingPass {
                number,
                at,
                same,
                only_active: only_active
                    .take(PROPOSALS_KEPT_MAX)
                    .map(explained)
                    .collect(),
                only_shadow: only_shadow.take(PROPOSALS_KEPT_MAX).cloned().collect(),
            };
            if self.passes.len() == DIFFERING_PASSES_MAX {
                self.passes.pop_front();
            }
            self.passes.push_back(pass);
        }
        for placement in &active.placements {
            self.waits.remove(&placement.job);
        }
    }

    /// Takes note of when each side starts jobs.
    fn started(&mut self, active: &Proposed, shadow: &Proposed, at: u64) {
        let starts = |of: &Proposed| -> Vec<u32> {
            let starts = of.placements.iter().filter(|p| p.what == "start");
            starts.map(|p| p.job).collect()
        };
        let new = |job| ComparedJob {
            job,
            active: None,
            shadow: None,
        };
        for job in starts(shadow) {
            let entry = self.jobs.entry(JobId(job)).or_insert_with(|| new(job));
            entry.shadow.get_or_insert(at);
        }
        for job in starts(active) {
            let entry = self.jobs.entry(JobId(job)).or_insert_with(|| new(job));
            if entry.active.replace(at).is_some() {
                continue;
            }
            match entry.shadow {
                Some(shadow) => {
                    self.totals.earlier += u64::from(shadow < at);
                    self.totals.earlier_us += at.saturating_sub(shadow);
                }
                None => self.totals.later += 1,
            }
        }
        while self.jobs.len() > COMPARED_JOBS_MAX {
            self.jobs.pop_first();
        }
    }
}

/// What a plan places, sorted.
fn placements(plan: &Plan) -> BTreeSet<Placement> {
    let shares = |shares: &[Share]| {
        let mut all: Vec<_> = shares.iter().map(|s| (s.node.0, s.cores, s.gpus)).collect();
        all.sort_unstable();
        all
    };
    let of = |decision: &Decision| {
        let (what, job, shares) = match decision {
            Decision::Start { job, shares: all } => ("start", job, shares(all)),
            Decision::Grow { job, shares: all } => ("grow", job, shares(all)),
            Decision::Shrink { job, shares: all } => ("shrink", job, shares(all)),
            Decision::Preempt { job, how, cores } => ("preempt", job, vec![(*how, *cores, 0)]),
            Decision::Reserve { .. } | Decision::Wait { .. } => return None,
        };
        Some(Placement {
            what: what.into(),
            job: job.0,
            shares,
            why: String::new(),
        })
    };
    plan.decisions.iter().filter_map(of).collect()
}
