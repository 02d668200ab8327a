//! Random histories of small clusters, for the tests of policies: jobs of all kinds come, end and change, nodes close, open, come and go.
//!
//! What every policy must do in them is checked here: a fresh instance that was told everything decides as one that was told the changes
//! one by one, and the plan is one that the kernel would carry out as a whole.

use crate::{
    cluster::Cluster,
    policy::{
        Decision, JOB_CAN_PREEMPT, JOB_CAN_SHRINK, JOB_QUEUED, JOB_RUNNING, NODE_CLOSED,
        NODE_USABLE, Plan, Policy,
    },
    rows::{JobRow, NodeRow},
};

/// Numbers that look random and are the same in every run.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// From 0 up to the end, which is not among them.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }

    /// Whether that one time in so many is now.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

/// A policy with settings.
///
/// # Panics
/// When it refuses them.
pub fn configured<P: Policy>(settings: &[(&str, &str)]) -> P {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings: Vec<_> = settings.iter().map(owned).collect();
    let mut policy = P::default();
    if let Err(error) = policy.configure(&settings) {
        panic!("{error}");
    }
    policy
}

/// How often what happened: a test that nothing happened in shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Jobs started.
    pub starts: usize,
    /// Jobs that were given more.
    pub grows: usize,
    /// Jobs that gave something back.
    pub shrinks: usize,
    /// Jobs of which something was taken.
    pub preemptions: usize,
}

/// Runs so many histories, the settings in turn, and answers what was seen in them.
///
/// # Panics
/// When a fresh instance decides otherwise than the long-lived one, or the kernel would refuse a decision.
pub fn fresh_instances_decide_alike<P: Policy>(
    histories: u64,
    settings: &[&[(&str, &str)]],
) -> Seen {
    let mut seen = Seen::default();
    for seed in 0..histories {
        let settings = settings[seed as usize % settings.len()];
        let mut history = History::new(seed);
        let mut long_lived: P = configured(settings);
        for step in 0..150 {
            history.step();
            let mut fresh: P = configured(settings);
            let expected = fresh.schedule(history.now, &history.cluster.snapshot());
            let plan = long_lived.schedule(history.now, &history.cluster.changes());
            let (decided, expected) = (effects(&plan), effects(&expected));
            assert_eq!(decided, expected, "seed {seed}, step {step}, {settings:?}");
            for decision in decided {
                match decision {
                    Decision::Start(_) => seen.starts += 1,
                    Decision::Grow(_) => seen.grows += 1,
                    Decision::Shrink(_) => seen.shrinks += 1,
                    Decision::Preempt(_) => seen.preemptions += 1,
                    Decision::Reserve(_) | Decision::Wait(_) => {}
                }
            }
            history.cluster.carry_out(history.now, &plan);
        }
    }
    seen
}

/// The decisions that do something.
fn effects(plan: &Plan) -> Vec<Decision> {
    let does = |decision: &&Decision| match decision {
        Decision::Start(_) | Decision::Grow(_) | Decision::Shrink(_) | Decision::Preempt(_) => true,
        Decision::Reserve(_) | Decision::Wait(_) => false,
    };
    plan.decisions.iter().filter(does).cloned().collect()
}

/// A cluster that changes step by step.
#[derive(Debug)]
pub struct History {
    random: Random,
    next_job: u32,
    /// As it is.
    pub cluster: Cluster,
    /// The time.
    pub now: f64,
}

impl History {
    /// Six nodes, three sets of them, no jobs.
    pub fn new(seed: u64) -> History {
        let mut random = Random(seed);
        let mut cluster = Cluster::new(&[]);
        for id in 0..6 {
            cluster.set_node(node(&mut random, id));
        }
        for set in 1..=3 {
            let nodes: Vec<u32> = (0..6).filter(|_| random.one_in(2)).rev().collect();
            cluster.set_candidates(set, &nodes);
        }
        History {
            random,
            next_job: 1,
            cluster,
            now: 1_000.0,
        }
    }

    /// Something happens, and some time goes by.
    pub fn step(&mut self) {
        let (random, cluster) = (&mut self.random, &mut self.cluster);
        match random.below(10) {
            0..=3 => {
                for _ in 0..=random.below(3) {
                    cluster.set_job(job(random, self.next_job));
                    self.next_job += 1;
                }
            }
            4..=6 => {
                let ids: Vec<u32> = cluster.jobs().keys().copied().collect();
                if !ids.is_empty() {
                    cluster.end(ids[random.below(ids.len() as u32) as usize]);
                }
            }
            7 => {
                let id = random.below(8);
                let busy = |job: &JobRow| job.shares.iter().any(|share| share.node == id);
                let idle = !cluster.jobs().values().any(busy);
                if idle && random.one_in(3) && cluster.nodes().contains_key(&id) {
                    cluster.remove_node(id);
                } else {
                    cluster.set_node(node(random, id));
                }
                if random.one_in(3) {
                    let nodes: Vec<u32> = (0..8).filter(|_| random.one_in(2)).collect();
                    cluster.set_candidates(1 + random.below(3), &nodes);
                }
            }
            8 => {
                let queued = cluster.jobs().values().find(|job| job.state == JOB_QUEUED);
                if let Some(job) = queued.cloned() {
                    cluster.set_job(JobRow {
                        priority: 4000,
                        ..job
                    });
                }
            }
            _ => {
                let running = cluster.jobs().values().find(|job| job.state == JOB_RUNNING);
                if let Some(job) = running.cloned() {
                    let demand = match random.one_in(2) {
                        true => job.max,
                        false => job.min,
                    };
                    cluster.set_job(JobRow { demand, ..job });
                }
            }
        }
        self.now += f64::from(random.below(30));
    }
}

fn job(random: &mut Random, id: u32) -> JobRow {
    let unit = match random.one_in(4) {
        true => 1 + random.below(3),
        false => 0,
    };
    let min = 1 + random.below(if unit == 0 { 12 } else { 2 });
    let max = match random.one_in(2) {
        true => min,
        false => min + random.below(6),
    };
    let walltime = match random.one_in(6) {
        true => f64::INFINITY,
        false => f64::from(1 + random.below(50)) * 10.0,
    };
    let mut flags = random.below(2) * 2; // may grow
    if random.one_in(5) {
        flags |= 1; // exclusive
    }
    if random.one_in(5) {
        flags |= 16; // single node
    }
    if random.one_in(2) {
        flags |= JOB_CAN_PREEMPT | JOB_CAN_SHRINK;
    }
    JobRow {
        flags,
        unit,
        max,
        demand: min + random.below(max - min + 1),
        priority: [1000, 2000, 2000, 3000][random.below(4) as usize],
        // Some were queued again and stand before others.
        position: match random.one_in(5) {
            true => -f64::from(id),
            false => f64::from(id),
        },
        candidates: match random.one_in(3) {
            true => 1 + random.below(3),
            false => 0,
        },
        ..JobRow::queued(id, min, walltime)
    }
}

fn node(random: &mut Random, id: u32) -> NodeRow {
    NodeRow {
        state: match random.one_in(5) {
            true => NODE_CLOSED,
            false => NODE_USABLE,
        },
        sockets: 1 + id % 2,
        gpus: id % 3,
        ..NodeRow::idle(id, [4, 8, 8, 16][id as usize % 4])
    }
}
