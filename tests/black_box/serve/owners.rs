//! A daemon that is root runs tasks as their owners: whoever that is, what they may use, and that there is no way back.
//!
//! Needs root; without it nothing here says something.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use jobyard_tests::{Place, ask};
use rustix::process::geteuid;

use super::Daemon;

/// A user that every Debian has, and no person is.
const OWNER: &str = "daemon";

/// A daemon whose configuration says this, in a folder that everybody may enter; none where this is not root.
fn daemon(tasks: &str) -> Option<Daemon> {
    if !geteuid().is_root() {
        return None;
    }
    let place = Place::new();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    place.file(
        "jobyard.toml",
        format!("[http]\nlisten = \"off\"\n[tasks]\n{tasks}\n"),
    );
    Some(Daemon::start_in(place, &["--config", "jobyard.toml"]))
}

/// What a job of an owner printed, or why it could not be started. Root submits for them.
fn run_as(daemon: &Daemon, owner: &str, command: &str, more: &str) -> String {
    let job = serde_json::json!({"owner": owner, "task": [{"command": command}]});
    let mut job = job.as_object().unwrap().clone();
    let more: serde_json::Value = serde_json::from_str(more).unwrap();
    let task = job["task"][0].as_object_mut().unwrap();
    task.extend(more.as_object().unwrap().clone());
    let body = serde_json::Value::from(job).to_string();
    let (status, made) = ask(daemon.place.path(), "POST", "/jobs?submit=true", &body).unwrap();
    assert_eq!(status, 201, "{made}");
    let id = made["id"].to_string();
    daemon.say(&["job", "wait", &id]);
    let task = daemon.json(&["task", "view", &format!("{id}.1")]);
    match task["last_error"].as_str() {
        Some(error) if !error.is_empty() => error.to_string(),
        _ => daemon.done(&["job", "output", &id]).trim().to_string(),
    }
}

#[test]
fn tasks_run_as_their_owner_with_no_way_to_more() {
    let Some(daemon) = daemon("") else { return };
    let who = "id -un; id -gn; echo $USER $HOME; grep NoNewPrivs /proc/self/status; ulimit -c; echo again >> /dev/stdout";
    let said = run_as(&daemon, OWNER, who, "{}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], [OWNER, OWNER], "{said}");
    assert!(lines[2].starts_with(OWNER), "{said}");
    assert_eq!(lines[3..], ["NoNewPrivs:\t1", "0", "again"], "{said}");
    // The supplementary groups are the owner's too, and none is root's.
    let groups = run_as(&daemon, OWNER, "id -G", "{}");
    assert!(!groups.split(' ').any(|group| group == "0"), "{groups}");
}

#[test]
fn nobody_is_root_unless_it_was_said() {
    let Some(quiet) = daemon("") else { return };
    assert_eq!(run_as(&quiet, "root", "id -un", "{}"), "nobody");
    assert_eq!(run_as(&quiet, "no-such-person", "id -un", "{}"), "nobody");
    let strict = daemon("guest = \"\"").unwrap();
    let refused = run_as(&strict, "no-such-person", "id -un", "{}");
    assert!(
        refused.contains("no-such-person") && refused.contains("account"),
        "{refused}"
    );
    let refused = run_as(&strict, "root", "id -un", "{}");
    assert!(refused.contains("root = true"), "{refused}");
    let open = daemon("root = true").unwrap();
    assert_eq!(run_as(&open, "root", "id -un", "{}"), "root");
}

#[test]
fn what_only_root_may_use_is_not_reached_through_a_job() {
    let Some(daemon) = daemon("") else { return };
    let secret = daemon.place.file("secret", "the secret");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let closed = daemon.place.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    let (secret, closed) = (secret.display(), closed.display());
    let table = [
        ("cat", format!(r#"{{"standard_input": "{secret}"}}"#)),
        ("echo x", format!(r#"{{"standard_output": "{secret}"}}"#)),
        ("echo x", format!(r#"{{"standard_error": "{secret}"}}"#)),
        ("pwd", format!(r#"{{"working_folder": "{closed}"}}"#)),
    ];
    for (command, more) in table {
        let said = run_as(&daemon, OWNER, command, &more);
        assert!(
            said.contains("ermission denied") && said.contains(OWNER),
            "{more}: {said}"
        );
    }
    assert_eq!(daemon.place.read("secret"), "the secret");
    let data = daemon.place.path().join("data");
    for file in ["journal.db", "users.db", "output"] {
        let said = run_as(
            &daemon,
            OWNER,
            &format!(
                "ls {0} && cat {0} 2>&1 || echo no",
                data.join(file).display()
            ),
            "{}",
        );
        assert!(said.ends_with("no"), "{file}: {said}");
    }
}

#[test]
fn the_scratch_folder_is_the_owners() {
    let Some(daemon) = daemon("") else { return };
    let job = serde_json::json!({
        "owner": OWNER,
        "prepare": {"command": "echo mine > $JOBYARD_SCRATCH/file"},
        "release": {"plugin": "scratch"},
        "task": [{"command": "stat -c %U $JOBYARD_SCRATCH $JOBYARD_SCRATCH/file && ls $JOBYARD_SCRATCH/.. || echo closed"}],
    });
    let (status, made) = ask(
        daemon.place.path(),
        "POST",
        "/jobs?submit=true",
        &job.to_string(),
    )
    .unwrap();
    assert_eq!(status, 201, "{made}");
    let id = made["id"].to_string();
    daemon.until(&id, "Finished");
    let said = daemon.done(&["job", "output", &id]);
    let expected = format!("{OWNER}\n{OWNER}\nclosed");
    assert!(said.contains(&expected), "{said}");
    let data = daemon.place.path().join("data").metadata().unwrap();
    assert_eq!(
        data.mode() & 0o777,
        0o711,
        "owners pass through to their folder"
    );
}
