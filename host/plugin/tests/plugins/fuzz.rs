//! Guests that answer and ask with whatever lies in their memory: bad addresses, lengths, cases, text and numbers. The words come in as
//! an argument (jobs that are gone, cores of a share), so one component serves for all cases.

use std::path::{Path, PathBuf};

use jobyard_kernel::{Changes, JobId};
use jobyard_plugin::{FaultKind, Limits, Plugin, World};
use proptest::prelude::*;

use crate::cases::cases;
use crate::wat::{Bytes, Policy, Worker};
use crate::working::{Script, assignment};

/// Where the guests' allocator puts the first argument.
const FIRST: u32 = 65_536;

/// A word that may be an address, a length, a case, half of a number.
fn word() -> BoxedStrategy<u32> {
    let word = prop_oneof![
        6 => 0..8u32,
        4 => (0..64u32).prop_map(|word| FIRST + 4 * word),
        1 => (0..300u32).prop_map(|byte| FIRST + byte),
        1 => 0..200_000u32,
        1 => any::<u32>(),
        1 => Just(u32::MAX),
        // The upper half of a time of this century, of a NaN, of infinity.
        1 => Just(0x4316_0000u32),
        1 => Just(0x7ff8_0000),
        1 => Just(0xfff0_0000),
    ];
    // What it is made of would fill the stack otherwise.
    word.boxed()
}

/// An address of something that is there, for the most part.
fn place() -> BoxedStrategy<u32> {
    prop_oneof![20 => (0..16u32).prop_map(|word| FIRST + 4 * word), 1 => word()].boxed()
}

/// A number of things that are there, for the most part.
fn few() -> BoxedStrategy<u32> {
    prop_oneof![20 => 0..4u32, 1 => word()].boxed()
}

/// A decision: its case, then at a multiple of 8 what belongs to it; three of the six cases have numbers where others have an address.
fn decision() -> impl Strategy<Value = [u32; 8]> {
    let case = prop_oneof![30 => 0..6u32, 1 => word()];
    (case, few(), place(), few(), place(), few(), word()).prop_map(
        |(case, job, at, count, other, more, any)| match case {
            // A reservation has its time between the job and the shares.
            4 => [case, 0, job, 0, any, any, at, count],
            // A text.
            5 => [case, 0, job, more, at, count, any, any],
            _ => [case, 0, job, at, count, other, more, any],
        },
    )
}

/// A plan as a careless guest may lay it out: an address and a number of decisions that are there, or not.
fn plan() -> impl Strategy<Value = Vec<u32>> {
    let decisions = proptest::collection::vec(decision(), 0..6);
    let wake = prop_oneof![10 => 0..2u32, 1 => word()];
    let good = (decisions, wake, word(), few()).prop_map(|(decisions, wake, at, more)| {
        let count = decisions.len() as u32;
        let count = if more == 3 { count + 1 } else { count };
        let mut words = vec![FIRST + 24, count, wake, 0, at, at];
        words.extend(decisions.into_flattened());
        words
    });
    prop_oneof![1 => proptest::collection::vec(word(), 16..120), 6 => good]
}

/// What a node is asked for: four times what to do and three words for it, and an answer; behind that the record of a command.
fn requests() -> impl Strategy<Value = Vec<u32>> {
    let three = prop_oneof![
        4 => (place(), few(), place()).prop_map(|(a, b, c)| [a, b, c]),
        1 => [word(), word(), word()],
    ];
    let request = (0..8u32, three).prop_map(|(what, [a, b, c])| [what, a, b, c]);
    let list = || (place(), few()).prop_map(|(at, count)| [at, count]);
    let case = || (few(), place(), few()).prop_map(|(case, at, count)| [case, at, count]);
    let command = (
        proptest::array::uniform4(list()),
        proptest::array::uniform3(case()),
    );
    let answer = prop_oneof![3 => place(), 1 => word()];
    (proptest::array::uniform4(request), answer, command).prop_map(
        |(requests, answer, (lists, cases))| {
            let mut words = requests.as_flattened().to_vec();
            words.push(answer);
            words.extend(lists.as_flattened());
            words.extend(cases.as_flattened());
            words
        },
    )
}

/// Answers what it is told of jobs that are gone.
fn answering_what_it_is_told() -> Plugin {
    let policy = Policy::doing("local.get 1");
    crate::load("told", &policy.build(), World::SchedulingPolicy)
}

/// Does with four words at a time what the first of them says, four times, and answers what lies at an address that the last one is.
fn doing_what_it_is_told() -> Plugin {
    let calls: String = (0..4)
        .map(|turn| {
            let word = |n: u32| format!("(i32.load offset={} (local.get $p))", 16 * turn + 4 * n);
            let (what, a, b, c) = (word(0), word(1), word(2), word(3));
            let case = |n: u32, call: String| {
                format!(
                    "(if (i32.eq (i32.and {what} (i32.const 7)) (i32.const {n})) (then {call}))"
                )
            };
            [
                case(0, format!("(call $log (i32.and {c} (i32.const 7)) {a} {b})")),
                // The record behind the answer, or what lies a little further on.
                case(1, format!("(call $spawn (i32.add (local.get $p) (i32.add (i32.const 68) (i32.and {b} (i32.const 4)))) (i32.const 512))")),
                case(2, format!("(call $exists {a} {b} (i32.const 512))")),
                case(3, format!("(call $create {a} {b} (i32.const 512))")),
                case(4, format!("(call $remove {a} {b} (i32.const 512))")),
                case(5, format!("(call $list {a} {b} {c})")),
                case(6, format!("(call $kill {a})")),
                case(7, format!("(call $interrupt {a})")),
            ]
            .concat()
        })
        .collect();
    let worker = Worker {
        interface: "executor",
        // The cores of the first share: see the layout of `assignment`.
        run: format!(
            "(local.set $p (i32.load offset=8 (i32.load offset=76 (local.get $work)))) {calls}
             (i32.load offset=64 (local.get $p))"
        ),
        locals: "(local $p i32)",
        data: Bytes::default(),
    };
    crate::load("told", &worker.build(), World::TaskExecutor)
}

proptest! {
    #![proptest_config(cases(300))]

    /// A plan, or a fault that ends one call; the next instance knows nothing of it.
    #[test]
    fn any_plan_in_memory(words in plan()) {
        static POLICY: std::sync::OnceLock<Plugin> = std::sync::OnceLock::new();
        let plugin = POLICY.get_or_init(answering_what_it_is_told);
        let limits = Limits::for_world(World::SchedulingPolicy);
        let mut instance = plugin.policy(limits, &[]).expect("it takes any settings");
        let changes = Changes {
            removed_jobs: words.iter().map(|&word| JobId(word)).collect(),
            ..Changes::default()
        };
        match instance.schedule(1e15, changes) {
            // As many decisions as its memory has room for.
            Ok(plan) => prop_assert!(plan.decisions.len() <= limits.memory_bytes_max / 32),
            Err(fault) => {
                prop_assert_ne!(fault.kind, FaultKind::Poisoned);
                prop_assert_eq!(fault.function, "schedule");
                prop_assert!(fault.text.len() <= 4_096, "{} bytes", fault.text.len());
            }
        }
    }

    /// Work comes to an end, in the plugin's words or by a fault, whatever it asks of its node.
    #[test]
    fn any_request_of_work(words in requests()) {
        static EXECUTOR: std::sync::OnceLock<Plugin> = std::sync::OnceLock::new();
        let plugin = EXECUTOR.get_or_init(doing_what_it_is_told);
        let mut work = assignment("true");
        work.shares[0].cores = words;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (outcome, script) = runtime.expect("a runtime").block_on(async {
            let limits = Limits::for_world(World::TaskExecutor);
            let scratch = Path::new("/scratch/job-7");
            // No folder is granted: none is touched.
            plugin.run(&work, scratch, limits, Script::of(&[])).await
        });
        if let Err(failure) = outcome {
            prop_assert!(failure.to_string().len() <= 8_192, "{}", failure);
        }
        prop_assert!(script.did.len() <= 8);
    }
}

/// A path as a guest may put it together, from the granted folder or from anywhere.
fn path() -> BoxedStrategy<Vec<&'static str>> {
    let piece = proptest::sample::select(vec![
        "..",
        "..",
        ".",
        "",
        "a",
        "b",
        "out",
        "up",
        "loop",
        "file",
        "kept",
        "../outside",
        "a\0b",
        "ä",
    ]);
    proptest::collection::vec(piece, 0..6).boxed()
}

/// Everything in a folder and its folders, without following links.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("it can be read") {
            let entry = entry.expect("it can be read");
            if entry.file_type().expect("it has one").is_dir() {
                open.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    all.sort();
    all
}

/// Makes a folder at the path that it is given as its command line, removes it, and makes it again.
fn at_home_everywhere() -> Plugin {
    let path = "(i32.load offset=16 (local.get $work)) (i32.load offset=20 (local.get $work))";
    let run = format!(
        "(call $exists {path} (i32.const 512)) (call $list {path} (i32.const 512))
         (call $create {path} (i32.const 512)) (call $remove {path} (i32.const 512))
         (call $create {path} (i32.const 512)) i32.const 0"
    );
    crate::load(
        "anywhere",
        &Worker::executor(&run).build(),
        World::TaskExecutor,
    )
}

proptest! {
    #![proptest_config(cases(150))]

    /// Through `..`, links and names that are none: what was not granted is as it was.
    #[test]
    fn any_path(pieces in path(), rooted in any::<bool>()) {
        static EXECUTOR: std::sync::OnceLock<Plugin> = std::sync::OnceLock::new();
        let plugin = EXECUTOR.get_or_init(at_home_everywhere);
        let yard = tempfile::tempdir().expect("a folder");
        let (granted, outside) = (yard.path().join("granted"), yard.path().join("outside"));
        for folder in [granted.join("a/b"), outside.join("kept")] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        std::fs::write(outside.join("file"), "kept").expect("a file");
        for (to, link) in [(outside.as_path(), "out"), (Path::new(".."), "up"), (Path::new("loop"), "loop")] {
            std::os::unix::fs::symlink(to, granted.join(link)).expect("a link");
        }
        let before = tree(&outside);
        let tail = pieces.join("/");
        let path = match rooted {
            true => format!("{}/{tail}", granted.display()),
            false => format!("{}/{tail}", yard.path().display()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime.expect("a runtime").block_on(async {
            let limits = Limits::for_world(World::TaskExecutor);
            let scratch = Path::new("/scratch/job-7");
            let script = Script::granting(&granted);
            plugin.run(&assignment(&path), scratch, limits, script).await.0
        });
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
        prop_assert_eq!(tree(&outside), before, "{}", path);
        let text = std::fs::read_to_string(outside.join("file"));
        prop_assert_eq!(text.unwrap_or_default(), "kept");
        let mut beside: Vec<_> = std::fs::read_dir(yard.path()).expect("it is there")
            .map(|entry| entry.expect("it can be read").file_name())
            .collect();
        beside.sort();
        let own = if granted.exists() { vec!["granted", "outside"] } else { vec!["outside"] };
        prop_assert_eq!(beside, own, "{}", path);
    }
}
