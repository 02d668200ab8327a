//! Each behaviour in each call, in force, in the shadow and on a canary's nodes.
//!
//! What is refused when it is put there never touched the live path. What misbehaves later costs the live path its deadline, once
//! for each call, and nothing else: [`under_load`] has checked the jobs by then.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jobyard_tests::daemon::{Daemon, refused};
use jobyard_tests::{Place, wait_for};
use serde_json::Value;

use super::guest::{Behaviour, Call, policy};
use super::load::{CORES, under_load};

/// The deadline of a policy's call.
const DEADLINE: Duration = Duration::from_secs(1);
/// What a fault may cost beyond that.
const AND: Duration = Duration::from_millis(100);
/// Passes of an instance before it misbehaves.
const GOOD: u32 = 5;
/// A machine that is quiet now may be busy later.
const QUIET: Duration = Duration::from_millis(50);
/// What a machine that others use may do to jobs, in terms of what it did while nothing was wrong.
const NOISE: u32 = 4;
/// The group of the canary's nodes.
const GROUP: &str = "trial";

/// Where a policy is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    Active,
    Shadow,
    Canary,
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Seat::Active => "in force",
            Seat::Shadow => "in the shadow",
            Seat::Canary => "as canary",
        })
    }
}

impl Seat {
    /// Puts a component there.
    fn put(self, file: &str) -> Vec<&str> {
        match self {
            Seat::Active => vec!["policy", "activate", file],
            Seat::Shadow => vec!["policy", "shadow", file],
            Seat::Canary => vec!["policy", "canary", file, "--group", GROUP],
        }
    }

    /// Takes it away again.
    fn take_away(self) -> &'static [&'static str] {
        match self {
            Seat::Active => &["policy", "rollback"],
            Seat::Shadow => &["policy", "shadow"],
            Seat::Canary => &["policy", "canary"],
        }
    }

    /// What it costs the live path when a call there is late.
    fn deadline(self) -> Duration {
        match self {
            Seat::Active | Seat::Canary => DEADLINE,
            Seat::Shadow => Duration::ZERO,
        }
    }
}

/// A daemon with a policy that is good, and how long a core stays free under load while nothing is wrong: what this machine
/// itself does to jobs.
fn daemon() -> (Daemon, Duration) {
    let cores = CORES.to_string();
    let daemon = Daemon::start_in(Place::new(), &["--policy", "backfill", "--cores", &cores]);
    let nodes = daemon.json(&["node", "list"]);
    let node = nodes["nodes"][0]["name"]
        .as_str()
        .expect("a node has a name");
    daemon.done(&["node", "set-groups", node, GROUP]);
    let ((), quiet) = under_load(&daemon, || some_jobs(&daemon, 40));
    (daemon, quiet.stall.max(QUIET))
}

/// Waits until so many jobs more were submitted.
fn some_jobs(daemon: &Daemon, count: u64) {
    let newest = || {
        let page = daemon.json(&["job", "list", "--all", "--limit", "1"]);
        page["jobs"][0]["id"].as_u64().unwrap_or_default()
    };
    let until = newest() + count;
    wait_for("more jobs", || (newest() >= until).then_some(()));
}

fn component(daemon: &Daemon, behaviour: Behaviour, call: Call) -> String {
    let name = format!("{behaviour} {call}.wasm").replace(' ', "-");
    daemon.place.file(&name, policy(behaviour, call));
    name
}

/// Stalls are measured: these tests do not disturb each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn misbehaves_at_once(seat: Seat) {
    let _alone = alone();
    let (daemon, noise) = daemon();
    let behaviours = [
        Behaviour::Loops,
        Behaviour::Traps,
        Behaviour::EatsMemory,
        Behaviour::AnswersNonsense,
    ];
    let calls = [Call::Instantiate, Call::Configure, Call::Pass(1)];
    let ((), outcome) = under_load(&daemon, || {
        for call in calls {
            for behaviour in behaviours {
                if (behaviour, call) == (Behaviour::AnswersNonsense, Call::Instantiate) {
                    continue; // there is no answer
                }
                let file = component(&daemon, behaviour, call);
                let words = seat.put(&file);
                refused(&daemon.say(&words), &words, &[call.function()]);
            }
        }
    });
    let list = daemon.json(&["policy", "list"]);
    assert_eq!(list["active"]["name"], "backfill", "{list}");
    assert_eq!(
        (&list["shadow"], &list["canary"]),
        (&Value::Null, &Value::Null)
    );
    // It was tried beside the live path.
    assert!(
        outcome.stall <= AND + NOISE * noise,
        "a stall of {:?} in {} jobs, {noise:?} before",
        outcome.stall,
        outcome.jobs
    );
}

fn misbehaves_later(seat: Seat) {
    let _alone = alone();
    let (daemon, noise) = daemon();
    for behaviour in Behaviour::ALL {
        let file = component(&daemon, behaviour, Call::Pass(GOOD + 1));
        let ((), outcome) = under_load(&daemon, || {
            daemon.done(&seat.put(&file));
            until_seen(&daemon, seat, behaviour);
            some_jobs(&daemon, 10);
            daemon.done(seat.take_away());
            some_jobs(&daemon, 10);
        });
        let list = daemon.json(&["policy", "list"]);
        assert_eq!(list["active"]["name"], "backfill", "{list}");
        assert!(
            outcome.stall <= seat.deadline() + AND + NOISE * noise,
            "what {behaviour} {seat}: a stall of {:?} in {} jobs, {noise:?} before",
            outcome.stall,
            outcome.jobs
        );
    }
}

/// Waits until it has done what it does: a fault is there, or it has had more passes than it was good for.
fn until_seen(daemon: &Daemon, seat: Seat, behaviour: Behaviour) {
    wait_for(&format!("what {behaviour} {seat}"), || {
        let (passes, faults) = match seat {
            Seat::Active => {
                let list = daemon.json(&["policy", "list"]);
                (
                    list["watch"]["passes"].as_u64(),
                    list["watch"]["faults"].as_u64(),
                )
            }
            Seat::Shadow => {
                let diff = daemon.json(&["policy", "diff"]);
                (
                    diff["totals"]["passes"].as_u64(),
                    diff["totals"]["faults"].as_u64(),
                )
            }
            Seat::Canary => {
                let log = daemon.place.read("log");
                let plugin = format!("plugin {}", behaviour.to_string().replace(' ', "-"));
                (None, Some(log.matches(&plugin).count() as u64))
            }
        };
        let seen = match behaviour.is_fault() {
            true => faults >= Some(1),
            false => passes.is_none() || passes > Some(u64::from(2 * GOOD)),
        };
        seen.then_some(())
    });
}

#[test]
fn a_policy_that_misbehaves_at_once_is_not_put_in_force() {
    misbehaves_at_once(Seat::Active);
}

#[test]
fn a_policy_that_misbehaves_at_once_is_not_shadowed() {
    misbehaves_at_once(Seat::Shadow);
}

#[test]
fn a_policy_that_misbehaves_at_once_is_no_canary() {
    misbehaves_at_once(Seat::Canary);
}

#[test]
fn jobs_do_not_notice_what_misbehaves_in_force() {
    misbehaves_later(Seat::Active);
}

#[test]
fn jobs_do_not_notice_what_misbehaves_in_the_shadow() {
    misbehaves_later(Seat::Shadow);
}

#[test]
fn jobs_do_not_notice_what_misbehaves_as_canary() {
    misbehaves_later(Seat::Canary);
}
