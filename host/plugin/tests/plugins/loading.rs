//! What is not loaded, and the sentence that says why.

use jobyard_kernel::Changes;
use jobyard_plugin::{Limits, World};

use crate::host;
use crate::wat::{Policy, Worker, component};

fn refusal(bytes: &[u8], world: World) -> String {
    let error = host()
        .load("site", bytes, world)
        .expect_err("it must be refused")
        .to_string();
    assert!(!error.contains('\n'), "more than one line: {error}");
    error
}

fn policy_refusal(bytes: &[u8]) -> String {
    refusal(bytes, World::SchedulingPolicy)
}

#[test]
fn what_is_no_component() {
    let rows: [(&[u8], &str); 7] = [
        (b"", "site: the file is empty"),
        (
            b"hello, world",
            r#"site: not WebAssembly: it begins with "hello, w""#,
        ),
        (
            b"\x7fELF\x02\x01\x01\0rest",
            r#"begins with "\x7fELF\x02\x01\x01\x00""#,
        ),
        (
            b"  (component)",
            "site: this is WebAssembly text; convert it",
        ),
        (
            b"\0asm\x01\0\0\0",
            "site: this is a core WebAssembly module, not a component; link it",
        ),
        (
            b"\0asm\x0d\0\x01\0\xff\xff",
            "site: not a valid component: ",
        ),
        (b"\0asm\x63\0\x01\0", "site: not a valid component: "),
    ];
    for (bytes, expected) in rows {
        let error = policy_refusal(bytes);
        assert!(error.contains(expected), "{bytes:?}: {error}");
    }
}

#[test]
fn a_component_cut_anywhere_is_refused() {
    let whole = Policy::default().build();
    // Behind the last export are only names.
    let export = b"jobyard:plugin/policy@0.1.0";
    let end = whole
        .windows(export.len())
        .rposition(|window| window == export)
        .unwrap();
    for end in (8..end).step_by(37) {
        let error = policy_refusal(&whole[..end]);
        assert!(error.starts_with("site: "), "{end}: {error}");
    }
}

#[test]
fn the_wrong_world() {
    let executor = Worker::executor("unreachable").build();
    assert_eq!(
        policy_refusal(&executor),
        "site: wanted a scheduling-policy, which exports jobyard:plugin/policy@0.1.0; \
         it is a task-executor"
    );
    assert_eq!(
        refusal(&executor, World::ReleaseTask),
        "site: wanted a release-task, which exports jobyard:plugin/release@0.1.0; \
         it is a task-executor"
    );
    let nothing = component("(component)");
    assert!(policy_refusal(&nothing).ends_with("it exports nothing"));
    let other = component(r#"(component (type $t u32) (export "acme:tools/thing" (type $t)))"#);
    assert!(policy_refusal(&other).ends_with("it exports acme:tools/thing"));
}

#[test]
fn half_a_policy() {
    let imports = r#"(import "jobyard:plugin/ranker@0.1.0" (instance (export "rank" (func))))"#;
    let ranked = Policy {
        imports,
        ..Policy::default()
    };
    assert_eq!(
        policy_refusal(&ranked.build()),
        "site: this is a ranked-policy, and half of a policy: compose a ranked-policy with a job-ranker, \
         with `jobyard policy compose`"
    );
    let ranker = component(
        r#"(component (instance $i) (export "jobyard:plugin/ranker@0.1.0" (instance $i)))"#,
    );
    for world in [World::SchedulingPolicy, World::JobRanker] {
        let error = refusal(&ranker, world);
        assert!(
            error.starts_with("site: this is a job-ranker, and half of"),
            "{error}"
        );
    }
    let error = refusal(&ranker, World::TaskExecutor);
    assert!(error.ends_with("it is a job-ranker"), "{error}");
}

#[test]
fn the_wrong_version() {
    let newer = Policy {
        version: "0.2.0",
        ..Policy::default()
    }
    .build();
    assert_eq!(
        policy_refusal(&newer),
        "site: exports jobyard:plugin/policy@0.2.0, and this host serves version 0.1.0 of the world \
         scheduling-policy: rebuild it against jobyard:plugin@0.1.0"
    );
    let imports = r#"(import "jobyard:plugin/log@1.0.0" (instance (export "log" (func))))"#;
    let newer_log = Policy {
        imports,
        ..Policy::default()
    }
    .build();
    let error = policy_refusal(&newer_log);
    assert!(
        error.starts_with("site: imports jobyard:plugin/log@1.0.0, and this host"),
        "{error}"
    );
}

#[test]
fn a_version_that_only_mends_is_taken() {
    let mended = Policy {
        version: "0.1.3",
        ..Policy::default()
    }
    .build();
    let plugin = host()
        .load("site", &mended, World::SchedulingPolicy)
        .unwrap();
    let limits = Limits::for_world(World::SchedulingPolicy);
    let mut policy = plugin.policy(limits, &[]).unwrap();
    policy.schedule(0.0, Changes::default()).unwrap();
}

#[test]
fn imports_that_are_not_served_are_named() {
    let imports = r#"
        (import "wasi:clocks/monotonic-clock@0.2.6" (instance (export "now" (func (result u64)))))
        (import "jobyard:plugin/process@0.1.0" (instance (export "kill" (func (param "p" u32)))))"#;
    let error = policy_refusal(
        &Policy {
            imports,
            ..Policy::default()
        }
        .build(),
    );
    assert_eq!(
        error,
        "site: imports wasi:clocks/monotonic-clock@0.2.6, jobyard:plugin/process@0.1.0, which a \
         scheduling-policy is not given (it has jobyard:plugin/log@0.1.0): build it without, for \
         Rust with the target wasm32-unknown-unknown"
    );
}

#[test]
fn types_that_are_not_ours() {
    let error = policy_refusal(
        &Policy {
            job_id: "u64",
            ..Policy::default()
        }
        .build(),
    );
    assert!(
        error.starts_with("site: its types are not those of the world"),
        "{error}"
    );
    assert!(error.contains("schedule"), "{error}");
}

#[test]
fn a_plugin_is_known_by_its_bytes() {
    let bytes = Policy::default().build();
    let plugin = host()
        .load("site", &bytes, World::SchedulingPolicy)
        .unwrap();
    assert_eq!(
        (plugin.name(), plugin.world()),
        ("site", World::SchedulingPolicy)
    );
    assert_eq!(plugin.digest().len(), 64);
    let other = Policy {
        pages: 3,
        ..Policy::default()
    }
    .build();
    let other = host()
        .load("site", &other, World::SchedulingPolicy)
        .unwrap();
    assert_ne!(plugin.digest(), other.digest());
}
