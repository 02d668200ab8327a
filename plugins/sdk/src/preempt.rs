//! What is to be taken from running jobs of lower priority so that the first job that waits can start.
//!
//! HPC Pack's preemption (queued mode): only for a job of higher priority, only up to its minimum, and never in vain: where all
//! that may be taken would not be enough, nothing is. Victims: the lowest priority first, among equals the one that started
//! last. Decides from the mirror alone, so it says the same again until it has happened; the kernel takes no notice of that.

use crate::{
    mirror::{Job, Mirror},
    pass::Pass,
    policy::{Decision, JOB_CAN_PREEMPT, JOB_ENDING, JOB_RUNNING, Preemption as Proposal, Share},
    settings::refusal,
    shadow::Room,
};

/// What may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Preemption {
    /// Nothing.
    #[default]
    None,
    /// What is left when tasks end, down to the minimum of their job.
    Graceful,
    /// Whole jobs, at once.
    WholeJobs,
    /// What is needed, at once: tasks of a job, or all of it.
    Immediate,
}

impl Preemption {
    /// Reads the setting `preemption` = `none` | `graceful` | `whole-jobs` | `immediate`.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(name: &str, value: &str) -> Result<Preemption, String> {
        match value {
            "none" => Ok(Preemption::None),
            "graceful" => Ok(Preemption::Graceful),
            "whole-jobs" => Ok(Preemption::WholeJobs),
            "immediate" => Ok(Preemption::Immediate),
            _ => Err(refusal(
                name,
                value,
                "`none`, `graceful`, `whole-jobs` or `immediate`",
            )),
        }
    }
}

/// `preemption.how`.
const GRACEFUL: u32 = 0;
const WHOLE_JOB: u32 = 1;
const BY_TASK: u32 = 2;

/// Adds to the plan what is to be taken for a job that does not fit now, and answers whether anything is: what becomes free
/// then is for that job and not to be filled with others.
pub fn preempt(pass: &mut Pass<'_>, head: &Job, kind: Preemption) -> bool {
    if kind == Preemption::None || pass.mirror.none_ranks_below(head.priority) {
        return false;
    }
    // One thing at a time: a victim can be taken once.
    let is_taken = |decision: &Decision| matches!(decision, Decision::Preempt(_));
    if pass.decisions.iter().any(is_taken) {
        return true;
    }
    let mirror = pass.mirror;
    let mut rooms = Vec::new();
    for &set in mirror.choices(head.set) {
        let mut room = Room::now(pass, head, set);
        for job in mirror.running().filter(|job| job.state == JOB_ENDING) {
            room.give(job.shape, &job.shares);
        }
        if room.suffices() {
            return false;
        }
        rooms.push(room);
    }
    let victims = victims(mirror, head);
    let taken = rooms.into_iter().find_map(|mut room| match kind {
        Preemption::None => None,
        Preemption::Graceful => by_grace(mirror, &room, &victims),
        Preemption::WholeJobs => at_once(mirror, &mut room, &victims, false),
        Preemption::Immediate => at_once(mirror, &mut room, &victims, true),
    });
    let Some(taken) = taken else { return false };
    pass.decisions
        .extend(taken.into_iter().map(Decision::Preempt));
    true
}

/// Takes from running jobs of lower priority so that others can grow to what they have use for, the first in the queue first: HPC
/// Pack's GrowByPreemption. To be called when what is free has been given out; not for jobs of a lower priority than the
/// first that waits, nor for such as count anything else than cores.
///
/// What is above the minimum of a job is taken first as with [`preempt`]; a whole job only if the other has use for all of it.
pub fn grow_by_preemption(pass: &mut Pass<'_>, kind: Preemption) {
    let mirror = pass.mirror;
    let waits = pass.first_possible().map_or(0, |entry| entry.priority);
    let mut taken: Vec<Proposal> = Vec::new();
    for job in mirror.hungry().filter(|job| job.shape.is_plain()) {
        if job.priority < waits || mirror.none_ranks_below(job.priority) {
            break;
        }
        let own = mirror.candidates(job.set);
        let counts = |share: &&Share| {
            let at = mirror.position(share.node);
            at.is_some_and(|at| {
                mirror.nodes()[at].usable && (job.set == 0 || own.contains(&(at as u32)))
            })
        };
        let useful = |other: &Job| -> u32 {
            let shares = other.shares.iter().filter(counts);
            shares.map(|share| share.cores).sum()
        };
        let held = mirror.held(job) + pass.given_to(job.id);
        let coming = mirror.running().filter(|job| job.state == JOB_ENDING);
        let coming: u32 = coming.map(useful).sum();
        let mut missing = job.demand.saturating_sub(held).saturating_sub(coming);
        for victim in victims(mirror, job) {
            if taken.iter().any(|proposal| proposal.job == victim.id) {
                continue;
            }
            let all: u32 = victim.shares.iter().map(|share| share.cores).sum();
            let spare = match useful(victim) == all {
                true => mirror.held(victim).saturating_sub(victim.min).min(all),
                false => 0,
            };
            let proposed = match kind {
                Preemption::None => None,
                Preemption::Graceful => Some((GRACEFUL, spare.min(missing))),
                Preemption::WholeJobs | Preemption::Immediate
                    if useful(victim) == all && all <= missing =>
                {
                    Some((WHOLE_JOB, all))
                }
                Preemption::WholeJobs => None,
                Preemption::Immediate => Some((BY_TASK, spare.min(missing))),
            };
            let Some((how, cores)) = proposed.filter(|(_, cores)| *cores > 0) else {
                continue;
            };
            taken.push(proposal(
                victim,
                how,
                if how == WHOLE_JOB { 0 } else { cores },
            ));
            missing -= cores;
        }
    }
    pass.decisions
        .extend(taken.into_iter().map(Decision::Preempt));
}

fn victims<'a>(mirror: &'a Mirror, head: &Job) -> Vec<&'a Job> {
    let may = |job: &&Job| {
        job.state == JOB_RUNNING && job.flags & JOB_CAN_PREEMPT != 0 && job.priority < head.priority
    };
    let mut victims: Vec<&Job> = mirror.running().filter(may).collect();
    victims.sort_by(|a, b| {
        (a.priority.cmp(&b.priority))
            .then(b.started.total_cmp(&a.started))
            .then(b.id.cmp(&a.id))
    });
    victims
}

/// Where only the number of cores matters: which node they come from is the kernel's choice.
fn by_grace(mirror: &Mirror, room: &Room<'_>, victims: &[&Job]) -> Option<Vec<Proposal>> {
    let mut missing = room.missing_cores()?;
    let mut taken = Vec::new();
    for job in victims {
        let cores = spare_cores(mirror, room, job).min(missing);
        if cores > 0 {
            taken.push(proposal(job, GRACEFUL, cores));
            missing -= cores;
        }
        if missing == 0 {
            return Some(taken);
        }
    }
    None
}

/// Whole jobs, until one is enough in part where that may be.
fn at_once(
    mirror: &Mirror,
    room: &mut Room<'_>,
    victims: &[&Job],
    tasks: bool,
) -> Option<Vec<Proposal>> {
    let mut whole: Vec<&Job> = Vec::new();
    let mut part = None;
    for job in victims {
        let missing = room.missing_cores().filter(|_| tasks);
        if let Some(cores) = missing.filter(|&cores| spare_cores(mirror, room, job) >= cores) {
            part = Some(proposal(job, BY_TASK, cores));
            break;
        }
        whole.push(job);
        room.give(job.shape, &job.shares);
        if room.suffices() {
            break;
        }
    }
    if part.is_none() {
        if !room.suffices() {
            return None;
        }
        // The last may have made others unnecessary: spare those of the highest priority.
        for at in (0..whole.len()).rev() {
            let taken = room.take(whole[at].shape, &whole[at].shares);
            if room.suffices() {
                whole.remove(at);
            } else {
                room.put_back(taken);
            }
        }
    }
    let taken = whole.iter().map(|job| proposal(job, WHOLE_JOB, 0));
    Some(taken.chain(part).collect())
}

fn proposal(job: &Job, how: u32, cores: u32) -> Proposal {
    Proposal {
        job: job.id,
        how,
        cores,
    }
}

/// Cores that a job holds above its minimum, if all that it holds would be of use.
fn spare_cores(mirror: &Mirror, room: &Room<'_>, job: &Job) -> u32 {
    let useful = |share: &Share| room.counts(share);
    if !job.shares.iter().all(useful) {
        return 0;
    }
    let spare = mirror.held(job).saturating_sub(job.min);
    let cores: u32 = job.shares.iter().map(|share| share.cores).sum();
    // A unit is a core at least; what more it has comes by itself.
    spare.min(cores)
}
