//! An instance that was just given everything decides as one that was told the changes one by one.

use jobyard_plugin_sdk::{
    cluster::Cluster,
    policy::{Decision, JOB_QUEUED, JOB_RUNNING, NODE_CLOSED, NODE_USABLE, Plan, Policy},
    rows::{JobRow, NodeRow},
};

use crate::{Random, backfill};

/// The decisions that do something.
fn effects(plan: &Plan) -> Vec<Decision> {
    let does = |decision: &&Decision| match decision {
        Decision::Start(_) | Decision::Grow(_) | Decision::Shrink(_) | Decision::Preempt(_) => true,
        Decision::Reserve(_) | Decision::Wait(_) => false,
    };
    plan.decisions.iter().filter(does).cloned().collect()
}

fn random_job(random: &mut Random, id: u32) -> JobRow {
    let unit = if random.one_in(4) {
        1 + random.below(3)
    } else {
        0
    };
    let min = 1 + if unit == 0 {
        random.below(12)
    } else {
        random.below(2)
    };
    let max = if random.one_in(2) {
        min
    } else {
        min + random.below(6)
    };
    let walltime = if random.one_in(6) {
        f64::INFINITY
    } else {
        f64::from(1 + random.below(50)) * 10.0
    };
    let mut flags = random.below(2) * 2; // may grow
    if random.one_in(5) {
        flags |= 1; // exclusive
    }
    if random.one_in(5) {
        flags |= 16; // single node
    }
    JobRow {
        flags,
        unit,
        max,
        demand: min + random.below(max - min + 1),
        priority: [1000, 2000, 2000, 3000][random.below(4) as usize],
        // Some were queued again and stand before others.
        position: if random.one_in(5) {
            -f64::from(id)
        } else {
            f64::from(id)
        },
        candidates: if random.one_in(3) {
            1 + random.below(3)
        } else {
            0
        },
        ..JobRow::queued(id, min, walltime)
    }
}

fn random_node(random: &mut Random, id: u32) -> NodeRow {
    NodeRow {
        state: if random.one_in(5) {
            NODE_CLOSED
        } else {
            NODE_USABLE
        },
        sockets: 1 + id % 2,
        gpus: id % 3,
        ..NodeRow::idle(id, [4, 8, 8, 16][id as usize % 4])
    }
}

/// Many short histories on six nodes: jobs come, end, change, nodes close and open; in both orders.
#[test]
fn decides_as_a_long_lived_one() {
    let (mut starts, mut grows) = (0, 0);
    for seed in 0..120 {
        let mut random = Random(seed);
        let settings: &[(&str, &str)] = match seed % 3 {
            0 => &[],
            1 => &[("order", "sjbf")],
            _ => &[("lookahead", "3")],
        };
        let mut cluster = Cluster::new(&[]);
        for id in 0..6 {
            cluster.set_node(random_node(&mut random, id));
        }
        for set in 1..=3 {
            let nodes: Vec<u32> = (0..6).filter(|_| random.one_in(2)).rev().collect();
            cluster.set_candidates(set, &nodes);
        }
        let mut long_lived = backfill(settings);
        let mut next_job = 1;
        let mut now = 1_000.0;
        for step in 0..150 {
            match random.below(10) {
                0..=3 => {
                    for _ in 0..=random.below(3) {
                        cluster.set_job(random_job(&mut random, next_job));
                        next_job += 1;
                    }
                }
                4..=6 => {
                    let ids: Vec<u32> = cluster.jobs().keys().copied().collect();
                    if !ids.is_empty() {
                        cluster.end(ids[random.below(ids.len() as u32) as usize]);
                    }
                }
                7 => {
                    let node = random.below(8);
                    let busy = |job: &JobRow| job.shares.iter().any(|share| share.node == node);
                    let idle = !cluster.jobs().values().any(busy);
                    if idle && random.one_in(3) && cluster.nodes().contains_key(&node) {
                        cluster.remove_node(node);
                    } else {
                        cluster.set_node(random_node(&mut random, node));
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
                        cluster.set_job(JobRow {
                            demand: job.max,
                            ..job
                        });
                    }
                }
            }
            now += f64::from(random.below(30));
            let mut fresh = backfill(settings);
            let expected = fresh.schedule(now, &cluster.snapshot());
            let plan = long_lived.schedule(now, &cluster.changes());
            assert_eq!(
                effects(&plan),
                effects(&expected),
                "seed {seed}, step {step}"
            );
            starts += cluster.carry_out(now, &plan).len();
            grows += plan
                .decisions
                .iter()
                .filter(|d| matches!(d, Decision::Grow(_)))
                .count();
        }
    }
    assert!(
        starts > 2_000 && grows > 100,
        "too little happened: {starts} starts, {grows} grows"
    );
}
