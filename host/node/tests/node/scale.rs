//! Much work at once.

use jobyard_kernel::{FromNode, ToNode};

use crate::support::{Yard, alone, exited};

/// Alone, because the other tests of this binary have threads too.
#[test]
fn a_thousand_waiting_tasks_need_few_threads() {
    alone(
        "scale::a_thousand_waiting_tasks_need_few_threads",
        a_thousand_waiting_tasks(),
    );
}

async fn a_thousand_waiting_tasks() {
    let mut yard = Yard::new();
    std::fs::create_dir(yard.path("there")).unwrap();
    let count = 1000;
    let mut task = yard.task("echo > there/$N; exec sleep 3600");
    for n in 1..=count {
        task.execution.instance = n;
        task.environment = vec![("N".into(), n.to_string())];
        yard.start(&task).await;
    }
    for _ in 1..=count {
        yard.started().await;
    }
    let there = yard.path("there");
    crate::support::until("all to run", || {
        (std::fs::read_dir(&there).ok()?.count() == count as usize).then_some(())
    })
    .await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let threads = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"))
        .unwrap();
    let threads: usize = threads.trim().parse().unwrap();
    assert!(
        threads < 32 + std::thread::available_parallelism().unwrap().get() * 4,
        "{threads} threads"
    );
    for n in 1..=count {
        task.execution.instance = n;
        yard.send(ToNode::Stop {
            execution: task.execution,
            grace_ms: 0,
        })
        .await;
    }
    for _ in 1..=count {
        yard.ended().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_of_short_tasks_ends_well() {
    let mut yard = Yard::new();
    let count = 300;
    let mut task = yard.task("/bin/true");
    let node = yard.node.clone();
    let starts = tokio::spawn(async move {
        for n in 1..=count {
            task.execution.instance = n;
            node.send(ToNode::Start(Box::new(task.clone())))
                .await
                .unwrap();
        }
    });
    let mut ended = 0;
    while ended < count {
        if let FromNode::Ended {
            execution, ending, ..
        } = yard.report().await
        {
            assert_eq!(ending, exited(0));
            yard.send(ToNode::Forget(execution)).await;
            ended += 1;
        }
    }
    starts.await.unwrap();
}
