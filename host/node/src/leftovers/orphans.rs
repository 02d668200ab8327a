//! What `/proc` says of processes: read only. Used by `leftovers`.
//!
//! Whatever is gone or not readable is simply not there.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::LazyLock;

use rustix::process::Pid;

use super::ledger::Marks;

/// How often the list of children is read before everybody is asked.
const READS_MAX: usize = 8;

/// What of `/proc/PID/stat` is needed here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: char,
    pub(super) parent: Option<Pid>,
    /// None when its leader is outside this process's PID namespace, as in a container that was started from without.
    pub(super) group: Option<Pid>,
    /// None as for the group.
    pub(super) session: Option<Pid>,
    /// In clock ticks since the machine started.
    pub(super) started: u64,
}

impl Stat {
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// The second field is the program's name in parentheses, in which anything may be.
    fn parse(text: &str) -> Option<Stat> {
        let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = Pid::from_raw(fields.next()?.parse().ok()?);
        let group = Pid::from_raw(fields.next()?.parse().ok()?);
        let session = Pid::from_raw(fields.next()?.parse().ok()?);
        // Field 22; 7 is the next.
        let started = fields.nth(15)?.parse().ok()?;
        Some(Stat {
            state,
            parent,
            group,
            session,
            started,
        })
    }
}

pub(super) fn stat(pid: Pid) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    Stat::parse(&String::from_utf8_lossy(&text))
}

/// Now, in the clock of [`Stat::started`].
pub(super) fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    let ticks = rustix::param::clock_ticks_per_second();
    seconds * ticks + nanos * ticks / 1_000_000_000
}

/// The children of the main thread: adopted orphans, and children of threads that have ended.
///
/// The kernel promises the list only while no child ends: one that ends as it is read may hide those behind it. An empty one is certain;
/// another is taken when it reads the same twice.
pub(super) fn children() -> Vec<Pid> {
    let own = rustix::process::getpid();
    let mut before = None;
    for _ in 0..READS_MAX {
        match list_of_children() {
            Ok(list) if list.is_empty() || before.as_ref() == Some(&list) => {
                return list
                    .split_ascii_whitespace()
                    .filter_map(parse_pid)
                    .collect();
            }
            Ok(list) => before = Some(list),
            // A kernel without CONFIG_PROC_CHILDREN.
            Err(_) => break,
        }
    }
    // Everybody in turn: slow, and certain.
    all()
        .filter(|&pid| stat(pid).is_some_and(|s| s.parent == Some(own)))
        .collect()
}

/// The kernel's list, from a file that is opened once: this is asked at the end of every piece of work.
fn list_of_children() -> io::Result<String> {
    static LIST: LazyLock<Option<File>> = LazyLock::new(|| {
        let own = rustix::process::getpid();
        File::open(format!("/proc/self/task/{own}/children")).ok()
    });
    let Some(list) = &*LIST else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let (mut text, mut part) = (Vec::new(), [0; 1024]);
    loop {
        match list.read_at(&mut part, text.len() as u64)? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            count => text.extend_from_slice(&part[..count]),
        }
    }
}

/// Whether a process group has a member that is not a zombie.
pub(super) fn group_is_alive(group: Pid) -> bool {
    all()
        .filter_map(stat)
        .any(|stat| stat.group == Some(group) && !stat.is_dead())
}

/// The marks that a process was started with.
pub(super) fn marks(pid: Pid) -> Option<Marks> {
    Marks::find(&std::fs::read(format!("/proc/{pid}/environ")).ok()?)
}

/// Whether a process has one of these files open, by device and inode.
pub(super) fn has_open(pid: Pid, files: &[(u64, u64)]) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten()
        .filter_map(|entry| std::fs::metadata(entry.path()).ok())
        .any(|found| files.contains(&(found.dev(), found.ino())))
}

pub(super) fn all() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| parse_pid(entry.file_name().to_str()?))
}

fn parse_pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "42 (a) R 9 (b)) S 7 40 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9";
        let expected = Stat {
            state: 'S',
            parent: Pid::from_raw(7),
            group: Pid::from_raw(40),
            session: Pid::from_raw(41),
            started: 123_456,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        let outside = Stat::parse(&text.replace("40 41", "0 0")).unwrap();
        assert_eq!((outside.group, outside.session), (None, None));
        assert_eq!(Stat::parse("42 (a"), None);
    }

    #[test]
    fn this_process_is_as_the_system_says() {
        let own = stat(rustix::process::getpid()).unwrap();
        assert_eq!(own.parent, rustix::process::getppid());
        assert!(own.started <= now());
        assert!(own.group.is_none_or(group_is_alive));
    }

    #[test]
    fn marks_are_found_among_other_variables() {
        let environment =
            b"A=1\0JOBYARD_EXECUTION=7.1.0.2\0JOBYARD_NODE_RUNNER=x\0JOBYARD_NODE_RUN=r\0";
        let marks = Marks {
            run: "r".into(),
            execution: "7.1.0.2".into(),
        };
        assert_eq!(Marks::find(environment), Some(marks));
        assert_eq!(Marks::find(b"JOBYARD_EXECUTION=7.1.0.2\0"), None);
    }
}
