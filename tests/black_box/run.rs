//! `jobyard run`: job files and commands from end to end.

use jobyard_tests::{Place, root, run};

/// Primes below 400,000: what the example computes in 200 instances.
const PRIMES: &str = "33860";

#[test]
fn the_example_runs_in_each_of_its_three_languages() {
    for file in ["sweep.toml", "sweep.json", "sweep.xml"] {
        let place = Place::new();
        let example = root().join("examples").join(file);
        let said = run(place
            .jobyard("run")
            .arg(example)
            .args(["--format", "json", "--output", "here"]));
        assert_eq!(said.code, Some(0), "{file}: {} {}", said.out, said.err);
        let job = said.json();
        assert_eq!(
            (job["state"].as_str(), job["status"].as_u64()),
            (Some("Finished"), Some(3)),
            "{file}"
        );
        let sweep = &job["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|t| t["kind"] == "sweep")
            .unwrap();
        assert_eq!(sweep["counts"]["finished"], 200, "{file}");
        assert_eq!(sweep["outcomes"][0]["instances"], "1-200", "{file}");
        // What the collecting task printed is the only captured output; the scratch folder is gone.
        let outputs: Vec<_> = std::fs::read_dir(place.path().join("here/output/1"))
            .unwrap()
            .collect();
        assert_eq!(outputs.len(), 1, "{file}: {outputs:?}");
        let printed = std::fs::read_to_string(outputs[0].as_ref().unwrap().path()).unwrap();
        assert!(printed.contains(PRIMES), "{file}: {printed:?}");
        assert!(
            !place.path().join("here/scratch").exists(),
            "{file}: the scratch folder was left"
        );
        assert_eq!(
            said.err, "",
            "{file}: no progress bar where there is no terminal"
        );
    }
}

#[test]
fn a_command_behaves_as_if_it_ran_in_the_terminal() {
    let place = Place::new();
    let script = "echo out; echo err >&2; pwd; exit $CODE";
    let said = run(place
        .jobyard("run")
        .env("CODE", "0")
        .args(["--", "sh", "-c", script]));
    let here = place.path().canonicalize().unwrap();
    assert_eq!(said.out, format!("out\n{}\n", here.display()));
    assert!(
        said.err.starts_with("err\n") && said.err.contains("job 1 sh: Finished"),
        "{}",
        said.err
    );
    assert_eq!(said.code, Some(0));

    let said = run(place
        .jobyard("run")
        .env("CODE", "3")
        .args(["--", "sh", "-c", script]));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("job 1 sh: Failed") && said.err.contains("exit code 3"),
        "{}",
        said.err
    );
}

#[test]
fn arguments_reach_a_command_as_they_are() {
    let place = Place::new();
    let said = run(place
        .jobyard("run")
        .args(["--", "printf", "%s|", "a b", "it's", "$HOME", "*", ""]));
    assert_eq!(said.out, "a b|it's|$HOME|*||");
}

#[test]
fn the_table_names_tasks_states_exit_codes_times_and_output() {
    let place = Place::new();
    let job = place.file(
        "job.toml",
        r#"
        name = "two"
        [[task]]
        name = "good"
        command = "echo fine"
        [[task]]
        name = "bad"
        command = "exit 7"
        "#,
    );
    let said = run(place.jobyard("run").arg(job));
    assert_eq!(said.code, Some(1), "{}", said.err);
    for expected in [
        "job 1 two: Failed",
        "good",
        "Finished",
        "bad",
        "1 failed",
        "7",
        "output: ",
        "exit code 7",
    ] {
        assert!(
            said.out.contains(expected),
            "{expected} is not in:\n{}",
            said.out
        );
    }
}

#[test]
fn exit_codes_retries_and_dependencies_follow_the_rules() {
    let place = Place::new();
    let job = place.file(
        "job.toml",
        r#"
        task_retry_limit = 2
        [[task]]
        name = "third time lucky"
        command = "echo x >> tries; test $(wc -l < tries) -eq 3"
        [[task]]
        name = "odd but valid"
        command = "exit 42"
        valid_exit_codes = "42"
        [[task]]
        name = "last"
        command = "cp tries seen"
        after = ["third time lucky", "odd but valid"]
        "#,
    );
    let said = run(place.jobyard("run").arg(job).args(["--format", "json"]));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(place.read("seen"), "x\nx\nx\n");
}

#[test]
fn tasks_see_where_they_are() {
    let place = Place::new();
    let job = place.file(
        "job.toml",
        r#"
        name = "who"
        environment = { FROM_JOB = "j", BOTH = "job" }
        [[task]]
        command = 'echo "$CCP_JOBID.$CCP_TASKID $CCP_JOBNAME $CCP_NUMCPUS [$CCP_COREIDS] $FROM_JOB $BOTH" > seen; grep Cpus_allowed_list /proc/self/status >> seen'
        environment = { BOTH = "task" }
        "#,
    );
    let said = run(place.jobyard("run").arg(job));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let seen = place.read("seen");
    assert!(seen.starts_with("1.1 who 1 [0] j task\n"), "{seen}");
    let allowed = seen
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap();
    assert!(
        allowed.parse::<u32>().is_ok(),
        "pinned to one core, not {allowed}"
    );
}

#[test]
fn nothing_that_a_task_started_outlives_it() {
    let place = Place::new();
    let marker = format!("{}", std::process::id());
    let job = place.file(
        "job.toml",
        format!(
            r#"
        [[task]]
        command = "setsid sh -c 'echo $$ > detached; exec sleep 86{marker}' & while ! test -s detached; do :; done"
        "#
        ),
    );
    let said = run(place.jobyard("run").arg(job));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let pid = place.read("detached").trim().to_string();
    let state = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(
        !state.contains(&marker),
        "process {pid} is still there: {state}"
    );
}

#[test]
fn another_policy_is_a_file_or_a_name_away() {
    let place = Place::new();
    let component = root().join("plugins/builtin/policy-fifo.wasm");
    for policy in ["fifo", component.to_str().unwrap()] {
        let said = run(place
            .jobyard("run")
            .args(["--policy", policy, "--", "true"]));
        assert_eq!(said.code, Some(0), "{policy}: {}", said.err);
    }
}
