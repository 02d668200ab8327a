//! Simulated jobs a second of processor time on the KTH log with EASY, through the component and with the same policy compiled
//! natively, and on a trace of more than 300,000 jobs: `cargo bench --bench simulate`.
//!
//! Counted as `jobyard simulate` counts: reading the trace, kernel, policy and metrics; not making the instance.

#[path = "../../host/cli/src/allocator.rs"]
mod allocator;
#[path = "measure/mod.rs"]
mod measure;
#[path = "native/mod.rs"]
mod native;

use std::fmt::Write as _;

use jobyard_plugin::{Limits, PluginHost, World};
use jobyard_sim::{Component, Estimate, Options, Report, Scheduler, Trace, simulate};

use crate::{
    measure::{median, take_turns},
    native::Native,
};

const ROUNDS: usize = 9;

/// Rounds of the long trace.
const LONG_ROUNDS: usize = 3;

/// How often the long trace has the KTH log, each time after the one before: more than 300,000 jobs.
const REPEATS: u64 = 11;

/// From the last job that is submitted in one repetition to the first of the next.
const BETWEEN_S: u64 = 7 * 24 * 3_600;

/// The long trace, as the text of a file.
fn long(kth: &Trace) -> Vec<u8> {
    let second = |us: u64| us / 1_000_000;
    let span = kth.jobs.last().map_or(0, |job| second(job.submit_us)) + BETWEEN_S;
    let mut text = format!("; MaxProcs: {}\n", kth.procs);
    let jobs = || (1_u64..).zip(&kth.jobs);
    let all =
        (0..REPEATS).flat_map(|repeat| jobs().map(move |(number, job)| (repeat, number, job)));
    for (repeat, number, job) in all {
        let submit = repeat * span + second(job.submit_us);
        let number = repeat * kth.jobs.len() as u64 + number;
        let (run, requested) = (second(job.run_us), second(job.requested_us));
        let (procs, user) = (job.procs, job.user.map_or(-1, i64::from));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{number} {submit} -1 {run} {procs} -1 -1 {procs} {requested} -1 1 {user} -1 -1 -1 -1 -1 -1"
        );
    }
    text.into_bytes()
}

fn main() {
    allocator::keep_free_memory();
    let root = jobyard_tests::root();
    let host = PluginHost::new(None).expect("a plugin host");
    let bytes = std::fs::read(root.join("plugins/builtin/policy-backfill.wasm"))
        .expect("the built-in policy");
    let plugin = host
        .load("backfill", &bytes, World::SchedulingPolicy)
        .expect("a good component");
    let kth = root.join("tests/traces/KTH-SP2-1996.swf.gz");
    let text = long(&Trace::open(&kth, None).expect("a good trace"));
    let kth: (&str, usize, &dyn Fn() -> Trace) = ("KTH-SP2", ROUNDS, &|| {
        Trace::open(&kth, None).expect("a good trace")
    });
    let long: (&str, usize, &dyn Fn() -> Trace) = ("11 times", LONG_ROUNDS, &|| {
        Trace::read("long", &text[..], None).expect("a good trace")
    });
    let run = |open: &dyn Fn() -> Trace, policy: &mut dyn Scheduler| -> Report {
        let trace = open();
        let options = Options {
            policy: "backfill".into(),
            estimate: Estimate::Requested,
        };
        simulate(&trace, &options, policy)
            .expect("all jobs run")
            .report
    };
    println!(
        "EASY, jobs a second of processor time, medians of {ROUNDS} rounds ({LONG_ROUNDS} of the log 11 times); bar: 300,000 with the component"
    );
    println!(
        "{:>9} {:>6} {:>10} {:>10} {:>7}",
        "trace", "order", "native", "component", "ratio"
    );
    let rows = [kth, long].map(|trace| ["fcfs", "sjbf"].map(|order| (trace, order)));
    for ((name, rounds, open), order) in rows.into_iter().flatten() {
        let settings = [("order".to_owned(), order.to_owned())];
        let mut waits = Vec::new();
        let mut native_waits = Vec::new();
        let (native, component) = take_turns(
            rounds,
            || {
                let report = run(open, &mut <Native>::new(&settings));
                native_waits.push(report.average_wait_s);
                report.jobs_per_cpu_s
            },
            || {
                let instance = plugin.policy(Limits::for_world(World::SchedulingPolicy), &settings);
                let report = run(open, &mut Component::new(instance.expect("an instance")));
                waits.push(report.average_wait_s);
                report.jobs_per_cpu_s
            },
        );
        assert_eq!(waits, native_waits, "both are the same policy");
        let (native, component) = (median(native), median(component));
        println!(
            "{name:>9} {order:>6} {native:>10.0} {component:>10.0} {:>7.2}",
            native / component
        );
    }
}
