//! Messages may come twice, late or never.

use std::time::Duration;

use jobyard_kernel::{Ending, FromNode, ToNode};

use crate::support::{PATIENCE, Yard, exited, is_alive, line};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_is_answered_and_not_done() {
    let mut yard = Yard::new();
    let task = yard.task("echo once >> count; while [ ! -e go ]; do sleep 0.01; done");
    yard.start(&task).await;
    assert_eq!(yard.started().await, task.execution);
    line(&yard.path("count")).await;
    yard.start(&task).await;
    assert_eq!(yard.started().await, task.execution);
    std::fs::write(yard.path("go"), "").unwrap();
    let first = yard.ended().await;
    assert_eq!(first.1, exited(0));
    yard.start(&task).await;
    assert_eq!(yard.ended().await, first);
    yard.stop(task.execution, Duration::ZERO).await;
    assert_eq!(yard.ended().await, first);
    assert_eq!(yard.read("count"), "once\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_lost() {
    let mut yard = Yard::new();
    let task = yard.task("echo ran > ran");
    yard.stop(task.execution, Duration::from_secs(10)).await;
    assert_eq!(
        yard.ended().await,
        (task.execution, Ending::Lost, String::new())
    );
    // Its start was only late.
    yard.start(&task).await;
    assert_eq!(
        yard.ended().await,
        (task.execution, Ending::Lost, String::new())
    );

    let task = yard.task("exit 0");
    assert_eq!(yard.run(&task).await.0, exited(0));
    yard.start(&task).await;
    assert_eq!(
        yard.ended().await.1,
        Ending::Lost,
        "forgotten work is not done again"
    );
    assert!(!yard.path("ran").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_attempt_begins_when_the_older_is_gone() {
    let mut yard = Yard::new();
    let first = yard.task("trap '' INT; echo $$ > first; while :; do sleep 0.01; done");
    yard.start(&first).await;
    let pid = line(&yard.path("first")).await;
    let mut second = first.clone();
    second.execution.attempt = 2;
    second.command_line = format!("test ! -e /proc/{pid}");
    yard.start(&second).await;
    assert_eq!(yard.ended().await.1, Ending::Stopped { code: None });
    let (execution, ending, _) = yard.ended().await;
    assert_eq!((execution, ending), (second.execution, exited(0)));
    yard.send(ToNode::Forget(first.execution)).await;
    yard.start(&first).await;
    assert_eq!(
        yard.ended().await,
        (first.execution, Ending::Lost, String::new())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_wait_for_a_host_that_does_not_listen() {
    let mut yard = Yard::new();
    let count = 2 * jobyard_node::MESSAGES_WAITING_MAX;
    let node = yard.node.clone();
    let task = yard.task("exit 0");
    let stops = tokio::spawn(async move {
        for n in 1..=count {
            let mut execution = task.execution;
            execution.instance = u32::try_from(n).unwrap();
            node.send(ToNode::Stop {
                execution,
                grace_ms: 0,
            })
            .await
            .unwrap();
        }
    });
    for n in 1..=count {
        let (execution, ending, _) = yard.ended().await;
        assert_eq!((execution.instance as usize, ending), (n, Ending::Lost));
    }
    stops.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_the_work_and_reports_it() {
    let mut yard = Yard::new();
    let task = yard.task("trap 'exit 4' INT; echo $$ > ready; while :; do sleep 0.01; done");
    yard.start(&task).await;
    let pid = line(&yard.path("ready")).await;
    let late = yard.node.clone();
    let shutdown = yard.node.shutdown(Duration::from_secs(3600));
    tokio::time::timeout(PATIENCE, shutdown).await.unwrap();
    assert!(!is_alive(&pid));
    let mut all = Vec::new();
    while let Some(report) = yard.reports.recv().await {
        all.push(report);
    }
    let execution = task.execution;
    let ending = Ending::Stopped { code: Some(4) };
    let ended = FromNode::Ended {
        execution,
        ending,
        output_tail: String::new(),
    };
    assert_eq!(all, [FromNode::Started { execution }, ended]);
    let refused = late.send(ToNode::Start(Box::new(task))).await.unwrap_err();
    assert_eq!(refused.to_string(), "node `node1` was shut down");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_kills_everything() {
    let mut yard = Yard::new();
    let task = yard.task("trap '' INT TERM; setsid sleep 3601 & echo $! $$ > ready; sleep 3602");
    yard.start(&task).await;
    let pids = line(&yard.path("ready")).await;
    drop(yard.node);
    for pid in pids.split(' ') {
        assert!(!is_alive(pid), "{pid} of {pids}");
    }
}
