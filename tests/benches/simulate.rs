//! Simulated jobs a second of processor time on the KTH log with EASY, through the component and with the same policy compiled
//! natively: `cargo bench --bench simulate`.
//!
//! Counted as `jobyard simulate` counts: reading the trace, kernel, policy and metrics; not making the instance.

#[path = "measure/mod.rs"]
mod measure;
#[path = "native/mod.rs"]
mod native;

use jobyard_plugin::{Limits, PluginHost, World};
use jobyard_sim::{Component, Estimate, Options, Report, Scheduler, Trace, simulate};

use crate::{
    measure::{median, take_turns},
    native::Native,
};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;

fn main() {
    let root = jobyard_tests::root();
    let host = PluginHost::new(None).expect("a plugin host");
    let bytes = std::fs::read(root.join("plugins/builtin/policy-backfill.wasm"))
        .expect("the built-in policy");
    let plugin = host
        .load("backfill", &bytes, World::SchedulingPolicy)
        .expect("a good component");
    let trace = root.join("tests/traces/KTH-SP2-1996.swf.gz");
    let run = |policy: &mut dyn Scheduler| -> Report {
        let trace = Trace::open(&trace, None).expect("a good trace");
        let options = Options {
            policy: "backfill".into(),
            estimate: Estimate::Requested,
        };
        simulate(&trace, &options, policy)
            .expect("all jobs run")
            .report
    };
    println!(
        "EASY on KTH-SP2, jobs a second of processor time, medians of {ROUNDS} rounds; bar: 200,000 with the component"
    );
    println!(
        "{:>6} {:>10} {:>10} {:>7}",
        "order", "native", "component", "ratio"
    );
    for order in ["fcfs", "sjbf"] {
        let settings = [("order".to_owned(), order.to_owned())];
        let mut waits = Vec::new();
        let mut native_waits = Vec::new();
        let (native, component) = take_turns(
            ROUNDS,
            || {
                let report = run(&mut <Native>::new(&settings));
                native_waits.push(report.average_wait_s);
                report.jobs_per_cpu_s
            },
            || {
                let instance = plugin.policy(Limits::for_world(World::SchedulingPolicy), &settings);
                let report = run(&mut Component::new(instance.expect("an instance")));
                waits.push(report.average_wait_s);
                report.jobs_per_cpu_s
            },
        );
        assert_eq!(waits, native_waits, "both are the same policy");
        let (native, component) = (median(native), median(component));
        println!(
            "{order:>6} {native:>10.0} {component:>10.0} {:>7.2}",
            native / component
        );
    }
}
