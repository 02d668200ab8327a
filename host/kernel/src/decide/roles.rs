//! Who may do what: HPC Pack's permission matrix (reference 3.7).

use crate::{Actor, Job, JobId, JobKind, JobSpec, Rejection, Role, State};

/// What somebody wants to do to a job, as the permission matrix groups it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Submit, edit, hold, clone, delete: the owner, job administrators, administrators.
    Modify,
    /// Cancel, finish, requeue: operators too.
    Operate,
}

/// The job, if it is there and they may.
pub(super) fn may<'a>(
    state: &'a State,
    by: &Actor,
    job: JobId,
    what: &'static str,
    right: Right,
) -> Result<&'a Job, Rejection> {
    let job = state.job(job).ok_or(Rejection::UnknownJob(job))?;
    let administers = by.is(Role::Administrator);
    let allowed = match job.spec.kind {
        JobKind::Command => administers,
        JobKind::Batch => {
            administers
                || by.is(Role::JobAdministrator)
                || (by.is(Role::JobOperator) && right == Right::Operate)
                || (by.is(Role::User) && job.spec.owner == by.name)
        }
    };
    match allowed {
        true => Ok(job),
        false => Err(Rejection::PermissionDenied {
            by: by.name.clone(),
            what,
            job: job.id,
            owner: job.spec.owner.clone(),
        }),
    }
}

/// Whether they may add such a job: users their own, job administrators anybody's, administrators also command jobs.
pub(super) fn may_add(by: &Actor, spec: &JobSpec) -> Result<(), Rejection> {
    let deny = |what| {
        Err(Rejection::MayNotAdd {
            by: by.name.clone(),
            what,
        })
    };
    let others = !spec.owner.is_empty() && spec.owner != by.name;
    match by.roles {
        roles if roles.has(Role::Administrator) => Ok(()),
        roles if !roles.has(Role::User) && !roles.has(Role::JobAdministrator) => deny("jobs"),
        _ if spec.kind == JobKind::Command => deny("command jobs"),
        roles if others && !roles.has(Role::JobAdministrator) => deny("jobs of others"),
        _ => Ok(()),
    }
}

/// Nodes, cluster parameters, templates: for administrators alone.
pub(super) fn may_administer(by: &Actor, what: &'static str) -> Result<(), Rejection> {
    match by.is(Role::Administrator) {
        true => Ok(()),
        false => Err(Rejection::ForAdministrators {
            by: by.name.clone(),
            what,
        }),
    }
}

impl Job {
    /// Whether somebody sees all of the job (its tasks, command lines, output), or only that it is there. The limited view
    /// is for users that do not own it.
    pub fn is_open_to(&self, by: &Actor) -> bool {
        let all = [
            Role::JobOperator,
            Role::JobAdministrator,
            Role::Administrator,
        ];
        all.into_iter().any(|role| by.is(role)) || (by.is(Role::User) && self.spec.owner == by.name)
    }
}
