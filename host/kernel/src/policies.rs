//! Which policies the host has, which one decides, and what is tried beside it: the journaled part of a policy's life.
//!
//! The kernel knows components by the digest of their bytes and never sees one. Loading, running and comparing them is the
//! engine's; that it was done, by whom and why, is here, and so it survives restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Decision, Job, JobId, Node, NodeId, Refusal, SetId, Share, Span, State, Timestamp};

/// Who answers passes: each seat has an instance of its own, and is told what changed by itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[strum(serialize_all = "lowercase")]
pub enum Seat {
    /// The policy in force. It decides for all nodes, but for those that are the canary's.
    Active,
    /// One that decides for some nodes only, while it is tried.
    Canary,
    /// One that is asked what it would do, and is not heeded. Not in the journal's passes.
    Shadow,
}

/// A component that the host keeps, for as long as there is the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// SHA-256 of its bytes, in lower-case hex: what it is known by.
    pub digest: String,
    /// What people call it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The text of its manifest, where it came with one.
    pub manifest: Option<String>,
    /// When it was stored.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A component with the settings that it is to run with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicySetup {
    /// Which component.
    pub digest: String,
    /// All of its settings, by name.
    pub settings: Vec<(String, String)>,
}

/// Why a policy came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivationCause {
    /// Somebody chose it.
    Chosen,
    /// Somebody went back to what an earlier activation had.
    RolledBack {
        /// Which.
        to: u32,
    },
    /// The guard of the activation before went back.
    Guarded {
        /// To which.
        to: u32,
    },
    /// The daemon was started with it.
    Started,
}

/// That a policy came into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// From 1, never used again.
    pub number: u32,
    /// What decides.
    pub setup: PolicySetup,
    /// From when on.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// In their words, or the guard's.
    pub why: String,
    /// What kind of activation it is.
    pub cause: ActivationCause,
    /// When it is to be taken back by itself.
    pub guard: Option<Guard>,
}

/// Bounds that a new policy must keep for a while, or the one before is put back. What is none is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guard {
    /// For how long.
    pub window: Span,
    /// Faults.
    pub faults_max: Option<u64>,
    /// Refused proposals, but for those of its first pass.
    pub refused_max: Option<u64>,
    /// How long a pass may take.
    pub pass_max: Option<Span>,
    /// How long a job may wait that was submitted since, and could start.
    pub wait_max: Option<Span>,
}

/// What was counted of the policy in force, or of the canary, since it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// Its passes.
    pub passes: u64,
    /// Passes that failed.
    pub faults: u64,
    /// Proposals of it that were refused, but for those of its first pass: that was made while the one before still decided.
    pub refused: u64,
    /// Its longest pass.
    pub slowest: Span,
}

impl Watch {
    /// One more pass.
    pub(crate) fn note(&mut self, record: &PassRecord) {
        // Its first pass was made while the one before still decided: what that took is not held against it.
        let first = self.passes == 0 && record.fresh;
        self.passes += 1;
        self.faults += u64::from(record.faults);
        self.refused += u64::from(if first { 0 } else { record.refused });
        self.slowest = self.slowest.max(record.took);
    }
}

/// A policy that is asked beside the one in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadowing {
    /// Which, and how.
    pub setup: PolicySetup,
    /// From when on.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// In their words.
    pub why: String,
}

/// The nodes that a canary decides for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Those in any of these groups.
    Groups(Vec<String>),
    /// So many in a hundred, from 1 to 99, spread evenly over the nodes in their order.
    Percent(u8),
}

impl Part {
    fn nodes(&self, nodes: &BTreeMap<NodeId, Node>) -> BTreeSet<NodeId> {
        let all = nodes.values().enumerate();
        let of = |(at, node): (usize, &Node)| {
            let is = match self {
                Part::Groups(groups) => groups.iter().any(|group| node.spec.groups.contains(group)),
                Part::Percent(percent) => {
                    let before = |n: usize| n * usize::from(*percent) / 100;
                    before(at + 1) > before(at)
                }
            };
            is.then_some(node.id)
        };
        all.filter_map(of).collect()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Groups(groups) => write!(f, "the groups {}", groups.join(", ")),
            Part::Percent(percent) => write!(f, "{percent} % of the nodes"),
        }
    }
}

/// A policy that decides for some of the nodes. The one in force has the others; both see all jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Which, and how.
    pub setup: PolicySetup,
    /// For which nodes.
    pub part: Part,
    /// From when on.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// In their words.
    pub why: String,
}

/// What a pass was: enough to run it again and compare. What came of its plan are the events just before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassRecord {
    /// From 1 on, in the order in which policies were asked.
    pub number: u64,
    /// Who answered.
    pub seat: Seat,
    /// The activation whose component and settings answered; 0: the last resort of the host, or a canary.
    pub activation: u32,
    /// The first half of the digest of the component that answered.
    pub component: [u8; 16],
    /// It was asked when this many events had happened.
    pub asked_after: u64,
    /// And at this time.
    pub asked_at: Timestamp,
    /// It was the first question to an instance, which is told everything.
    pub fresh: bool,
    /// The first half of the SHA-256 of what it was sent.
    pub sent: [u8; 16],
    /// The first half of the SHA-256 of its answer; zeros where it failed.
    pub answered: [u8; 16],
    /// How many proposals it made.
    pub proposals: u32,
    /// How many of those were refused.
    pub refused: u32,
    /// How many of its calls failed.
    pub faults: u32,
    /// How many events came of it.
    pub events: u32,
    /// How long it took, by the clock.
    pub took: Span,
}

/// A call of a policy that failed: it ended that call, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFault {
    /// Who failed.
    pub seat: Seat,
    /// The component.
    pub digest: String,
    /// What people call it.
    pub name: String,
    /// The function that was called.
    pub function: String,
    /// What kind of fault, in one word.
    pub kind: String,
    /// What happened, and the guest's backtrace.
    pub text: String,
    /// The limits that were in force.
    pub limits: String,
    /// What it logged last in that call.
    pub log: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policies {
    /// By digest.
    pub stored: BTreeMap<String, Arc<StoredPolicy>>,
    /// The last [`ACTIVATIONS_MAX`](crate::limits::ACTIVATIONS_MAX), in order; the last one is in force.
    pub activations: Vec<Arc<Activation>>,
    /// What is shadowed.
    pub shadow: Option<Arc<Shadowing>>,
    /// What is tried on some of the nodes.
    pub canary: Option<Arc<Canary>>,
    /// Derived: the canary's nodes.
    pub(crate) canary_nodes: BTreeSet<NodeId>,
    /// The highest number of a pass.
    pub last_pass: u64,
    /// Of the policy in force.
    pub watch: Watch,
    /// Of the canary; of the last one, where there is none.
    #[serde(default)]
    pub canary_watch: Watch,
}

impl Policies {
    /// The policy in force.
    pub fn active(&self) -> Option<&Arc<Activation>> {
        self.activations.last()
    }

    /// An activation by its number, if it is one of those that are kept.
    pub fn activation(&self, number: u32) -> Option<&Arc<Activation>> {
        let at = self.activations.binary_search_by_key(&number, |a| a.number);
        at.ok().map(|at| &self.activations[at])
    }

    /// The activation that came before the one in force.
    pub fn before(&self) -> Option<&Arc<Activation>> {
        let before = self.activations.len().checked_sub(2)?;
        self.activations.get(before)
    }

    /// The canary's nodes.
    pub fn canary_nodes(&self) -> &BTreeSet<NodeId> {
        &self.canary_nodes
    }

    /// The canary's nodes, from scratch: `canary_nodes` must equal it.
    pub(crate) fn part(&self, nodes: &BTreeMap<NodeId, Node>) -> BTreeSet<NodeId> {
        let part = self.canary.as_ref().map(|canary| &canary.part);
        part.map(|part| part.nodes(nodes)).unwrap_or_default()
    }
}

impl State {
    /// Which policies there are, and which decides.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Whether a node is one that the seat decides for.
    pub fn is_in_part(&self, seat: Seat, node: NodeId) -> bool {
        match (seat, &self.policies.canary) {
            (Seat::Canary, _) => self.policies.canary_nodes.contains(&node),
            (Seat::Active | Seat::Shadow, Some(_)) => !self.policies.canary_nodes.contains(&node),
            (Seat::Active | Seat::Shadow, None) => true,
        }
    }

    /// What the guard of the policy in force has to say against it, if it says so by now.
    pub fn guard_says(&self, now: Timestamp) -> Option<String> {
        let active = self.policies.active()?;
        let guard = active
            .guard
            .filter(|guard| now <= active.at + guard.window)?;
        let watch = &self.policies.watch;
        let over = |max: Option<u64>, count: u64| max.filter(|&max| count > max);
        if let Some(max) = over(guard.faults_max, watch.faults) {
            return Some(format!("{} faults, {max} are allowed", watch.faults));
        }
        if let Some(max) = over(guard.refused_max, watch.refused) {
            let refused = watch.refused;
            return Some(format!("{refused} refused proposals, {max} are allowed"));
        }
        if let Some(max) = guard.pass_max.filter(|&max| watch.slowest > max) {
            return Some(format!("a pass of {}, {max} are allowed", watch.slowest));
        }
        let max = guard.wait_max?;
        let late = |job: &&Job| {
            let submitted = job.times.submitted.unwrap_or_default();
            submitted >= active.at && submitted + max < now && job.may_start()
        };
        let late = self.queue().find(late)?;
        Some(format!("job {} has waited longer than {max}", late.id))
    }
}

/// What comes of a proposal where a canary has a part of the nodes.
pub(crate) enum Heard {
    /// It is checked like any other.
    Yes,
    /// It is about what the other seat explains.
    No,
    /// It reaches into the other's part.
    Refused(Refusal),
}

/// Whether a seat may make this proposal. Who has which nodes matters only while there is a canary.
pub(crate) fn hear(state: &State, seat: Seat, decision: &Decision) -> Heard {
    if state.policies.canary.is_none() {
        return Heard::Yes;
    }
    let outside = |job: JobId, shares: &[Share]| {
        let other = shares
            .iter()
            .find(|share| !state.is_in_part(seat, share.node));
        other.map_or(Heard::Yes, |share| {
            let node = share.node;
            Heard::Refused(Refusal::OtherPart { job, node })
        })
    };
    match decision {
        Decision::Start { job, shares }
        | Decision::Grow { job, shares }
        | Decision::Shrink { job, shares } => outside(*job, shares),
        Decision::Preempt { job, .. } => {
            let nodes = state
                .job(*job)
                .into_iter()
                .flat_map(|job| job.shares.keys());
            let held: Vec<NodeId> = nodes.copied().collect();
            match held.first() {
                Some(&node) if !held.iter().any(|&node| state.is_in_part(seat, node)) => {
                    Heard::Refused(Refusal::OtherPart { job: *job, node })
                }
                _ => Heard::Yes,
            }
        }
        Decision::Reserve { job, .. } | Decision::Wait { job, .. } => {
            let canarys = state.job(*job).is_some_and(|job| is_canarys(state, job));
            match canarys == (seat == Seat::Canary) {
                true => Heard::Yes,
                false => Heard::No,
            }
        }
    }
}

/// Whether a job may run on the canary's nodes only: then that explains why it waits.
fn is_canarys(state: &State, job: &Job) -> bool {
    let part = &state.policies.canary_nodes;
    let set = state.sets.get(&job.candidates);
    job.candidates != SetId(0)
        && set.is_some_and(|set| set.nodes.iter().all(|node| part.contains(node)))
}
