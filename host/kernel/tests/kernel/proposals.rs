//! Random proposals of a policy: what fits, what nearly fits, and nonsense.

use std::collections::BTreeMap;

use jobyard_kernel::{
    Decision, GroupOp, Job, JobId, JobState, Need, Node, NodeId, PreemptionType, SetId, Share,
    State, Timestamp, Unit,
};

use super::numbers::Numbers;
use super::random::{any_job, job_in};

/// Mostly what a policy would propose, sometimes anything.
pub(crate) fn proposal(state: &State, now: Timestamp, n: &mut Numbers) -> Decision {
    let shares = |n: &mut Numbers| -> Vec<Share> {
        (0..n.below(3))
            .map(|_| Share {
                node: NodeId(n.below(5)),
                cores: n.below(4),
                gpus: n.below(2),
            })
            .collect()
    };
    let queued = job_in(state, n, JobState::Queued);
    let running = job_in(state, n, JobState::Running);
    // What is turned off is tried all the same.
    let off = state.parameters().preemption != PreemptionType::Immediate;
    if off && n.once_in(8) {
        return Decision::Preempt {
            job: running,
            how: n.below(3),
            cores: 1 + n.below(3),
        };
    }
    match n.below(13) {
        0..5 => start(state, queued).unwrap_or(Decision::Start {
            job: queued,
            shares: shares(n),
        }),
        5 if !n.once_in(3) => carelessly(state, queued, n).unwrap_or(Decision::Start {
            job: any_job(state, n),
            shares: shares(n),
        }),
        5 => Decision::Start {
            job: any_job(state, n),
            shares: shares(n),
        },
        6 => Decision::Grow {
            job: running,
            shares: more(state, running),
        },
        7 => Decision::Grow {
            job: running,
            shares: shares(n),
        },
        8 | 9 => Decision::Shrink {
            job: running,
            shares: held(state.job(running), n),
        },
        10 => match n.below(4) {
            0 | 1 => preempt(state, running, n),
            2 => Decision::Reserve {
                job: queued,
                at: [now.as_instant() + 5e6, 0.0, f64::NAN, f64::INFINITY][n.below(4) as usize],
                shares: shares(n),
            },
            _ => Decision::Wait {
                job: queued,
                reason: n.below(3),
                text: "full".repeat(if n.once_in(8) { 300 } else { 1 }),
            },
        },
        11 => preempt(state, running, n),
        _ => Decision::Shrink {
            job: running,
            shares: shares(n),
        },
    }
}

fn preempt(state: &State, running: JobId, n: &mut Numbers) -> Decision {
    Decision::Preempt {
        job: lowest(state, running, n),
        how: [0, 0, 2, 2, 2, 1, 1, 3][n.below(8) as usize],
        cores: n.below(4),
    }
}

/// A start that would fit, but for what policies do not look at: a node named twice, groups that are not to be mixed, nodes that tasks need.
fn carelessly(state: &State, id: JobId, n: &mut Numbers) -> Option<Decision> {
    let mixes = |job: &&Job| {
        let op = job.spec.node_group_op;
        let uniform = op == GroupOp::Uniform && job.spec.node_groups.len() > 1 && job.max > 1;
        job.may_start() && (uniform || job.required != SetId(0))
    };
    let likely = state.queue().find(mixes).filter(|_| n.once_in(2));
    let job = likely.or_else(|| state.job(id).filter(|job| job.may_start()))?;
    let mut decision = start_on(state, job, &|_| true, false)?;
    if let Decision::Start { shares, .. } = &mut decision
        && n.once_in(2)
    {
        shares.extend_from_within(..shares.len().min(1));
    }
    Some(decision)
}

/// A running job from which something may be taken for others, or that one.
fn lowest(state: &State, running: JobId, n: &mut Numbers) -> JobId {
    let runs = |job: &&Job| job.state() == JobState::Running && job.spec.can_preempt;
    let jobs = state.jobs().filter(runs);
    let lowest = jobs.min_by_key(|job| job.spec.priority);
    let lowest = lowest.filter(|_| !n.once_in(3));
    lowest.map_or(running, |job| job.id)
}

/// One unit more, on the first node that has one.
fn more(state: &State, id: JobId) -> Vec<Share> {
    let Some(job) = state.job(id) else {
        return Vec::new();
    };
    let usable = |node: &&Node| state.free_units(job, node) > 0 && state.is_candidate(job, node.id);
    let one = |node: &Node| units(job, node, 1);
    state.nodes().find(usable).map(one).into_iter().collect()
}

/// So many units of a node for a job.
fn units(job: &Job, node: &Node, units: u32) -> Share {
    let spec = &node.spec;
    let (cores, gpus) = match job.spec.unit {
        Unit::Core => (units, 0),
        Unit::Socket => (
            (units * spec.cores.div_ceil(spec.sockets)).min(node.free.len()),
            0,
        ),
        Unit::Node => (spec.cores, spec.gpus),
        Unit::Gpu => (units, units),
    };
    Share {
        node: node.id,
        cores,
        gpus,
    }
}

fn held(job: Option<&Job>, n: &mut Numbers) -> Vec<Share> {
    let shares: Vec<Share> = job.map_or_else(Vec::new, |job| {
        job.shares
            .iter()
            .map(|(&node, share)| Share {
                node,
                cores: share.cores.len(),
                gpus: share.gpus.len(),
            })
            .collect()
    });
    n.pick(&shares)
        .map(|share| {
            let cores = 1 + n.below(share.cores);
            Share {
                cores,
                gpus: share.gpus.min(cores),
                ..*share
            }
        })
        .into_iter()
        .collect()
}

/// A start that fits, for a job that could start now: nodes in order, as much of each as is free.
pub(crate) fn start(state: &State, id: JobId) -> Option<Decision> {
    let job = state
        .job(id)
        .filter(|job| job.state() == JobState::Queued && job.may_start())?;
    let set = state.sets().find(|(id, _)| *id == job.candidates);
    let groups = set.and_then(|(_, set)| set.selector.uniform_groups());
    match groups {
        None => start_on(state, job, &|_| true, true),
        Some(groups) => groups
            .iter()
            .find_map(|group| start_on(state, job, &|node| node.spec.groups.contains(group), true)),
    }
}

/// `heeds`: what its tasks need of certain nodes comes first.
fn start_on(
    state: &State,
    job: &Job,
    allowed: &dyn Fn(&Node) -> bool,
    heeds: bool,
) -> Option<Decision> {
    let needs = if heeds { state.needs(job) } else { Vec::new() };
    let room = |node: &Node| {
        let usable = node.takes_jobs() && allowed(node) && state.is_candidate(job, node.id);
        if usable {
            state.free_units(job, node)
        } else {
            0
        }
    };
    let mut given: BTreeMap<NodeId, u32> = BTreeMap::new();
    if job.spec.single_node {
        let alone = |node: &&Node| {
            let units = room(node);
            let has = |need: &Need<'_>| need.nodes.contains(&node.id) && units >= need.least;
            units >= job.min && needs.iter().all(has)
        };
        let node = state.nodes().find(alone)?;
        given.insert(node.id, room(node).min(job.max));
    } else {
        for need in needs {
            let had: u32 = need.nodes.iter().filter_map(|node| given.get(node)).sum();
            let mut missing = need.least.saturating_sub(had);
            for node in need.nodes.iter().filter_map(|&node| state.node(node)) {
                let units = given.entry(node.id).or_default();
                let more = (room(node) - *units).min(missing);
                *units += more;
                missing -= more;
            }
            if missing > 0 {
                return None;
            }
        }
        let mut left = job.max.checked_sub(given.values().sum())?;
        for node in state.nodes() {
            let units = given.entry(node.id).or_default();
            let more = (room(node) - *units).min(left);
            *units += more;
            left -= more;
        }
    }
    let got: u32 = given.values().sum();
    let some = given.into_iter().filter(|&(_, units)| units > 0);
    let share = |(node, many)| Some(units(job, state.node(node)?, many));
    (got >= job.min).then(|| Decision::Start {
        job: job.id,
        shares: some.filter_map(share).collect(),
    })
}
