//! A journal from an earlier life: the state comes back, and work that nobody holds any more is run again.

use jobyard::journal::{Journal, MemoryJournal};
use jobyard::kernel::{
    Actor, Command, Decision, JobId, NodeId, Plan, Share, State, Timestamp, carry_out, step,
};
use jobyard::{Engine, Parameters};

use crate::{ends, named, node, task};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ran_when_the_host_died_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let local = node(folder.path(), 2);
    let ann = Actor::user("ann");
    let mut state = State::new();
    let mut journal = MemoryJournal::new();
    let mut events = Vec::new();
    let add = |command: &str| Command::AddJob {
        by: ann.clone(),
        spec: named("old").into(),
        tasks: vec![task(command).into()],
    };
    let submit = |job| Command::SubmitJob {
        by: ann.clone(),
        job: JobId(job),
    };
    let earlier = [
        Command::SetParameters(Parameters::default()),
        Command::AddNode(local.spec.clone()),
        add("echo $CCP_TASK_PREV_EXITCODE ran >> ran"),
        submit(1),
        add("echo queued >> ran"),
        submit(2),
    ];
    for command in earlier {
        step(&mut state, &command, Timestamp(1_000_000), &mut events).unwrap();
    }
    let start = Decision::Start {
        job: JobId(1),
        shares: vec![Share {
            node: NodeId(1),
            cores: 1,
            gpus: 0,
        }],
    };
    let plan = Plan {
        decisions: vec![start],
        wake_at: None,
    };
    assert!(carry_out(&mut state, plan, Timestamp(2_000_000), &mut events).is_empty());
    journal.append(&events).unwrap();
    assert_eq!(
        state.owed().count(),
        1,
        "its start was owed to the node when the host died"
    );

    let engine = Engine::builder()
        .journal(journal)
        .node(local)
        .build()
        .await
        .unwrap();
    for job in [1, 2] {
        ends(&engine, JobId(job), "Finished").await;
    }
    let mut ran: Vec<_> = std::fs::read_to_string(folder.path().join("ran"))
        .unwrap()
        .lines()
        .map(str::to_string)
        .collect();
    ran.sort();
    assert_eq!(ran, ["queued", "ran"], "each ran once");
    let attempts = engine
        .look(|state, _| state.job(JobId(1)).map(|j| j.tasks[0].tries[&0]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((attempts.attempts, attempts.after_system_error), (2, 1));
}
