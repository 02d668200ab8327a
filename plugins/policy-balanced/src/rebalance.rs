//! Who is given more and who gives back: each running job's part of what is above the minima of all.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{
    mirror::{Job, Mirror},
    policy::{JOB_CAN_GROW, JOB_CAN_PREEMPT, JOB_RUNNING, JobId},
};

use crate::{
    divide::{Claim, divide},
    pools::Pools,
    settings::Settings,
};

/// A running job as a number of cores, whatever it counts in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) job: &'a Job,
    /// Cores of one of its units, as far as what it holds says.
    pub(crate) unit: u64,
    pub(crate) held: u64,
    /// It never has less.
    pub(crate) min: u64,
    /// It has use for no more.
    pub(crate) most: u64,
    /// What it is to have.
    pub(crate) target: u64,
}

impl<'a> Part<'a> {
    /// Of a job that holds something, of which it gives back so many cores in this pass.
    pub(crate) fn of(mirror: &Mirror, job: &'a Job, returned: u64) -> Part<'a> {
        let held: u64 = job.shares.iter().map(|share| u64::from(share.cores)).sum();
        let units = u64::from(mirror.held(job)).max(1);
        let unit = held.div_ceil(units).max(1);
        let held = held.saturating_sub(returned);
        Part {
            job,
            unit,
            held,
            min: (u64::from(job.min) * unit).min(held),
            most: u64::from(job.demand) * unit,
            target: held,
        }
    }

    /// Cores that may be taken from it.
    pub(crate) fn can_lose(&self) -> u64 {
        match self.job.flags & JOB_CAN_PREEMPT != 0 {
            true => self.held - self.min,
            false => 0,
        }
    }

    /// Cores that it holds above its part.
    pub(crate) fn over(&self) -> u64 {
        self.held.saturating_sub(self.target).min(self.can_lose())
    }
}

/// Running jobs in the order of the queue, and what each is to have of what they hold above their minima and of what is free, or about
/// to be given back. `kept` of that is for somebody else.
pub(crate) fn parts<'a>(
    (mirror, returned): (&'a Mirror, &BTreeMap<JobId, u64>),
    settings: &Settings,
    pools: &Pools<'_>,
    free: u64,
    kept: u64,
) -> Vec<Part<'a>> {
    let running = mirror.running().filter(|job| job.state == JOB_RUNNING);
    let mut parts: Vec<Part<'a>> = running
        .map(|job| Part::of(mirror, job, returned.get(&job.id).copied().unwrap_or(0)))
        .collect();
    parts.sort_by(|a, b| {
        let (a, b) = (a.job, b.job);
        (b.priority.cmp(&a.priority))
            .then(a.position.total_cmp(&b.position))
            .then(a.id.cmp(&b.id))
    });
    // What nobody may take from a job is no part of what is divided.
    let firm = |part: &Part<'_>| part.held - part.can_lose();
    let above: u64 = parts.iter().map(Part::can_lose).sum();
    let spare = (above + free).saturating_sub(kept);
    let claims: Vec<Claim> = parts
        .iter()
        .map(|part| {
            let most = match part.job.flags & JOB_CAN_GROW != 0 {
                true => part.most,
                false => part.most.min(part.held),
            };
            Claim {
                weight: settings.weight(part.job.priority),
                most: most.saturating_sub(firm(part)),
            }
        })
        .collect();
    let mut given = owed(&parts, &claims, pools, spare);
    let left = spare - given.iter().sum::<u64>();
    // The rest is lent to whoever has use for it.
    let rest: Vec<Claim> = claims
        .iter()
        .zip(&given)
        .map(|(claim, given)| Claim {
            most: claim.most - given,
            ..*claim
        })
        .collect();
    for (given, more) in given.iter_mut().zip(divide(left, &rest)) {
        *given += more;
    }
    for (part, given) in parts.iter_mut().zip(given) {
        part.target = firm(part) + given;
    }
    parts
}

/// What the jobs of each pool get of what their pool is guaranteed beside their minima.
fn owed(parts: &[Part<'_>], claims: &[Claim], pools: &Pools<'_>, spare: u64) -> Vec<u64> {
    let of: Vec<usize> = parts.iter().map(|part| pools.of(part.job.id)).collect();
    let members = |pool: usize| -> Vec<usize> {
        let all = 0..parts.len();
        all.filter(|&i| of[i] == pool).collect()
    };
    let pool_claims: Vec<Claim> = (0..pools.len())
        .map(|pool| {
            let due = pools.guaranteed[pool].saturating_sub(pools.minima[pool]);
            Claim {
                weight: due,
                most: due.min(members(pool).into_iter().map(|i| claims[i].most).sum()),
            }
        })
        .collect();
    let mut given = vec![0; parts.len()];
    for (pool, share) in divide(spare, &pool_claims).into_iter().enumerate() {
        let indexes = members(pool);
        let own: Vec<Claim> = indexes.iter().map(|&i| claims[i]).collect();
        for (i, part) in indexes.into_iter().zip(divide(share, &own)) {
            given[i] = part;
        }
    }
    given
}
