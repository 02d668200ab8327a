//! A journal of many events: how long a restart takes, what live jobs and finished ones cost in memory and on disk.
//!
//! `cargo bench --bench scale`. Each part runs in a process of its own, so that memory is that of the part.

use std::path::PathBuf;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Instant;

use jobyard_journal::{Journal, Query, SqliteJournal, replay};
use jobyard_kernel::{
    Actor, Command, Event, JobId, JobSpec, Manner, NodeSpec, Span, State, TaskSpec, Timestamp, step,
};

const LIVE: u32 = 100_000;
const EVENTS: u64 = 1_000_000;
const JOBS: u32 = 1_000_000;
/// Commands whose events are appended together.
const BATCH: u32 = 500;
const SNAPSHOT_EVERY: u64 = 250_000;

struct Yard {
    state: State,
    journal: Option<SqliteJournal>,
    events: Vec<Event>,
    now: Timestamp,
    snapshot_at: u64,
}

impl Yard {
    fn new(journal: Option<SqliteJournal>) -> Self {
        let mut yard = Yard {
            state: State::new(),
            journal,
            events: Vec::new(),
            now: Timestamp(1_700_000_000_000_000),
            snapshot_at: 0,
        };
        yard.act(&Command::AddNode(NodeSpec {
            name: "n1".into(),
            cores: 16,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
            groups: Vec::new(),
        }));
        yard
    }

    fn act(&mut self, command: &Command) {
        self.now = Timestamp(self.now.0 + 1_000);
        step(&mut self.state, command, self.now, &mut self.events).expect("it is not refused");
    }

    fn submit(&mut self, number: u32) -> JobId {
        let spec = JobSpec {
            name: format!("job {number}"),
            runtime: Some(Span::from_secs(60)),
            ..JobSpec::default()
        };
        let task = TaskSpec {
            command_line: "echo hello".into(),
            ..TaskSpec::default()
        };
        let by = Actor::user(["ann", "bob", "eve"][number as usize % 3]);
        self.act(&Command::AddJob {
            by: by.clone(),
            spec: Arc::new(spec),
            tasks: vec![Arc::new(task)],
        });
        let job = JobId(number);
        self.act(&Command::SubmitJob { by, job });
        job
    }

    fn end(&mut self, job: JobId) {
        self.act(&Command::CancelJob {
            by: Actor::administrator("root"),
            job,
            message: "enough".into(),
            how: Manner::Normal,
        });
    }

    fn commit(&mut self) {
        let events = std::mem::take(&mut self.events);
        if let Some(journal) = &mut self.journal {
            let last = journal.append(&events).expect("it can be appended");
            if last - self.snapshot_at >= SNAPSHOT_EVERY.max(self.state.job_count() as u64) {
                let state = self.state.clone();
                journal.save_snapshot(last, state).expect("it can begin");
                self.snapshot_at = last;
            }
        }
    }
}

/// Memory of this process in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it can be read");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kib.expect("it has a size") / 1_024.0
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What an earlier run left.
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn restart() {
    let folder = folder("restart");
    let mut yard = Yard::new(Some(SqliteJournal::open(&folder).expect("it opens")));
    let mut number = 0;
    // A few jobs stay, most end and leave.
    while yard.journal.as_ref().is_some_and(|j| j.last() < EVENTS) {
        let mut ended = Vec::new();
        for _ in 0..BATCH {
            number += 1;
            let job = yard.submit(number);
            if yard.state.job_count() > LIVE as usize {
                yard.end(job);
                ended.push(job);
            }
        }
        yard.act(&Command::ArchiveJobs(ended));
        yard.commit();
    }
    let last = yard.journal.as_ref().map_or(0, |journal| journal.last());
    let state = std::mem::take(&mut yard.state);
    drop(yard);
    let size = std::fs::metadata(folder.join("journal.db")).map_or(0, |file| file.len());
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let journal = SqliteJournal::open(&folder).expect("it opens");
        let replayed = replay(&journal).expect("it can be read");
        times.push(start.elapsed().as_secs_f64());
        assert!(replayed == state, "the state is what it was");
    }
    times.sort_by(f64::total_cmp);
    println!(
        "restart with {} live jobs and {last} events ({} MiB): {:.2} s",
        state.job_count(),
        size >> 20,
        times[times.len() / 2]
    );
    let journal = SqliteJournal::open(&folder).expect("it opens");
    let start = Instant::now();
    journal.snapshot().expect("it can be read");
    println!(
        "  of that the snapshot: {:.2} s",
        start.elapsed().as_secs_f64()
    );
    drop(journal);
    std::fs::remove_dir_all(folder).expect("it can be removed");
}

fn queued() {
    let before = resident();
    let mut yard = Yard::new(None);
    for number in 1..=JOBS {
        yard.submit(number);
        yard.events.clear();
    }
    let used = resident() - before;
    println!(
        "{JOBS} queued jobs: {used:.0} MiB, {:.0} bytes each",
        used * 1_048_576.0 / f64::from(JOBS)
    );
    let start = Instant::now();
    let copy = yard.state.clone();
    let took = start.elapsed().as_secs_f64() * 1e3;
    println!(
        "  a copy for a snapshot: {took:.0} ms, {:.0} MiB more",
        resident() - before - used
    );
    drop(copy);
    let folder = folder("queued");
    let mut journal = SqliteJournal::open(&folder).expect("it opens");
    yard.submit(JOBS + 1);
    journal.append(&yard.events).expect("it can be appended");
    let start = Instant::now();
    let (at, state) = (journal.last(), yard.state.clone());
    journal.save_snapshot(at, state).expect("it can begin");
    journal.settle().expect("it can be written");
    println!(
        "  writing the snapshot beside the loop: {:.1} s",
        start.elapsed().as_secs_f64()
    );
    drop(journal);
    std::fs::remove_dir_all(folder).expect("it can be removed");
}

fn finished() {
    let folder = folder("finished");
    let mut yard = Yard::new(Some(SqliteJournal::open(&folder).expect("it opens")));
    let mut after = Vec::new();
    for number in 1..=JOBS {
        let job = yard.submit(number);
        yard.end(job);
        if number % BATCH == 0 {
            let jobs = yard.state.jobs().map(|job| job.id).collect();
            yard.act(&Command::ArchiveJobs(jobs));
            yard.commit();
        }
        if number % (JOBS / 10) == 0 {
            after.push(resident());
        }
    }
    let sizes: Vec<String> = after.iter().map(|size| format!("{size:.0}")).collect();
    println!(
        "memory after each {} finished jobs: {} MiB",
        JOBS / 10,
        sizes.join(", ")
    );
    let journal = yard.journal.take().expect("there is one");
    let start = Instant::now();
    let history = journal.history().expect("it opens");
    let query = || Query {
        owner: Some("bob".into()),
        limit: 100,
        ..Query::default()
    };
    history.jobs(&query()).expect("it can be read");
    let first = start.elapsed().as_secs_f64();
    let start = Instant::now();
    history.jobs(&query()).expect("it can be read");
    let next = start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    history.job(JobId(JOBS / 2)).expect("it can be read");
    let one = start.elapsed().as_secs_f64() * 1e6;
    println!(
        "  a page of 100 of one owner: {next:.2} ms (the first, after the check of all: {first:.1} s); one job: {one:.0} µs"
    );
    let size = std::fs::metadata(folder.join("journal.db")).map_or(0, |file| file.len());
    println!("  the file has {} MiB", size >> 20);
    drop(journal);
    std::fs::remove_dir_all(folder).expect("it can be removed");
}

fn main() {
    let part = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    match part.as_deref() {
        Some("restart") => restart(),
        Some("queued") => queued(),
        Some("finished") => finished(),
        Some(other) => panic!("{other} is none of restart, queued, finished"),
        None => {
            let this = std::env::current_exe().expect("it has a name");
            for part in ["restart", "queued", "finished"] {
                let done = Process::new(&this).arg(part).status();
                assert!(done.is_ok_and(|status| status.success()), "{part} failed");
            }
        }
    }
}
