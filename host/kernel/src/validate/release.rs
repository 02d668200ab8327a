//! Checks of node release tasks against the cluster's parameters.

use super::Invalid;
use crate::{Span, State, TaskKind, TaskSpec};

/// A node release task must be able to run: releases are not turned off, and its own limit is within the cluster's.
/// Done when a job is submitted.
pub(crate) fn check_release(state: &State, tasks: &[impl AsRef<TaskSpec>]) -> Result<(), Invalid> {
    let timeout = state.parameters().node_release_timeout;
    let mut tasks = (1..).zip(tasks.iter().map(AsRef::as_ref));
    let Some((task, release)) = tasks.find(|(_, task)| task.kind == TaskKind::NodeRelease) else {
        return Ok(());
    };
    match release.runtime {
        _ if timeout == Span::ZERO => Err(Invalid::ReleaseDisabled { task }),
        Some(limit) if limit > timeout => Err(Invalid::ReleaseTooLong {
            task,
            limit,
            timeout,
        }),
        _ => Ok(()),
    }
}
