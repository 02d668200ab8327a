//! Who is asking, as the socket says it, and what they may see. Who asks over the network is the matter of `auth`.

use std::ffi::CString;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jobyard::kernel::{Job, Rejection};
use jobyard::{Actor, JobView, Role, Roles};
use nix::unistd::{Gid, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

use crate::Problem;
use crate::auth::not_authenticated;

/// Who is asking; stands in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Actor);

impl Caller {
    /// Root and the user of this process are administrators, everybody else is a user, members of the operators' group operators too.
    pub(crate) fn of(peer: UCred, operators: Option<u32>) -> Caller {
        let uid = Uid::from_raw(peer.uid());
        let user = User::from_uid(uid).ok().flatten();
        let operates = operators.is_some_and(|group| {
            let known = user.as_ref().is_some_and(|user| is_member(user, group));
            peer.gid() == group || known
        });
        let name = user.map_or_else(|| format!("uid-{uid}"), |user| user.name);
        let roles = match uid.is_root() || uid == Uid::effective() {
            true => Role::Administrator.into(),
            false if operates => Roles::from(Role::User).with(Role::JobOperator),
            false => Role::User.into(),
        };
        Caller(Actor::new(name, roles))
    }

    /// Whether they see all of a job: its owner, and those who operate, administer or own everything.
    pub(crate) fn sees(&self, job: &Job) -> bool {
        self.sees_jobs_of(&job.spec.owner)
    }

    fn sees_jobs_of(&self, owner: &str) -> bool {
        self.sees_all() || (self.0.is(Role::User) && owner == self.0.name)
    }

    fn sees_all(&self) -> bool {
        let all = [
            Role::JobOperator,
            Role::JobAdministrator,
            Role::Administrator,
        ];
        all.into_iter().any(|role| self.0.is(role))
    }

    /// That they are an administrator, for what no command of the kernel is about.
    pub(crate) fn administers(&self, what: &'static str) -> Result<(), Problem> {
        must_administer(&self.0, what)
    }

    /// That they may look at what is of all jobs.
    pub(crate) fn may_look_at_all(&self, what: &str) -> Result<(), Problem> {
        if self.sees_all() {
            return Ok(());
        }
        let by = &self.0.name;
        let detail = format!(
            "{by} may not look at the {what} of all jobs: name one of their own with job=ID"
        );
        Err(denied(detail))
    }

    /// What they see of a job that others may own: of those not where it runs, why it waits and what it says.
    pub(crate) fn limited(&self, mut view: JobView) -> JobView {
        if !self.sees_jobs_of(&view.owner) {
            view.allocation.clear();
            view.error_message.clear();
            view.progress_message.clear();
            view.email.clear();
            view.waiting = None;
            view.tasks.clear();
        }
        view
    }

    /// That they may look at a job's tasks and output.
    pub(crate) fn may_look_at(&self, job: &Job, what: &str) -> Result<(), Problem> {
        if self.sees(job) {
            return Ok(());
        }
        let (by, id, owner) = (&self.0.name, job.id, &job.spec.owner);
        let detail = format!("{by} may not look at {what} of job {id} of {owner}");
        Err(denied(detail))
    }
}

/// That somebody is an administrator; `what` is what they want to do.
pub(crate) fn must_administer(by: &Actor, what: &'static str) -> Result<(), Problem> {
    match by.is(Role::Administrator) {
        true => Ok(()),
        false => {
            let by = by.name.clone();
            Err(Rejection::ForAdministrators { by, what }.into())
        }
    }
}

/// What the list of groups says.
fn is_member(user: &User, group: u32) -> bool {
    let Ok(name) = CString::new(user.name.as_bytes()) else {
        return false;
    };
    let groups = getgrouplist(&name, user.gid).unwrap_or_default();
    groups.contains(&Gid::from_raw(group))
}

fn denied(detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "PermissionDenied", detail)
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| {
            not_authenticated("it is not known who is asking: show a token or a password")
        })
    }
}
