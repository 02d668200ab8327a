//! What events do to accounts: cores of a job are taken, given back, or count for another owner or project.
//!
//! A job finds its account by name when it is given its first cores and keeps the place until it has given back the last. One that
//! held cores before there were accounts, in an old snapshot, counts from the next cores on that it is given.

use crate::accounts::Accounts;
use crate::{Grant, Job, JobId, Span, State, Timestamp};

/// After a job was given these.
pub(super) fn cores_taken(
    accounts: &mut Accounts,
    job: &mut Job,
    grants: &[Grant],
    at: Timestamp,
    half_life: Span,
) {
    if let Some(account) = job.account {
        let cores = grants.iter().map(|grant| grant.cores.len()).sum();
        return accounts.take(account, cores, at, half_life);
    }
    let cores = job.cores();
    if cores > 0 {
        let name = (&*job.spec.project, &*job.spec.owner);
        job.account = Some(accounts.open(name, cores, at, half_life));
    }
}

/// After a job gave so many back.
pub(super) fn cores_given_back(
    accounts: &mut Accounts,
    job: &mut Job,
    cores: u32,
    at: Timestamp,
    half_life: Span,
) {
    let Some(account) = job.account else { return };
    accounts.give_back(account, cores, at, half_life);
    if job.shares.is_empty() {
        job.account = None;
    }
}

impl State {
    /// After the description of a job changed: what it holds counts for the owner and the project that it has now.
    pub(super) fn change_account(&mut self, at: Timestamp, id: JobId) {
        let half_life = self.parameters.fair_share_half_life;
        let job = self.jobs.get_mut(&id).expect("the event's job is there");
        let name = (&*job.spec.project, &*job.spec.owner);
        let Some(account) = job.account else { return };
        if self.accounts.find(name.0, name.1) == Some(account) {
            return;
        }
        let cores = job.cores();
        self.accounts.give_back(account, cores, at, half_life);
        job.account = Some(self.accounts.open(name, cores, at, half_life));
    }
}
