//! A real daemon in a folder of its own, and what is said to it. Used by black-box tests and by the crashes.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde_json::Value;

use crate::https::Https;
use crate::{Place, Said, run, wait_for};

/// A daemon in a folder of its own; killed when the test ends.
pub struct Daemon {
    /// Its folder; the data folder is `data` in it.
    pub place: Place,
    child: Option<Child>,
}

impl Daemon {
    /// A new one.
    pub fn start() -> Daemon {
        Daemon::start_in(Place::new(), &[])
    }

    /// A new one there.
    pub fn start_in(place: Place, arguments: &[&str]) -> Daemon {
        let mut daemon = Daemon { place, child: None };
        daemon.again(arguments);
        daemon
    }

    /// Starts another in the same folder.
    pub fn again(&mut self, arguments: &[&str]) {
        let log = std::fs::File::create(self.place.path().join("log")).expect("a file to log to");
        let mut command = self.place.jobyard("serve");
        command.args(["--data", "data"]).args(arguments);
        // One port is for one daemon, and tests have many.
        if !["--listen", "--config"]
            .iter()
            .any(|said| arguments.contains(said))
        {
            command.args(["--listen", "off"]);
        }
        // Tests that run as root have their tasks do what only root may.
        let config = arguments
            .iter()
            .skip_while(|said| **said != "--config")
            .nth(1);
        let says_so = config.is_some_and(|file| self.place.read(file).contains("[tasks]"));
        if rustix::process::geteuid().is_root() && !says_so {
            command.arg("--root-tasks");
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut child = command.spawn().expect("the binary starts");
        wait_for("the daemon to be ready", || {
            let ended = child.try_wait().expect("a child can be asked");
            assert_eq!(ended, None, "the daemon ended: {}", self.place.read("log"));
            let log = self.place.read("log");
            log.contains("ready on").then_some(())
        });
        self.child = Some(child);
    }

    /// The way to it over the network, where it listens there.
    pub fn https(&self) -> Https {
        let log = self.place.read("log");
        let (_, at) = log.split_once("https://").expect("it listens");
        let at = at.split_whitespace().next().unwrap_or_default();
        let at = at.parse().expect("an address");
        Https::new(at, &self.place.path().join("data"))
    }

    /// Its process; 0 when it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).expect("the daemon runs");
        kill_process(pid, signal).expect("the daemon is there");
    }

    /// The number of the node process of this machine, which outlives the daemon.
    pub fn node_process(&self) -> Option<Pid> {
        node_process(&self.place.path().join("data"))
    }

    /// Asks node processes to end their work and themselves, and waits until they have.
    fn end_node_processes(&self) {
        let data = self.place.path().join("data");
        let nodes = std::fs::read_dir(data.join("nodes"));
        let nodes = nodes.into_iter().flatten().flatten();
        let folders = nodes.map(|node| node.path()).chain([data]);
        folders.for_each(|folder| self.end_node_process(&folder));
    }

    fn end_node_process(&self, folder: &Path) {
        let Some(process) = node_process(folder).and_then(|pid| {
            let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            // Only if it still is the one that was meant: numbers are used again.
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let data = self.place.path().as_os_str().as_encoded_bytes();
            arguments
                .windows(data.len())
                .any(|part| part == data)
                .then_some(process)
        }) else {
            return;
        };
        // It may be about to end by itself.
        let _ = pidfd_send_signal(&process, Signal::TERM);
        wait_for("the node process to end", || {
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            poll(&mut ended, Some(&Timespec::default())).ok()?;
            ended[0].revents().contains(PollFlags::IN).then_some(())
        });
    }

    /// Waits for its end and returns its exit code, none after a signal, and what it said.
    pub fn end(&mut self) -> (Option<i32>, String) {
        let mut child = self.child.take().expect("the daemon runs");
        let status = wait_for("the daemon to end", || {
            child.try_wait().expect("a child can be asked")
        });
        (status.code(), self.place.read("log"))
    }

    /// `jobyard job list …` with this daemon.
    pub fn verb(&self, words: &[&str]) -> Command {
        let mut command = self.place.jobyard(words[0]);
        command.args(&words[1..]).env("JOBYARD_DATA", "data");
        command
    }

    /// Says it.
    pub fn say(&self, words: &[&str]) -> Said {
        run(&mut self.verb(words))
    }

    /// Says it and expects that it is done.
    pub fn done(&self, words: &[&str]) -> String {
        let said = self.say(words);
        assert_eq!(said.code, Some(0), "{words:?}: {}{}", said.out, said.err);
        assert_eq!(said.err, "", "{words:?}");
        said.out
    }

    /// Says it and expects JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--format", "json"]).collect();
        let said = self.say(&words);
        assert_eq!(said.code, Some(0), "{words:?}: {}{}", said.out, said.err);
        said.json()
    }

    /// Expects a refusal: exit code 2 and one line with these words.
    pub fn refused(&self, words: &[&str], expected: &[&str]) {
        refused(&self.say(words), words, expected);
    }

    /// Submits a job file and returns its id.
    pub fn submit(&self, job: &str) -> String {
        self.place.file("job.toml", job);
        self.json(&["job", "submit", "job.toml"])["id"].to_string()
    }

    /// Waits until a job is in a fine state.
    pub fn until(&self, job: &str, state: &str) -> Value {
        wait_for(&format!("job {job} to be {state}"), || {
            let view = self.json(&["job", "view", job]);
            (view["state"] == state).then_some(view)
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.end_node_processes();
    }
}

/// Expects a refusal: exit code 2 and one line with these words.
pub fn refused(said: &Said, words: &[&str], expected: &[&str]) {
    assert_eq!(said.code, Some(2), "{words:?}: {}{}", said.out, said.err);
    assert_eq!(said.err.lines().count(), 1, "{words:?}: {}", said.err);
    for part in expected {
        assert!(
            said.err.contains(part),
            "{words:?}: {part:?} is not in {:?}",
            said.err
        );
    }
}

/// The number of the node process of a data folder.
fn node_process(data: &Path) -> Option<Pid> {
    let lock = std::fs::read_to_string(data.join("node/lock"));
    Pid::from_raw(lock.ok()?.trim().parse().ok()?)
}
