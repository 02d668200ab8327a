//! What is of the whole cluster: version, head node, format of times, the caller's roles, names of job templates.

use axum::extract::State;
use jobyard::Role;
use jobyard::kernel::{self, DEFAULT_TEMPLATE};

use super::answer::Answer;
use super::value::TIME_FORMAT;
use crate::Problem;
use crate::app::App;
use crate::caller::Caller;

/// Jobyard's own version with four parts, since clients take HPC Pack's apart so.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), ".0");

pub(super) async fn version(_: Caller) -> Answer {
    Answer::new("string", VERSION)
}

/// The name of this machine: there is one head node, and no other that takes over.
pub(super) async fn head_node(_: Caller) -> Result<Answer, Problem> {
    let name = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    let name =
        name.map_err(|error| Problem::failed(format!("the name of this machine: {error}")))?;
    Ok(Answer::new("string", name.trim()))
}

pub(super) async fn time_format(_: Caller) -> Answer {
    Answer::new("string", TIME_FORMAT)
}

pub(super) async fn roles(caller: Caller) -> Answer {
    let roles = [
        (Role::User, "User"),
        (Role::Administrator, "Administrator"),
        (Role::JobAdministrator, "JobAdministrator"),
        (Role::JobOperator, "JobOperator"),
    ];
    let has = roles.into_iter().filter(|(role, _)| caller.0.is(*role));
    Answer::new("string", has.map(|(_, name)| name).collect::<Vec<_>>())
}

pub(super) async fn templates(State(app): State<App>, _: Caller) -> Result<Answer, Problem> {
    let look = |state: &kernel::State, _: &_| {
        let named = state.templates().map(|template| template.name.clone());
        // The default one is always there.
        let others =
            named.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(DEFAULT_TEMPLATE));
        let mut names: Vec<String> = others.collect();
        names.sort_by_key(|name| name.to_lowercase());
        names.insert(0, DEFAULT_TEMPLATE.into());
        names
    };
    Ok(Answer::new("string", app.engine.look(look).await?))
}
