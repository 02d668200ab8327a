//! What is left of a node process that was killed: found and killed before the next one takes work.
//!
//! Other than in `ledger`, nothing here is a child of this process, and nothing is known but the names of the former runs. Called by
//! the node process at its start, and nowhere else.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};

use super::orphans;

const PAUSE: Duration = Duration::from_millis(5);
/// How often it is said that a process does not go away.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// So many looks in a row must find nobody: a process may be missed by one that has just forked, or is just loading a program.
const QUIET_LOOKS: u32 = 3;

/// Kills the processes of these runs, and whoever writes to a file below `output`; returns when there are none, and how many there were.
/// Takes as long as that takes; `say` hears of those that do not die (they wait for a device or a file system).
pub(crate) fn kill_former(runs: &[String], output: &Path, mut say: impl FnMut(String)) -> usize {
    let mut all = BTreeSet::new();
    let mut quiet = 0;
    let mut say_at = Instant::now() + SAY_EVERY;
    loop {
        let found = look(runs, output);
        for &pid in &found {
            all.insert(pid.as_raw_nonzero());
            // Fails for those that have just gone, and for those of other users, which `look` does not return.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        if quiet == QUIET_LOOKS {
            return all.len();
        }
        if Instant::now() >= say_at {
            say_at = Instant::now() + SAY_EVERY;
            say(format!("waiting for killed processes to go: {found:?}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Living processes of these runs that may be killed.
fn look(runs: &[String], output: &Path) -> Vec<Pid> {
    let own = rustix::process::getpid();
    orphans::all()
        .filter(|&pid| pid != own)
        .filter(|&pid| orphans::stat(pid).is_some_and(|stat| !stat.is_dead()))
        .filter(|&pid| match orphans::marks(pid) {
            Some(marks) => runs.contains(&marks.run),
            None => writes_below(pid, output),
        })
        .filter(|&pid| rustix::process::test_kill_process(pid).is_ok())
        .collect()
}

/// Whether a process has a file below `folder` open for writing: who only reads is a person who looks at output.
fn writes_below(pid: Pid, folder: &Path) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|file| file.starts_with(folder))
            && may_write(pid, &entry.file_name().to_string_lossy())
    })
}

fn may_write(pid: Pid, descriptor: &str) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}"));
    let info = info.unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlags::ACCMODE.bits() != OFlags::RDONLY.bits())
}
