//! Jobs that come all the time while something is done to a daemon, and what is to hold of them afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jobyard_tests::daemon::Daemon;
use jobyard_tests::{ask, wait_for};

/// The daemon's node has so many cores.
pub(super) const CORES: usize = 2;
/// So many jobs run or wait; then the caller rests.
const LIVE: u64 = 6;

/// Each attempt writes when it begins and when it ends, and on which core, to a file of its job's.
const WORK: &str = "\
f=effects/$CCP_JOBID; echo begin $CCP_COREIDS $(date +%s%N) >> $f; \
sleep 0.02; echo end $CCP_COREIDS $(date +%s%N) >> $f";

/// What became of the jobs.
pub(super) struct Outcome {
    /// How many there were.
    pub(super) jobs: usize,
    /// The longest time for which a core was free while a job waited.
    pub(super) stall: Duration,
}

/// Submits jobs for as long as this takes, waits for their end, and checks that none was lost, ran twice, or ran on a core that another
/// one had.
pub(super) fn under_load<R>(daemon: &Daemon, during: impl FnOnce() -> R) -> (R, Outcome) {
    let root = daemon.place.path();
    std::fs::create_dir_all(root.join("effects")).expect("the folder can be written");
    let stop = AtomicBool::new(false);
    let (done, jobs) = thread::scope(|scope| {
        let caller = scope.spawn(|| submit_until(root, &stop));
        let until_here = Stop(&stop);
        let done = during();
        drop(until_here);
        (done, caller.join().expect("every job is accepted"))
    });
    wait_for("all jobs to end", || (live(root) == 0).then_some(()));
    let times: Vec<Times> = jobs.iter().map(|&job| ended_well(root, job)).collect();
    no_core_twice(root, &jobs);
    let outcome = Outcome {
        jobs: jobs.len(),
        stall: longest_stall(&times),
    };
    (done, outcome)
}

/// Ends the load, also where what is done meanwhile panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn submit_until(root: &Path, stop: &AtomicBool) -> Vec<u64> {
    let job = serde_json::json!({ "task": [{ "command": WORK }] }).to_string();
    let query = format!("/jobs?submit=true&folder={}", root.display());
    let mut jobs = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (status, answer) = ask(root, "POST", &query, &job).expect("the daemon answers");
        assert_eq!(status, 201, "{answer}");
        jobs.push(answer["id"].as_u64().expect("a job has an id"));
        wait_for("a job to end", || {
            (stop.load(Ordering::Relaxed) || live(root) < LIVE).then_some(())
        });
    }
    jobs
}

/// How many jobs run or wait.
fn live(root: &Path) -> u64 {
    let (_, page) = ask(root, "GET", "/jobs?status=1,2&limit=100", "").expect("the daemon answers");
    page["jobs"].as_array().map_or(0, Vec::len) as u64
}

/// A job's times, in microseconds.
#[derive(Clone, Copy)]
struct Times {
    submitted: i64,
    started: i64,
    ended: i64,
}

fn ended_well(root: &Path, job: u64) -> Times {
    let path = format!("/jobs/{job}");
    let (status, view) = ask(root, "GET", &path, "").expect("the daemon answers");
    assert_eq!(status, 200, "job {job} is lost: {view}");
    assert_eq!(view["state"], "Finished", "{view}");
    assert_eq!(view["requeue_count"], 0, "{view}");
    let at = |name: &str| {
        let text = view[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {view}"));
        let time: Timestamp = text
            .parse()
            .unwrap_or_else(|e| panic!("{name}: {e}: {view}"));
        time.as_microsecond()
    };
    Times {
        submitted: at("submitted"),
        started: at("started"),
        ended: at("ended"),
    }
}

/// What attempts wrote: each job ran once, and no two at the same time on a core.
fn no_core_twice(root: &Path, jobs: &[u64]) {
    let mut by_core = BTreeMap::<String, Vec<(u64, u64)>>::new();
    for job in jobs {
        let text = std::fs::read_to_string(root.join(format!("effects/{job}")))
            .unwrap_or_else(|e| panic!("job {job} did not run: {e}"));
        let words: Vec<&str> = text.split_whitespace().collect();
        let ["begin", core, begun, "end", same, ended] = words[..] else {
            panic!("job {job} did not run once, but: {text}");
        };
        assert_eq!(core, same, "job {job}");
        let at = |text: &str| text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        let times = (at(begun), at(ended));
        by_core.entry(core.to_owned()).or_default().push(times);
    }
    assert!(by_core.len() <= CORES, "{:?}", by_core.keys());
    for (core, mut times) in by_core {
        times.sort_unstable();
        for pair in times.windows(2) {
            assert!(
                pair[0].1 <= pair[1].0,
                "core {core} was given twice: {pair:?}"
            );
        }
    }
}

/// The longest time for which at least one job waited and at least one core was free.
fn longest_stall(jobs: &[Times]) -> Duration {
    // What changes when: how many wait, and how many run.
    let mut changes = Vec::new();
    for job in jobs {
        changes.push((job.submitted, 1, 0));
        changes.push((job.started, -1, 1));
        changes.push((job.ended, 0, -1));
    }
    changes.sort_unstable_by_key(|change| change.0);
    let (mut waiting, mut running) = (0, 0);
    let (mut since, mut longest) = (None, 0);
    for (at, waits, runs) in changes {
        waiting += waits;
        running += runs;
        let stalls = waiting > 0 && running < CORES as i64;
        if let Some(since) = since {
            longest = longest.max(at - since);
        }
        since = stalls.then(|| since.unwrap_or(at));
    }
    Duration::from_micros(longest.unsigned_abs())
}

#[test]
fn stalls_are_found() {
    let job = |submitted, started, ended| Times {
        submitted,
        started,
        ended,
    };
    let jobs = [
        job(0, 10, 50),
        job(0, 12, 60),
        job(5, 90, 99),
        job(100, 101, 102),
    ];
    assert_eq!(
        longest_stall(&jobs),
        Duration::from_micros(40),
        "from 50 to 90"
    );
    let busy = [job(0, 1, 50), job(0, 1, 60), job(5, 50, 99)];
    assert_eq!(longest_stall(&busy), Duration::from_micros(1));
}
