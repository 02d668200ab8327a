//! The committed components of `plugins/builtin` in this host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jobyard_kernel::{
    Changes, Decision, JobId, JobRow, NODE_USABLE, NodeId, NodeRow, SetId, Share,
};
use jobyard_plugin::{
    ConfigureError, Input, Limits, LoadError, Output, Plugin, ProcessEvent, World,
};

use crate::working::{Did, Script, assignment};
use crate::{host, load};

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/builtin");
    let path: PathBuf = builtin.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn built_in(name: &str, world: World) -> Plugin {
    load(name, &bytes(name), world)
}

const POLICIES: [&str; 5] = [
    "policy-fifo",
    "policy-backfill",
    "policy-conservative",
    "policy-queued",
    "policy-balanced",
];

#[test]
fn all_of_them_load() {
    let rows = [
        ("policy-fifo", World::SchedulingPolicy),
        ("policy-backfill", World::SchedulingPolicy),
        ("policy-conservative", World::SchedulingPolicy),
        ("policy-queued", World::SchedulingPolicy),
        ("policy-balanced", World::SchedulingPolicy),
        ("executor-command", World::TaskExecutor),
        ("prepare-command", World::PrepareTask),
        ("release-command", World::ReleaseTask),
        ("release-scratch", World::ReleaseTask),
    ];
    for (name, its_world) in rows {
        for world in World::ALL {
            let loaded = host().load(name, &bytes(name), world);
            assert_eq!(
                loaded.is_ok(),
                world == its_world,
                "{name} as a {world}: {loaded:?}"
            );
        }
    }
}

#[test]
fn halves_of_policies_are_known_as_such() {
    for (name, half) in [
        ("policy-ranked", World::RankedPolicy),
        ("ranker-fairshare", World::JobRanker),
        ("ranker-formula", World::JobRanker),
        ("ranker-multifactor", World::JobRanker),
    ] {
        let error = host().load(name, &bytes(name), World::SchedulingPolicy);
        let (name, world) = (name.to_owned(), half);
        assert_eq!(error.err(), Some(LoadError::Half { name, world }));
    }
}

/// Two queued jobs of these sizes on one node with four free cores, as on the first call.
pub(crate) fn first_call(sizes: [u32; 2]) -> Changes {
    let job = |(id, cores): (u32, u32)| JobRow {
        id: JobId(id),
        flags: 0,
        priority: 2000,
        unit: 0,
        min: cores,
        max: cores,
        demand: cores,
        candidates: SetId(0),
        position: f64::from(id),
        submitted: 1e15,
        walltime: 60e6,
    };
    let node = NodeRow {
        id: NodeId(1),
        state: NODE_USABLE,
        cores: 4,
        free_cores: 4,
        sockets: 1,
        gpus: 0,
        free_gpus: 0,
        memory: 1024,
    };
    Changes {
        jobs: (1..).zip(sizes).map(job).collect(),
        nodes: vec![node],
        ..Changes::default()
    }
}

#[test]
fn the_policies_start_what_fits() {
    for name in POLICIES {
        let plugin = built_in(name, World::SchedulingPolicy);
        let limits = Limits::for_world(World::SchedulingPolicy);
        let mut policy = plugin.policy(limits, &[]).unwrap();
        let plan = policy.schedule(1e15, first_call([3, 2])).unwrap();
        let shares = vec![Share {
            node: NodeId(1),
            cores: 3,
            gpus: 0,
        }];
        assert_eq!(
            plan.decisions[0],
            Decision::Start {
                job: JobId(1),
                shares
            },
            "{name}"
        );
        let started = |decision: &&Decision| matches!(decision, Decision::Start { .. });
        assert_eq!(plan.decisions.iter().filter(started).count(), 1, "{name}");
        assert!(policy.memory_bytes() > 0);
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_in_words() {
    for name in POLICIES {
        let plugin = built_in(name, World::SchedulingPolicy);
        let settings = [("ordre".to_owned(), "fcfs".to_owned())];
        match plugin.policy(Limits::for_world(World::SchedulingPolicy), &settings) {
            Err(ConfigureError::Refused(text)) => assert!(text.contains("ordre"), "{text}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn settings_may_change_and_a_refusal_keeps_the_old_ones() {
    let plugin = built_in("policy-backfill", World::SchedulingPolicy);
    let setting = |value: &str| [("order".to_owned(), value.to_owned())];
    let limits = Limits::for_world(World::SchedulingPolicy);
    let mut policy = plugin.policy(limits, &setting("fcfs")).unwrap();
    let traits = policy.traits().to_vec();
    assert!(matches!(
        policy.configure(&setting("none")),
        Err(ConfigureError::Refused(_))
    ));
    assert_eq!(policy.traits(), traits);
    policy.configure(&setting("sjbf")).unwrap();
    assert_ne!(policy.traits(), traits);
    assert!(
        !policy
            .schedule(1e15, first_call([1, 1]))
            .unwrap()
            .decisions
            .is_empty()
    );
}

#[tokio::test]
async fn the_executor_starts_what_it_is_told() {
    let plugin = built_in("executor-command", World::TaskExecutor);
    let exited = ProcessEvent::Exited {
        process: 0,
        code: 3,
        signal: None,
    };
    let work = assignment("exit 3 # through a shell");
    let limits = Limits::for_world(World::TaskExecutor);
    let scratch = Path::new("/scratch");
    let (result, script) = plugin
        .run(&work, scratch, limits, Script::of(&[exited]))
        .await;
    assert_eq!(result.unwrap().code, 3);
    let [Did::Spawn(command), Did::Next(None)] = &script.did[..] else {
        panic!("{:?}", script.did)
    };
    assert_eq!(command.program, "/bin/sh");
    assert_eq!(command.arguments, ["-c", "exit 3 # through a shell"]);
    assert_eq!(command.environment, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(command.working_folder, "/tmp");
    assert_eq!(command.standard_input, Input::Nothing);
    assert_eq!(command.standard_output, Output::File("out".to_owned()));
    assert_eq!(command.standard_error, Output::Captured);
}

#[tokio::test]
async fn a_cancel_interrupts_and_then_kills() {
    let plugin = built_in("executor-command", World::TaskExecutor);
    let events = [
        ProcessEvent::CancelRequested {
            grace: Duration::from_millis(1500),
        },
        ProcessEvent::Deadline,
        ProcessEvent::Exited {
            process: 0,
            code: 137,
            signal: Some(9),
        },
    ];
    let limits = Limits::for_world(World::TaskExecutor);
    let (work, script) = (assignment("sleep 60"), Script::of(&events));
    let (result, script) = plugin
        .run(&work, Path::new("/scratch"), limits, script)
        .await;
    assert_eq!(result.unwrap().signal, Some(9));
    let expected = [
        Did::Next(None),
        Did::Interrupt(0),
        Did::Next(Some(Duration::from_millis(1500))),
        Did::Kill(0),
        Did::Next(None),
    ];
    assert_eq!(script.did[1..], expected);
}

#[tokio::test]
async fn release_scratch_leaves_nothing() {
    let plugin = built_in("release-scratch", World::ReleaseTask);
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("job-7");
    std::fs::create_dir_all(scratch.join("a/b")).unwrap();
    std::fs::write(scratch.join("a/b/file"), "data").unwrap();
    let limits = Limits::for_world(World::ReleaseTask);
    let script = Script::granting(&scratch);
    let (result, _) = plugin.run(&assignment(""), &scratch, limits, script).await;
    assert_eq!(result.unwrap().code, 0);
    assert!(!scratch.exists());
}
