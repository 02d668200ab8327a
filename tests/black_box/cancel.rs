//! Ctrl-C: grace period, node release, exit code 130.

use std::process::{Child, Command, Stdio};

use jobyard_tests::{Place, Said, wait_for};
use rustix::process::{Pid, Signal, kill_process};

const JOB: &str = r#"
[[task]]
name = "stubborn"
command = "trap 'echo asked >> asked; exit 0' INT; echo $$ > begun; while :; do sleep 0.05; done"
[[task]]
name = "waits"
command = "echo never > never"
after = ["stubborn"]
[release]
command = "echo released > released"
"#;

fn start(place: &Place, job: &str) -> Child {
    spawn(&mut runs(place, job))
}

fn runs(place: &Place, job: &str) -> Command {
    let job = place.file("job.toml", job);
    let mut command = place.jobyard("run");
    command.arg(job).args(["--format", "json"]);
    command
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id() as i32).expect("a child has an id");
    kill_process(pid, signal).expect("the child is there");
}

fn begun(place: &Place) {
    let file = place.path().join("begun");
    wait_for("the task to begin", || {
        std::fs::read_to_string(&file)
            .ok()
            .filter(|t| t.ends_with('\n'))
    });
}

fn end(child: Child) -> Said {
    child
        .wait_with_output()
        .expect("the child can be waited for")
        .into()
}

#[test]
fn ctrl_c_asks_the_task_to_end_and_releases_the_node() {
    let place = Place::new();
    let child = start(&place, JOB);
    begun(&place);
    signal(&child, Signal::INT);
    let said = end(child);
    assert_eq!(said.code, Some(130), "{}{}", said.out, said.err);
    assert_eq!(place.read("asked"), "asked\n");
    assert_eq!(place.read("released"), "released\n");
    assert!(
        !place.path().join("never").exists(),
        "a queued task ran after the cancel"
    );
    let job = said.json();
    assert_eq!(
        (job["state"].as_str(), job["status"].as_u64()),
        (Some("Canceled"), Some(5))
    );
    assert_eq!(job["error_message"], "interrupted (Ctrl-C)");
    assert_eq!(
        job["tasks"][0]["state"], "Failed",
        "a running task that is canceled has failed"
    );
    assert_eq!(job["tasks"][1]["state"], "Canceled");
}

#[test]
fn sigterm_cancels_too() {
    let place = Place::new();
    let child = start(&place, JOB);
    begun(&place);
    signal(&child, Signal::TERM);
    assert_eq!(end(child).code, Some(143));
    assert_eq!(place.read("released"), "released\n");
}

/// As a script does it that starts something in the background. Shells cannot trap what was ignored when they began.
#[test]
fn tasks_are_asked_to_end_also_where_the_signal_was_ignored() {
    let place = Place::new();
    let plain = runs(&place, JOB);
    let mut ignores = Command::new("sh");
    ignores
        .args(["-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(plain.get_current_dir().unwrap_or(place.path()));
    let child = spawn(&mut ignores);
    begun(&place);
    signal(&child, Signal::HUP);
    signal(&child, Signal::TERM);
    assert_eq!(end(child).code, Some(143), "and HUP was ignored");
    assert_eq!(place.read("asked"), "asked\n");
}

#[test]
fn a_second_ctrl_c_kills_at_once_without_release() {
    let place = Place::new();
    let deaf = JOB.replace(
        "trap 'echo asked >> asked; exit 0' INT",
        "trap 'echo asked >> asked' INT",
    );
    let child = start(&place, &deaf);
    begun(&place);
    signal(&child, Signal::INT);
    let asked = place.path().join("asked");
    wait_for("the task to be asked", || asked.exists().then_some(()));
    signal(&child, Signal::INT);
    let said = end(child);
    assert_eq!(said.code, Some(130), "{}{}", said.out, said.err);
    assert_eq!(said.json()["state"], "Canceled");
    assert!(
        !place.path().join("released").exists(),
        "a forced cancel runs no release"
    );
    let pid = place.read("begun").trim().to_string();
    assert!(
        !std::path::Path::new("/proc").join(&pid).exists(),
        "the task {pid} is still there"
    );
}
