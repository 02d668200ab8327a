//! The engine with real components, real processes and a policy that misbehaves.

mod durable;
mod faults;
mod history;
mod life;
mod manifests;
mod many;
mod outlives;
mod parameters;
mod policies;
mod recovery;

#[path = "../../../plugin/tests/plugins/wat.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the plugin host, which use the rest"
)]
mod wat;

use std::time::Duration;

use jobyard::{Engine, JobId, JobSpec, LocalNode, TaskSpec};

/// A node of so many cores, whatever this machine has.
fn node(folder: &std::path::Path, cores: u32) -> LocalNode {
    let mut node = LocalNode::this_machine(folder);
    node.spec.name = "n1".into();
    node.config.name = "n1".into();
    node.spec.cores = cores;
    node.config.working_folder = folder.to_path_buf();
    node
}

fn task(command_line: &str) -> TaskSpec {
    TaskSpec {
        command_line: command_line.into(),
        ..TaskSpec::default()
    }
}

fn named(name: &str) -> JobSpec {
    JobSpec {
        name: name.into(),
        ..JobSpec::default()
    }
}

/// The job has ended as expected, within half a minute.
async fn ends(engine: &Engine, job: JobId, state: &str) -> jobyard::JobView {
    let view = tokio::time::timeout(Duration::from_secs(30), engine.wait(job)).await;
    let view = view
        .unwrap_or_else(|_| panic!("job {job} has not ended"))
        .unwrap();
    assert_eq!(view.state, state, "{view:?}");
    view
}
