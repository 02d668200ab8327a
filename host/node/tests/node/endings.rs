//! How work ends, and what it finds around it.

use std::time::Duration;

use jobyard_kernel::{Ending, WorkKind};
use jobyard_node::failure;

use crate::support::{Yard, exited, line};

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_signals() {
    let mut yard = Yard::new();
    assert_eq!(yard.command("/bin/true").await, (exited(0), String::new()));
    assert_eq!(yard.command("exit 42").await.0, exited(42));
    assert_eq!(yard.command("kill -TERM $$").await.0, exited(143));
    assert_eq!(yard.command("kill -KILL $$").await.0, exited(137));
}

#[tokio::test]
async fn a_runtime_of_one_thread_will_do() {
    let mut yard = Yard::new();
    assert_eq!(yard.command("exit 3").await.0, exited(3));
}

#[track_caller]
fn failed(ending: &Ending, code: u32, words: &[&str]) {
    let Ending::Failed { code: found, text } = ending else {
        panic!("{ending:?}")
    };
    assert_eq!(*found, code, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_started_says_why() {
    let mut yard = Yard::new();
    let mut task = yard.task("exit 0");
    task.working_folder = yard.path("nowhere").display().to_string();
    let (ending, _) = yard.run(&task).await;
    failed(
        &ending,
        failure::NOT_STARTED,
        &[&task.working_folder, "No such file"],
    );

    // What the plugin `command` can not start itself it hands to a shell, which says it as users know it.
    let (ending, tail) = yard.command("/no/such/program").await;
    assert_eq!(
        (ending, tail.contains("/no/such/program")),
        (exited(127), true),
        "{tail}"
    );

    let mut task = yard.task("exit 0");
    task.standard_input = Some("no-input".into());
    let (ending, _) = yard.run(&task).await;
    failed(
        &ending,
        failure::INPUT_OUTPUT,
        &["no-input", "No such file"],
    );

    let mut task = yard.task("exit 0");
    task.standard_output = Some("no-folder/output".into());
    let (ending, _) = yard.run(&task).await;
    failed(
        &ending,
        failure::INPUT_OUTPUT,
        &["no-folder/output", "No such file"],
    );

    let mut task = yard.task("exit 0");
    task.plugin = "docker".into();
    let (ending, _) = yard.run(&task).await;
    failed(
        &ending,
        failure::NOT_GRANTED,
        &["executor plugin `docker`", "it has `command`"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_the_jobs_over_the_nodes() {
    let mut yard = Yard::with(|config| {
        config.environment = [
            ("PATH", "/usr/bin:/bin"),
            ("LAYER", "node"),
            ("ONLY_NODE", "n"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    });
    let mut task = yard.task("env; pwd");
    task.environment = vec![
        ("CCP_JOBID".into(), "7".into()),
        ("LAYER".into(), "job".into()),
    ];
    let (ending, tail) = yard.run(&task).await;
    assert_eq!(ending, exited(0));
    let lines: Vec<_> = tail.lines().collect();
    let scratch = format!("JOBYARD_SCRATCH={}", yard.path("scratch/job-7").display());
    for expected in [
        "CCP_JOBID=7",
        "LAYER=job",
        "ONLY_NODE=n",
        "PATH=/usr/bin:/bin",
        "JOBYARD_EXECUTION=7.1.0.1",
        &scratch,
        yard.folder.path().to_str().unwrap(),
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {tail}");
    }
    assert!(
        !tail.contains("CARGO"),
        "the host's environment leaked: {tail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_work_runs_on_its_cores_and_other_work_anywhere() {
    for spawn_threads in [0, 2] {
        pinned_work(Yard::with(|config| config.spawn_threads = spawn_threads)).await;
    }
}

async fn pinned_work(mut yard: Yard) {
    let allowed = |text: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.unwrap_or_else(|| panic!("{text}")).trim().to_owned()
    };
    let everywhere = allowed(&std::fs::read_to_string("/proc/self/status").unwrap());
    let count = u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    for core in (0..count.min(4)).chain((0..count.min(4)).rev()) {
        let mut task = yard.task("cat /proc/self/status");
        task.pinned = true;
        task.shares[0].cores = vec![core];
        let (_, tail) = yard.run(&task).await;
        let list = allowed(&tail);
        assert_eq!(list.parse::<u32>().map(|_| ()), Ok(()), "one core: {list}");
        if everywhere.starts_with("0-") {
            assert_eq!(list, core.to_string());
        }
        let (_, tail) = yard.command("cat /proc/self/status").await;
        assert_eq!(allowed(&tail), everywhere);
    }
    let mut task = yard.task("cat /proc/self/status");
    task.pinned = true;
    task.shares[0].cores = vec![100_000];
    let (_, tail) = yard.run(&task).await;
    assert_eq!(
        allowed(&tail),
        everywhere,
        "cores that the machine does not have"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_with_grace_lets_the_program_end_by_itself() {
    let mut yard = Yard::new();
    let task = yard.task(
        "trap 'echo cleaned > cleaned; exit 9' INT; echo > ready; while :; do sleep 0.01; done",
    );
    yard.start(&task).await;
    line(&yard.path("ready")).await;
    yard.stop(task.execution, Duration::from_secs(3600)).await;
    let (_, ending, _) = yard.ended().await;
    assert_eq!(ending, Ending::Stopped { code: Some(9) });
    assert_eq!(yard.read("cleaned"), "cleaned\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ignores_the_stop_is_killed_when_the_grace_is_over() {
    let mut yard = Yard::new();
    let task = yard.task("trap '' INT TERM; echo > ready; while :; do sleep 0.01; done");
    yard.start(&task).await;
    line(&yard.path("ready")).await;
    yard.stop(task.execution, Duration::from_millis(50)).await;
    let (_, ending, _) = yard.ended().await;
    assert_eq!(ending, Ending::Stopped { code: Some(137) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_hears_the_stop_too() {
    let mut yard = Yard::new();
    let task = yard.task("trap 'exit 5' INT; echo > ready; kill -STOP $$; sleep 3600");
    yard.start(&task).await;
    line(&yard.path("ready")).await;
    yard.stop(task.execution, Duration::from_secs(3600)).await;
    let (_, ending, _) = yard.ended().await;
    assert!(
        matches!(ending, Ending::Stopped { code: Some(_) }),
        "{ending:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_grace_kills_at_once_and_a_second_stop_shortens() {
    let mut yard = Yard::new();
    let task = yard.task("trap '' INT; echo > ready; while :; do sleep 0.01; done");
    yard.start(&task).await;
    line(&yard.path("ready")).await;
    yard.stop(task.execution, Duration::from_secs(100_000))
        .await;
    yard.stop(task.execution, Duration::from_secs(200_000))
        .await;
    yard.stop(task.execution, Duration::ZERO).await;
    let (_, ending, _) = yard.ended().await;
    assert_eq!(ending, Ending::Stopped { code: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn work_over_its_limit_is_killed() {
    let mut yard = Yard::new();
    let mut task = yard.task("sleep 3600");
    task.kind = WorkKind::Release;
    task.limit_ms = 100;
    let (ending, _) = yard.run(&task).await;
    failed(&ending, failure::OVER_LIMIT, &["100 ms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepare_and_release_treat_the_scratch_folder() {
    let mut yard = Yard::new();
    let scratch = yard.path("scratch/job-7");
    let mut task =
        yard.task("mkdir -p \"$JOBYARD_SCRATCH/deep/down\" && ln -s / \"$JOBYARD_SCRATCH/root\"");
    task.kind = WorkKind::Prepare;
    assert_eq!(yard.run(&task).await.0, exited(0));
    assert!(scratch.join("deep/down").is_dir());
    for _ in 0..2 {
        let mut task = yard.task("");
        task.kind = WorkKind::Release;
        task.plugin = "scratch".into();
        assert_eq!(yard.run(&task).await.0, exited(0));
        assert!(!scratch.exists());
    }
}
