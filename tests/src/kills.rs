//! A daemon under load that is killed with `kill -9` again and again, with its node process now and then: then what was acknowledged is
//! compared with what the daemon knows, and what attempts wrote to disk with what may have run. Each submit has a key and is sent until it is
//! answered: there must be as many jobs as keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Signal, kill_process};

use crate::daemon::Daemon;
use crate::random::Random;
use crate::{ask, ask_with, wait_for};

const CALLERS: u64 = 4;
/// Jobs that may wait or run before callers rest.
const LIVE_MAX: usize = 60;
/// After the answer to a cancel, a task that was just being started may still write its first line.
const SLACK: Duration = Duration::from_secs(2);

/// Each attempt writes a line when it begins and one when it ends: its name and the time in nanoseconds.
const WORK: &str = "\
for what in begin end; do \
  echo $what $JOBYARD_EXECUTION $(date +%s%N) >> effects/${JOBYARD_EXECUTION%.*}; \
  if test $what = begin; then sleep 0.0$(($$ % 9 + 1)); fi; \
done";

/// What a run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Deaths of the daemon.
    pub kills: u32,
    /// Deaths of the node process.
    pub node_kills: u32,
    /// Submits that were acknowledged.
    pub submits: usize,
    /// Of those, the ones that had been carried out before, and whose answer was lost.
    pub replayed: usize,
    /// Cancels that were acknowledged.
    pub cancels: usize,
    /// Attempts that wrote that they began.
    pub attempts: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} of the node process; {} submits ({} replayed) and {} cancels acknowledged, {} attempts",
            self.kills, self.node_kills, self.submits, self.replayed, self.cancels, self.attempts
        )
    }
}

/// What callers were told.
#[derive(Debug, Default)]
struct Told {
    submitted: BTreeSet<u32>,
    /// Submits, each with a key of its own.
    keys: usize,
    replayed: usize,
    /// When the answer came.
    canceled: BTreeMap<u32, Duration>,
    /// Somebody asked for it; whether it was done is not known where no answer came.
    requeued: BTreeSet<u32>,
}

/// Kills a daemon so many times under load, then checks; every `node_every`-th time its node process dies with it.
///
/// # Errors
/// What was lost, or happened that must not.
pub fn run(kills: u32, node_every: u32) -> Result<Summary, String> {
    let mut daemon = Daemon::start();
    let (told, stop) = (Mutex::new(Told::default()), AtomicBool::new(false));
    let root = daemon.place.path().to_owned();
    std::fs::create_dir(root.join("effects")).map_err(|error| error.to_string())?;
    let mut summary = Summary::default();
    let (root, told_by_callers, stopped) = (&root, &told, &stop);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            scope.spawn(move || {
                let mut numbers = Random(caller + 1);
                while !stopped.load(Ordering::Relaxed) {
                    call(root, &mut numbers, told_by_callers);
                }
            });
        }
        let mut numbers = Random(99);
        for kill in 1..=kills {
            thread::sleep(Duration::from_millis(20 + numbers.below(250)));
            let node = (kill % node_every == 0).then(|| daemon.node_process());
            daemon.signal(Signal::KILL);
            daemon.end();
            summary.kills += 1;
            if let Some(Some(node)) = node {
                // Its tasks stay behind, for the next one to find.
                let _ = kill_process(node, Signal::KILL);
                summary.node_kills += 1;
            }
            daemon.again(&[]);
        }
        stopped.store(true, Ordering::Relaxed);
    });
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    wait_for("all jobs to end", || {
        let page = ask(root, "GET", "/jobs?status=1,2&limit=1", "").ok()?;
        page.1["jobs"].as_array()?.is_empty().then_some(())
    });
    summary.submits = told.submitted.len();
    summary.replayed = told.replayed;
    summary.cancels = told.canceled.len();
    check_store(root, &told)?;
    check_count(root, &told)?;
    summary.attempts = check_effects(root, &told, summary.node_kills)?;
    Ok(summary)
}

/// One request of one caller, and what it was told.
fn call(root: &Path, numbers: &mut Random, told: &Mutex<Told>) {
    let told = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let mine: Vec<u32> = told().submitted.iter().copied().collect();
    let recent = mine.len().saturating_sub(20);
    let some = mine
        .get(recent + numbers.below(20) as usize)
        .or(mine.last())
        .copied();
    match (numbers.below(10), some) {
        (0, Some(job)) => {
            let answer = ask(root, "POST", &format!("/jobs/{job}/cancel"), "{}");
            if matches!(answer, Ok((200, _))) {
                told().canceled.insert(job, now());
            }
        }
        (1, Some(job)) => {
            told().requeued.insert(job);
            // Whether it was done does not matter.
            let _ = ask(root, "POST", &format!("/jobs/{job}/requeue"), "{}");
        }
        _ => {
            let sweep = 1 + numbers.below(3);
            let command = serde_json::json!({
                "task": [{ "name": "work", "sweep": format!("1-{sweep}"), "command": WORK }],
            });
            let query = format!("/jobs?submit=true&folder={}", root.display());
            let key = {
                let mut told = told();
                told.keys += 1;
                format!("idempotency-key: submit-{}\r\n", told.keys)
            };
            let (id, replayed) = wait_for("a submit to be answered", || {
                let command = command.to_string();
                match ask_with(root, "POST", &query, &key, &command) {
                    Ok((201, job, head)) => {
                        let replayed = head.contains("idempotency-replayed: true");
                        Some((job["id"].as_u64()? as u32, replayed))
                    }
                    // It is down, or was killed before it answered: once more.
                    Ok(_) | Err(_) => None,
                }
            });
            let mut told = told();
            told.submitted.insert(id);
            told.replayed += usize::from(replayed);
            drop(told);
            let waiting = ask(root, "GET", "/jobs?status=1,2&limit=100", "");
            let live = waiting.map_or(0, |(_, page)| page["jobs"].as_array().map_or(0, Vec::len));
            if live > LIVE_MAX {
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Everything acknowledged is there.
fn check_store(root: &Path, told: &Told) -> Result<(), String> {
    for &id in &told.submitted {
        let job = match ask(root, "GET", &format!("/jobs/{id}"), "") {
            Ok((200, job)) => job,
            Ok((status, text)) => return Err(format!("job {id} is lost: {status} {text}")),
            Err(error) => return Err(format!("job {id}: {error}")),
        };
        let state = job["state"].as_str().unwrap_or_default();
        let untouched = !told.requeued.contains(&id);
        if told.canceled.contains_key(&id) && untouched && state != "Canceled" {
            return Err(format!("job {id} was canceled and is {state}"));
        }
        let finished = state == "Finished" || state == "Failed";
        if untouched && !told.canceled.contains_key(&id) && !finished && state != "Canceled" {
            return Err(format!("job {id} has not ended: {state}"));
        }
    }
    Ok(())
}

/// As many jobs as keys, and each key has a job of its own.
fn check_count(root: &Path, told: &Told) -> Result<(), String> {
    let mut ids = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = ask(root, "GET", &format!("/jobs?limit=1000{after}"), "");
        let (_, page) = page.map_err(|error| error.to_string())?;
        let jobs = page["jobs"].as_array().into_iter().flatten();
        ids.extend(jobs.filter_map(|job| job["id"].as_u64()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let (keys, answered) = (told.keys, told.submitted.len());
    match (ids.len(), answered) == (keys, keys) {
        true => Ok(()),
        false => Err(format!(
            "{keys} keys, {answered} jobs answered, {} jobs there",
            ids.len()
        )),
    }
}

/// No two attempts of an instance overlap, nothing began after an acknowledged cancel, and no attempt began twice while its node
/// process lived. When that was killed before it could say that an attempt had begun, what is left of it is killed and the attempt
/// begins again: at most as often as node processes died, and never beside what was left of it.
fn check_effects(root: &Path, told: &Told, node_kills: u32) -> Result<usize, String> {
    let mut attempts = 0;
    for file in files(&root.join("effects"))? {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let mut begun = BTreeMap::<u32, u32>::new();
        let mut ended = BTreeSet::new();
        let mut newest = 0;
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, execution, at] = words[..] else {
                return Err(format!("{}: {line:?}", file.display()));
            };
            let numbers: Vec<u32> = execution
                .split('.')
                .filter_map(|n| n.parse().ok())
                .collect();
            let ([job, _, _, attempt], Ok(at)) = (&numbers[..], at.parse::<u64>()) else {
                return Err(format!("{}: {line:?}", file.display()));
            };
            if *attempt < newest {
                return Err(format!(
                    "{execution} still wrote when attempt {newest} had begun"
                ));
            }
            newest = *attempt;
            if what == "begin" {
                attempts += 1;
                let times = begun.entry(*attempt).or_default();
                *times += 1;
                if *times > 1 + node_kills {
                    return Err(format!("{execution} began twice"));
                }
                ended.remove(attempt);
                let canceled = told
                    .canceled
                    .get(job)
                    .filter(|_| !told.requeued.contains(job));
                if canceled.is_some_and(|told| Duration::from_nanos(at) > *told + SLACK) {
                    return Err(format!("{execution} began after its job's cancel"));
                }
            } else if !ended.insert(*attempt) {
                return Err(format!("{execution} was alive twice"));
            }
        }
    }
    Ok(attempts)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<io::Result<_>>()
        .map_err(|error| error.to_string())
}

fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

/// How long a run took, for people.
pub fn timed(kills: u32, node_every: u32) -> (Result<Summary, String>, Duration) {
    let begun = Instant::now();
    (run(kills, node_every), begun.elapsed())
}
