//! A policy that starts whatever fits, oldest first, and keeps nothing free for anybody. Native, and knows plain jobs only: of others it
//! keeps off. It is bad on purpose: large jobs starve.

use std::collections::BTreeMap;

use jobyard_conform::{Instance, NotTaken, Subject};
use jobyard_kernel::{
    Changes, Decision, Instant, JOB_EXCLUSIVE, JOB_SINGLE_NODE, JobId, JobRow, NODE_USABLE, NodeId,
    Plan, SetId, Share,
};

pub(crate) struct Greedy;

#[derive(Default)]
struct GreedyInstance {
    queue: BTreeMap<JobId, JobRow>,
    free: BTreeMap<NodeId, u32>,
}

impl Subject for Greedy {
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken> {
        let mut instance = GreedyInstance::default();
        instance.configure(settings)?;
        Ok(Box::new(instance))
    }
}

impl Instance for GreedyInstance {
    fn traits(&self) -> &[(String, String)] {
        &[]
    }

    fn configure(&mut self, settings: &[(String, String)]) -> Result<(), NotTaken> {
        match settings {
            [] => Ok(()),
            [(name, _), ..] => Err(NotTaken::Refused(format!("{name}: it has no settings"))),
        }
    }

    fn schedule(&mut self, _: Instant, changes: Changes) -> Result<Plan, String> {
        for job in &changes.removed_jobs {
            self.queue.remove(job);
        }
        for node in &changes.nodes {
            let free = if node.state == NODE_USABLE {
                node.free_cores
            } else {
                0
            };
            self.free.insert(node.id, free);
        }
        self.queue
            .extend(changes.jobs.iter().map(|job| (job.id, *job)));
        for given in &changes.allocations {
            self.queue.remove(&given.job);
        }
        let mut free = self.free.clone();
        let mut decisions = Vec::new();
        for job in self.queue.values() {
            let special = job.flags & (JOB_EXCLUSIVE | JOB_SINGLE_NODE) != 0;
            if special
                || job.unit != 0
                || job.candidates != SetId(0)
                || free.values().sum::<u32>() < job.min
            {
                continue;
            }
            let mut left = job.min;
            let mut shares = Vec::new();
            for (&node, free) in free.iter_mut().filter(|(_, free)| **free > 0) {
                let cores = left.min(*free);
                if cores > 0 {
                    shares.push(Share {
                        node,
                        cores,
                        gpus: 0,
                    });
                }
                (*free, left) = (*free - cores, left - cores);
            }
            decisions.push(Decision::Start {
                job: job.id,
                shares,
            });
        }
        Ok(Plan {
            decisions,
            wake_at: None,
        })
    }
}
