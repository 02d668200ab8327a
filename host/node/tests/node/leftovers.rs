//! When the end is reported nothing is left.

use std::time::Duration;

use jobyard_kernel::Ending;

use crate::support::{Yard, alone, exited, is_alive, line};

/// Runs a command that leaves something behind and writes its process number into `pid`.
async fn nothing_is_left_of(command_line: &str) {
    let mut yard = Yard::new();
    let (ending, _) = yard.command(command_line).await;
    assert_eq!(ending, exited(0));
    let pid = line(&yard.path("pid")).await;
    assert!(!is_alive(&pid), "{command_line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_background_children() {
    nothing_is_left_of("sleep 3600 & echo $! > pid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_children_in_their_own_session() {
    nothing_is_left_of(
        "setsid sh -c 'echo $$ > pid; exec sleep 3600' & while [ ! -s pid ]; do sleep 0.01; done",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_daemons() {
    // Twice forked, twice a session, deaf.
    nothing_is_left_of(
        "(setsid sh -c '(trap \"\" INT TERM HUP; setsid sh -c \"echo \\$\\$ > pid; exec sleep 3600\" &)' >/dev/null 2>&1 &) \
         ; while [ ! -s pid ]; do sleep 0.01; done",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_children_that_cleared_their_environment() {
    nothing_is_left_of("env -i /usr/bin/setsid /bin/sh -c 'echo $$ > pid; exec /bin/sleep 3600' & while [ ! -s pid ]; do sleep 0.01; done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_tree_of_sessions() {
    let mut yard = Yard::new();
    let (ending, _) = yard
        .command(
            "for a in 1 2 3; do setsid sh -c 'for b in 1 2 3; do setsid sleep 3600 & echo $! >> pids; done; wait' & done; \
             while [ \"$(wc -l < pids)\" != 9 ]; do sleep 0.01; done",
        )
        .await;
    assert_eq!(ending, exited(0));
    let pids = yard.read("pids");
    assert_eq!(pids.lines().count(), 9);
    for pid in pids.lines() {
        assert!(!is_alive(pid), "{pid}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_work_that_was_killed() {
    let mut yard = Yard::new();
    let task = yard.task("setsid sleep 3600 & echo $! $$ > pids; wait");
    yard.start(&task).await;
    let pids = line(&yard.path("pids")).await;
    yard.stop(task.execution, Duration::ZERO).await;
    assert_eq!(yard.ended().await.1, Ending::Stopped { code: None });
    for pid in pids.split(' ') {
        assert!(!is_alive(pid), "{pid} of {pids}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn and_the_neighbours_are_not_touched() {
    let mut yard = Yard::new();
    // A neighbour with a daemon of its own.
    let neighbour = yard.task(
        "setsid sh -c 'echo $$ > theirs; exec sleep 3600' & while [ ! -e go ]; do sleep 0.01; done",
    );
    yard.start(&neighbour).await;
    let theirs = line(&yard.path("theirs")).await;
    let (ending, _) = yard.command("setsid sh -c 'echo $$ > pid; exec sleep 3600' & while [ ! -s pid ]; do sleep 0.01; done").await;
    assert_eq!(ending, exited(0));
    let pid = line(&yard.path("pid")).await;
    assert!(!is_alive(&pid));
    assert!(is_alive(&theirs));
    std::fs::write(yard.path("go"), "").unwrap();
    loop {
        if yard.ended().await.0 == neighbour.execution {
            break;
        }
    }
    assert!(!is_alive(&theirs));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_subreaper_groups_are_killed_and_sessions_stay() {
    let mut yard = Yard::with(|config| config.subreaper = false);
    let (ending, _) = yard
        .command("sleep 3600 & echo $! > pid; setsid sleep 3600 & echo $! > stays")
        .await;
    assert_eq!(ending, exited(0));
    assert!(!is_alive(&line(&yard.path("pid")).await));
    let stays = line(&yard.path("stays")).await;
    let pid = rustix::process::Pid::from_raw(stays.parse().unwrap()).unwrap();
    // In a process that another test has made a subreaper it may be gone as nobody's.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// What hides all its marks belongs to nobody when the last work that it could belong to has ended. Work of other tests would
/// count too.
#[test]
fn of_daemons_that_hide_where_they_come_from() {
    alone(
        "leftovers::of_daemons_that_hide_where_they_come_from",
        async {
            nothing_is_left_of(
            "(env -i /usr/bin/setsid /bin/sh -c 'echo $$ > pid; exec /bin/sleep 3600' <&- >&- 2>&- &); \
             while [ ! -s pid ]; do sleep 0.01; done",
        )
        .await;
        },
    );
}
