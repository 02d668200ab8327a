//! Who may do what: HPC Pack's permission matrix (reference 3.7).

use crate::{Actor, Job, JobId, JobKind, Rejection, Role, State};

/// What somebody wants to do to a job, as the permission matrix groups it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Submit, edit, hold: the owner, job administrators, administrators.
    Modify,
    /// Cancel, finish, requeue: operators too.
    Operate,
}

pub(super) fn may<'a>(
    state: &'a State,
    by: &Actor,
    job: JobId,
    what: &'static str,
    right: Right,
) -> Result<&'a Job, Rejection> {
    let job = state.job(job).ok_or(Rejection::UnknownJob(job))?;
    let allowed = match by.role {
        Role::Administrator => true,
        _ if job.spec.kind == JobKind::Command => false,
        Role::JobAdministrator => true,
        Role::JobOperator => right == Right::Operate || job.spec.owner == by.name,
        Role::User => job.spec.owner == by.name,
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
