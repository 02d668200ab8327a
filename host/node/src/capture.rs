//! Captured output: what the processes of one piece of work write, in files below the node's output folder.
//!
//! Not a pipe: the processes write into the files themselves, so that output costs the host nothing and outlives it. Called
//! by `processes` for a file to hand to a process, and by `work` at the end.
//!
//! # Layout
//! `OUTPUT/JOB/TASK.INSTANCE.ATTEMPT.out` and `….err`: one pair for each attempt, however many processes it starts; all of them
//! append. At the end a file that is empty is not there.
//!
//! # Files that mostly are not there
//! Most tasks write nothing. A file to capture into is therefore made without a name (`O_TMPFILE`), named when the work is older
//! than a check interval or has ended with something in it, and used again for the next work if it stayed empty and nobody is left who
//! could write to it. (To make, name and remove two files costs about a fifth of what starting a process does.) Where the file
//! system has no nameless files they are named from the start. If the *machine* goes down, or the node process, what was
//! written less than [`CHECK_EVERY`] after the first start may be lost with the name.
//!
//! # The limit
//! A resource limit (`RLIMIT_FSIZE`) would also hit the files that the job makes for itself, so the node looks at the size of running
//! work's output every [`CHECK_EVERY`], less often (up to [`CHECK_QUIET`]) while nothing is written, and cuts. What holds: after the end a file has
//! at most the limit, which are its first bytes, and the mark. Meanwhile it may be larger by what is written between two checks.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use jobyard_kernel::Execution;
use rustix::fs::{AtFlags, CWD, OFlags};

/// How often the output of running work is looked at.
pub const CHECK_EVERY: Duration = Duration::from_millis(250);
/// How often at least, when it has not grown for a while.
pub const CHECK_QUIET: Duration = Duration::from_secs(2);
/// How much of the captured output goes with the report of an end, in bytes.
pub const OUTPUT_TAIL_BYTES: usize = 4096;
/// How many empty files are kept for the next work.
const SPARE_FILES_MAX: usize = 64;

/// One of the two streams that are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Output,
    Error,
}

/// The captured output of all work on this node.
#[derive(Debug)]
pub(crate) struct CaptureStore {
    folder: PathBuf,
    bytes_max: u64,
    spare: Mutex<Vec<File>>,
    running: Mutex<Running>,
    changed: Condvar,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Running {
    captures: BTreeMap<u64, Weak<Capture>>,
    closed: bool,
}

/// The captured output of one piece of work.
#[derive(Debug)]
pub(crate) struct Capture {
    store: Arc<CaptureStore>,
    key: u64,
    execution: Execution,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    output: Stream,
    error: Stream,
    next_check: Instant,
    interval: Duration,
}

#[derive(Debug)]
enum Stream {
    /// Nobody asked for it.
    Unused,
    /// Has no name yet.
    Nameless(File),
    /// Under its name.
    Named { bytes: u64, cut: bool },
}

impl CaptureStore {
    /// Makes the folder and starts the thread that checks.
    pub(crate) fn new(folder: PathBuf, bytes_max: u64) -> io::Result<Arc<CaptureStore>> {
        std::fs::create_dir_all(&folder)?;
        let store = Arc::new(CaptureStore {
            folder: std::path::absolute(folder)?,
            bytes_max,
            spare: Mutex::default(),
            running: Mutex::default(),
            changed: Condvar::new(),
            next: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&store);
        std::thread::Builder::new()
            .name("output".into())
            .spawn(move || check_all(&weak))?;
        Ok(store)
    }

    /// Output for one piece of work; costs nothing until a stream is asked for.
    pub(crate) fn capture(self: &Arc<Self>, execution: Execution) -> Arc<Capture> {
        Arc::new(Capture {
            store: self.clone(),
            key: self.next.fetch_add(1, Ordering::Relaxed),
            execution,
            state: Mutex::new(State {
                output: Stream::Unused,
                error: Stream::Unused,
                next_check: Instant::now() + CHECK_EVERY,
                interval: CHECK_EVERY,
            }),
        })
    }

    /// Ends the thread. What still runs is not checked any more.
    pub(crate) fn close(&self) {
        lock(&self.running).closed = true;
        self.changed.notify_all();
    }

    fn nameless(&self) -> io::Result<File> {
        if let Some(file) = lock(&self.spare).pop() {
            return Ok(file);
        }
        OpenOptions::new()
            .write(true)
            .read(true)
            .mode(0o600)
            .custom_flags((OFlags::TMPFILE | OFlags::APPEND).bits().cast_signed())
            .open(&self.folder)
    }

    fn spare(&self, file: File) {
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE_FILES_MAX {
            spare.push(file);
        }
    }

    fn mark(&self) -> String {
        format!(
            "\n[jobyard: output over {} bytes was cut]\n",
            self.bytes_max
        )
    }
}

impl Capture {
    /// A file for a process to write this stream to.
    pub(crate) fn file(self: &Arc<Self>, which: Which) -> io::Result<File> {
        let mut state = self.lock();
        let first = matches!(
            (&state.output, &state.error),
            (Stream::Unused, Stream::Unused)
        );
        let file = match state.stream(which) {
            Stream::Nameless(file) => file.try_clone()?,
            Stream::Named { .. } => open_append(&self.path(which))?,
            stream @ Stream::Unused => match self.store.nameless() {
                Ok(file) => {
                    let copy = file.try_clone()?;
                    *stream = Stream::Nameless(file);
                    copy
                }
                Err(error) if !has_no_nameless(&error) => return Err(error),
                Err(_) => {
                    std::fs::create_dir_all(self.folder())?;
                    let path = self.path(which);
                    remove_if_there(&path)?;
                    let file = open_append(&path)?;
                    *stream = Stream::Named {
                        bytes: 0,
                        cut: false,
                    };
                    file
                }
            },
        };
        drop(state);
        if first {
            let mut running = lock(&self.store.running);
            running.captures.insert(self.key, Arc::downgrade(self));
            if running.captures.len() == 1 {
                self.store.changed.notify_all();
            }
        }
        Ok(file)
    }

    /// Device and inode of the files: a process that has one of them open belongs to this work.
    pub(crate) fn identities(&self) -> Vec<(u64, u64)> {
        let state = self.lock();
        let streams = [(&state.output, Which::Output), (&state.error, Which::Error)];
        let found = streams
            .into_iter()
            .filter_map(|(stream, which)| match stream {
                Stream::Unused => None,
                Stream::Nameless(file) => rustix::fs::fstat(file).ok(),
                Stream::Named { .. } => rustix::fs::lstat(self.path(which)).ok(),
            });
        found.map(|stat| (stat.st_dev, stat.st_ino)).collect()
    }

    /// Whether nothing was written so far and no file has a name: then [`finish`](Self::finish) costs next to nothing.
    pub(crate) fn is_silent(&self) -> bool {
        let state = self.lock();
        [&state.output, &state.error]
            .into_iter()
            .all(|stream| match stream {
                Stream::Unused => true,
                Stream::Nameless(file) => file.metadata().is_ok_and(|m| m.len() == 0),
                Stream::Named { .. } => false,
            })
    }

    /// Ends the capture when no process is left, and returns the last of what was written.
    ///
    /// `certain`: nobody who could still write is left. Errors are the store's folder's: what can not be read is not in the tail.
    pub(crate) fn finish(&self, certain: bool) -> io::Result<String> {
        lock(&self.store.running).captures.remove(&self.key);
        let mut state = self.lock();
        let mut tails = [Vec::new(), Vec::new()];
        let mut result = Ok(());
        for (which, tail) in [Which::Output, Which::Error].into_iter().zip(&mut tails) {
            match self.finish_stream(state.stream(which), which, certain) {
                Ok(bytes) => *tail = bytes,
                Err(error) => result = Err(error),
            }
        }
        result.map(|()| join_tails(&tails[0], &tails[1]))
    }

    fn finish_stream(
        &self,
        stream: &mut Stream,
        which: Which,
        certain: bool,
    ) -> io::Result<Vec<u8>> {
        if let Stream::Nameless(file) = stream
            && file.metadata()?.len() > 0
        {
            self.name(stream, which)?;
        }
        match std::mem::replace(stream, Stream::Unused) {
            Stream::Unused => Ok(Vec::new()),
            Stream::Nameless(file) => {
                if certain {
                    self.store.spare(file);
                }
                Ok(Vec::new())
            }
            Stream::Named { mut cut, .. } => {
                let path = self.path(which);
                let mut file = match open_no_follow(&path) {
                    Ok(file) => file,
                    // The job removed it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                    Err(error) => return Err(error),
                };
                let bytes = self.cut(&file, &mut cut)?;
                if bytes == 0 {
                    remove_if_there(&path)?;
                    return Ok(Vec::new());
                }
                let mut tail = Vec::new();
                file.seek(SeekFrom::Start(
                    bytes.saturating_sub(OUTPUT_TAIL_BYTES as u64),
                ))?;
                file.take(OUTPUT_TAIL_BYTES as u64).read_to_end(&mut tail)?;
                Ok(tail)
            }
        }
    }

    /// Names files that have none yet, and cuts what is too long.
    fn check(&self, now: Instant) -> io::Result<()> {
        let mut state = self.lock();
        if now < state.next_check {
            return Ok(());
        }
        let mut grew = false;
        for which in [Which::Output, Which::Error] {
            let stream = state.stream(which);
            if let Stream::Nameless(_) = stream {
                self.name(stream, which)?;
            }
            let Stream::Named { bytes, cut } = stream else {
                continue;
            };
            let size = match rustix::fs::lstat(self.path(which)) {
                Ok(found) => u64::try_from(found.st_size).unwrap_or_default(),
                Err(rustix::io::Errno::NOENT) => 0,
                Err(errno) => return Err(errno.into()),
            };
            grew |= size != *bytes;
            *bytes = size;
            if size > self.store.bytes_max {
                *bytes = self.cut(&open_no_follow(&self.path(which))?, cut)?;
            }
        }
        state.interval = match grew {
            true => CHECK_EVERY,
            false => (state.interval * 2).min(CHECK_QUIET),
        };
        state.next_check = now + state.interval;
        Ok(())
    }

    /// Cuts a file that is longer than the limit, and returns its length.
    ///
    /// Its writers append, so they go on after the mark, and the next check cuts again.
    fn cut(&self, file: &File, cut: &mut bool) -> io::Result<u64> {
        let (size, max, mark) = (
            file.metadata()?.len(),
            self.store.bytes_max,
            self.store.mark(),
        );
        let whole = max + mark.len() as u64;
        if size <= max || (*cut && size == whole) {
            return Ok(size);
        }
        file.write_all_at(mark.as_bytes(), max)?;
        file.set_len(whole)?;
        *cut = true;
        Ok(whole)
    }

    fn name(&self, stream: &mut Stream, which: Which) -> io::Result<()> {
        let Stream::Nameless(file) = stream else {
            return Ok(());
        };
        let path = self.path(which);
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = || rustix::fs::linkat(CWD, &from, CWD, &path, AtFlags::SYMLINK_FOLLOW);
        let linked = match link() {
            Err(rustix::io::Errno::NOENT) => {
                std::fs::create_dir_all(self.folder())?;
                link()
            }
            // Left from another life of the node.
            Err(rustix::io::Errno::EXIST) => {
                remove_if_there(&path)?;
                link()
            }
            other => other,
        };
        linked?;
        *stream = Stream::Named {
            bytes: 0,
            cut: false,
        };
        Ok(())
    }

    /// The folder of its files, which is made when there are some.
    pub(crate) fn folder(&self) -> PathBuf {
        self.store.folder.join(self.execution.job.to_string())
    }

    /// Where this stream's file is, if it is there.
    pub(crate) fn path(&self, which: Which) -> PathBuf {
        let (output, error) = files(&self.store.folder, self.execution);
        match which {
            Which::Output => output,
            Which::Error => error,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The two files of an attempt below the output folder `folder`.
pub(crate) fn files(folder: &Path, execution: Execution) -> (PathBuf, PathBuf) {
    let Execution {
        job,
        task,
        instance,
        attempt,
    } = execution;
    let folder = folder.join(job.to_string());
    let file = |extension| folder.join(format!("{task}.{instance}.{attempt}.{extension}"));
    (file("out"), file("err"))
}

impl State {
    fn stream(&mut self, which: Which) -> &mut Stream {
        match which {
            Which::Output => &mut self.output,
            Which::Error => &mut self.error,
        }
    }
}

/// The checking thread: asleep while nothing is captured.
fn check_all(store: &Weak<CaptureStore>) {
    while let Some(store) = store.upgrade() {
        let mut running = lock(&store.running);
        if running.closed {
            return;
        }
        let captures: Vec<_> = running
            .captures
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        drop(running);
        let now = Instant::now();
        for capture in captures {
            // A full or broken disk shows itself to the process that writes, and at the end.
            let _ = capture.check(now);
        }
        running = lock(&store.running);
        running
            .captures
            .retain(|_, capture| capture.strong_count() > 0);
        if running.closed {
            return;
        }
        // Long enough to cost nothing, short enough to see that the store is gone.
        let wait = if running.captures.is_empty() {
            CHECK_QUIET
        } else {
            CHECK_EVERY
        };
        drop(store.changed.wait_timeout(running, wait));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_no_nameless(error: &io::Error) -> bool {
    matches!(
        error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error),
        Some(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL)
    )
}

fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

fn open_no_follow(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The ends of both streams, output first, in at most [`OUTPUT_TAIL_BYTES`]. Each is sure of half.
fn join_tails(output: &[u8], error: &[u8]) -> String {
    let half = OUTPUT_TAIL_BYTES / 2;
    let error_share = error.len().min(OUTPUT_TAIL_BYTES - output.len().min(half));
    let mut joined = last(output, OUTPUT_TAIL_BYTES - error_share);
    joined.push_str(&last(error, error_share));
    // Bytes that are not UTF-8 become longer.
    let mut from = joined.len().saturating_sub(OUTPUT_TAIL_BYTES);
    while !joined.is_char_boundary(from) {
        from += 1;
    }
    joined.split_off(from)
}

fn last(bytes: &[u8], count: usize) -> String {
    let mut from = bytes.len().saturating_sub(count);
    // Not from within a character.
    while from > 0 && from < bytes.len() && bytes[from] & 0xc0 == 0x80 {
        from += 1;
    }
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use jobyard_kernel::{JobId, TaskId};

    use super::*;

    const EXECUTION: Execution = Execution {
        job: JobId(7),
        task: TaskId(2),
        instance: 3,
        attempt: 1,
    };

    fn store(bytes_max: u64) -> (tempfile::TempDir, Arc<CaptureStore>) {
        let folder = tempfile::tempdir().unwrap();
        let store = CaptureStore::new(folder.path().join("output"), bytes_max).unwrap();
        (folder, store)
    }

    #[test]
    fn silent_work_leaves_nothing_and_its_files_are_used_again() {
        let (_folder, store) = store(100);
        let capture = store.capture(EXECUTION);
        drop(capture.file(Which::Output).unwrap());
        drop(capture.file(Which::Error).unwrap());
        assert!(capture.is_silent());
        assert_eq!(capture.finish(true).unwrap(), "");
        assert_eq!(std::fs::read_dir(&store.folder).unwrap().count(), 0);
        assert_eq!(lock(&store.spare).len(), 2);
    }

    #[test]
    fn what_was_written_is_kept_and_cut() {
        let (_folder, store) = store(10);
        let capture = store.capture(EXECUTION);
        let mut writer = capture.file(Which::Output).unwrap();
        writer.write_all(b"0123456789").unwrap();
        capture.check(Instant::now() + CHECK_EVERY).unwrap();
        let path = store.folder.join("7/2.3.1.out");
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"0123456789",
            "the limit itself is not over it"
        );
        writer.write_all(b"abc").unwrap();
        capture.check(Instant::now() + CHECK_QUIET * 2).unwrap();
        let cut = "0123456789\n[jobyard: output over 10 bytes was cut]\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), cut);
        // The writer appends: what it writes now comes after the mark, and goes too.
        writer.write_all(b"more").unwrap();
        let mut second = capture.file(Which::Output).unwrap();
        second.write_all(b"and more").unwrap();
        assert_eq!(capture.finish(true).unwrap(), cut);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), cut);
    }

    #[test]
    fn a_named_file_that_stayed_empty_goes() {
        let (_folder, store) = store(10);
        let capture = store.capture(EXECUTION);
        let _writer = capture.file(Which::Error).unwrap();
        capture.check(Instant::now() + CHECK_EVERY).unwrap();
        let path = store.folder.join("7/2.3.1.err");
        assert!(path.exists());
        assert!(!capture.is_silent());
        capture.finish(true).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn tails_share_four_kibibytes() {
        let (long, short) = (vec![b'o'; 10_000], b"short".to_vec());
        let tail = join_tails(&long, &short);
        assert_eq!((tail.len(), tail.ends_with("oshort")), (4096, true));
        let tail = join_tails(&short, &vec![b'e'; 10_000]);
        assert_eq!((tail.len(), tail.starts_with("shorte")), (4096, true));
        let tail = join_tails(&long, &vec![b'e'; 10_000]);
        assert_eq!((tail.len(), tail.matches('e').count()), (4096, 2048));
        assert_eq!(join_tails(b"a\n", b""), "a\n");
        // Cut between characters, and never longer after making text of what was none.
        assert!(
            join_tails(&"ä".repeat(5000).into_bytes(), b"")
                .chars()
                .all(|c| c == 'ä')
        );
        assert!(join_tails(&vec![0xff; 10_000], b"").len() <= 4096);
    }
}
