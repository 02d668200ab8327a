//! Bad input: one line that names the file, the place, the value and what would be right; exit code 2; nothing begun.

use std::path::Path;

use jobyard_tests::{Place, root, run};

/// Content of a job file, and words that its error must have.
const JOB_FILES: &[(&str, &str, &[&str])] = &[
    (
        "typo.toml",
        "[[task]]\ncomand = \"true\"",
        &["typo.toml:2:1", "comand", "command"],
    ),
    (
        "type.toml",
        "priority = true\n[[task]]\ncommand = \"true\"",
        &["type.toml:1", "priority"],
    ),
    (
        "number.toml",
        "priority = 99999\n[[task]]\ncommand = \"true\"",
        &["99999", "4000"],
    ),
    ("syntax.toml", "name = \n", &["syntax.toml:1"]),
    ("empty.toml", "", &["empty.toml"]),
    (
        "none.toml",
        "[[task]]\nname = \"x\"",
        &["none.toml", "command"],
    ),
    (
        "cycle.toml",
        "[[task]]\nname = \"a\"\nafter = [\"b\"]\ncommand = \"true\"\n[[task]]\nname = \"b\"\nafter = [\"a\"]\ncommand = \"true\"",
        &["cycle.toml", "circle", "a -> b -> a"],
    ),
    (
        "nobody.toml",
        "[[task]]\nname = \"a\"\nafter = [\"zz\"]\ncommand = \"true\"",
        &["nobody.toml", "zz"],
    ),
    (
        "large.toml",
        "cores = 100000\n[[task]]\ncommand = \"true\"",
        &["large.toml", "100000"],
    ),
    (
        "sweep.toml",
        "[[task]]\nsweep = \"9-1\"\ncommand = \"true\"",
        &["sweep.toml:2", "9-1"],
    ),
    (
        "span.toml",
        "runtime = \"5 parsecs\"\n[[task]]\ncommand = \"true\"",
        &["span.toml:1", "5 parsecs"],
    ),
    (
        "bad.json",
        "{\"task\": [{\"command\": \"true\"},]}",
        &["bad.json:1"],
    ),
    (
        "key.json",
        "{\"taks\": []}",
        &["key.json:1", "taks", "task"],
    ),
    (
        "bad.xml",
        "<Job><Tasks><Task CommandLine=\"true\"></Tasks></Job>",
        &["bad.xml:1"],
    ),
    (
        "attr.xml",
        "<Job Colour=\"blue\" />",
        &["attr.xml:1", "Colour"],
    ),
    (
        "bomb.xml",
        "<!DOCTYPE x [<!ENTITY a \"aa\">]><Job Name=\"&a;\"/>",
        &["bomb.xml:1"],
    ),
];

fn refused(said: &jobyard_tests::Said, words: &[&str], case: &str) {
    assert_eq!(said.code, Some(2), "{case}: {}{}", said.out, said.err);
    assert_eq!(said.out, "", "{case}");
    assert_eq!(
        said.err.lines().count(),
        1,
        "{case}: one line, not\n{}",
        said.err
    );
    assert!(said.err.len() < 1_000, "{case}: {}", said.err);
    for word in words {
        assert!(
            said.err.contains(word),
            "{case}: {word:?} is not in {:?}",
            said.err
        );
    }
}

#[test]
fn job_files_that_cannot_be_run() {
    for (name, content, words) in JOB_FILES {
        let place = Place::new();
        let file = place.file(name, content);
        refused(&run(place.jobyard("run").arg(file)), words, name);
        let runs = std::fs::read_dir(place.path().join("state/jobyard/runs"));
        assert!(
            runs.is_ok_and(|mut runs| runs.next().is_none())
                || !place.path().join("state").exists(),
            "{name}: something was left"
        );
    }
}

#[test]
fn job_files_that_are_not_even_files() {
    let place = Place::new();
    let said = run(place.jobyard("run").arg("nowhere.toml"));
    refused(&said, &["nowhere.toml", "no such file"], "missing");
    let said = run(place.jobyard("run").arg(place.path()));
    refused(&said, &[], "a folder");
    let file = place.file("bytes.toml", b"name = \"\xff\xfe\"");
    refused(
        &run(place.jobyard("run").arg(file)),
        &["bytes.toml", "UTF-8"],
        "not UTF-8",
    );
    let file = place.file("huge.toml", vec![b'#'; 50 << 20]);
    refused(
        &run(place.jobyard("run").arg(file)),
        &["huge.toml", "16"],
        "50 MB",
    );
}

#[test]
fn policies_that_are_none() {
    let place = Place::new();
    let text = place.file("policy.wasm", "I am no component");
    let executor = root().join("plugins/builtin/executor-command.wasm");
    let cases: &[(&str, &[&str])] = &[
        ("backfil", &["backfil", "fifo, backfill"]),
        ("nowhere.wasm", &["nowhere.wasm", "No such file"]),
        (text.to_str().unwrap(), &["policy.wasm"]),
        (
            executor.to_str().unwrap(),
            &["executor-command.wasm", "scheduling-policy", "executor"],
        ),
    ];
    for (policy, words) in cases {
        refused(
            &run(place
                .jobyard("run")
                .args(["--policy", policy, "--", "true"])),
            words,
            policy,
        );
    }
    for (setting, words) in [
        ("order=random", &["order", "random", "fcfs"][..]),
        ("odrer=fcfs", &["odrer", "order"][..]),
    ] {
        refused(
            &run(place.jobyard("run").args(["--set", setting, "--", "true"])),
            words,
            setting,
        );
    }
}

#[test]
fn traces_that_cannot_be_simulated() {
    let line = |n: u32| format!("{n} {n} 0 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n");
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        (
            "words.swf",
            b"; MaxProcs: 4\nonce upon a time\n".to_vec(),
            &["words.swf", "line 2"],
        ),
        ("empty.swf", Vec::new(), &["empty.swf"]),
        (
            "noprocs.swf",
            line(1).into_bytes(),
            &["noprocs.swf", "MaxProcs", "--procs"],
        ),
        (
            "cut.swf.gz",
            std::fs::read(trace()).unwrap()[..100_000].to_vec(),
            &["cut.swf.gz", "line"],
        ),
        ("binary.swf", vec![0; 4_096], &["binary.swf"]),
    ];
    for (name, content, words) in cases {
        let place = Place::new();
        let file = place.file(name, content);
        let said = run(place.jobyard("simulate").arg(file));
        refused(&said, words, name);
    }
    let place = Place::new();
    refused(
        &run(place.jobyard("simulate").arg("nowhere.swf")),
        &["nowhere.swf", "No such file"],
        "missing",
    );
}

#[test]
fn some_bad_lines_are_counted_and_left_out() {
    let place = Place::new();
    let mut trace = "; MaxProcs: 4\n".to_string();
    for n in 1..=10 {
        trace.push_str(&format!(
            "{n} {n} 0 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n"
        ));
    }
    trace.push_str("nonsense\n11 x 0 10\n");
    let file = place.file("some.swf", trace);
    let said = run(place
        .jobyard("simulate")
        .arg(file)
        .args(["--format", "json"]));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(
        (&said.json()["jobs"], &said.json()["bad_lines"]),
        (&10.into(), &2.into())
    );
    assert!(
        said.err.contains("2 bad lines") && said.err.contains("line 12"),
        "{}",
        said.err
    );
}

pub(crate) fn trace() -> std::path::PathBuf {
    let path: &Path = root();
    path.join("tests/traces/KTH-SP2-1996.swf.gz")
}
