//! The KTH trace against published numbers (Gaussier et al., SC'15).

use std::{path::Path, sync::LazyLock};

use jobyard_plugin::{Limits, Plugin, PluginHost, World};
use jobyard_sim::{
    Component, Estimate, Options, Report, Scheduler, Simulation, Trace, plot, simulate,
};

use crate::native::{Backfill, Easy};

/// One published row.
pub(crate) struct Golden {
    backfill: Backfill,
    pub(crate) estimate: Estimate,
    average_bounded_slowdown: f64,
    average_wait_s: f64,
    maximum_wait_s: f64,
}

pub(crate) const GOLDENS: [Golden; 5] = [
    Golden {
        backfill: Backfill::None,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 6_814.973310176236,
        average_wait_s: 353_776.4091499596,
        maximum_wait_s: 946_685.0,
    },
    Golden {
        backfill: Backfill::Fcfs,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 92.57653973362949,
        average_wait_s: 6_836.872090165373,
        maximum_wait_s: 262_194.0,
    },
    Golden {
        backfill: Backfill::Fcfs,
        estimate: Estimate::Actual,
        average_bounded_slowdown: 71.7223851124418,
        average_wait_s: 6_327.681612302938,
        maximum_wait_s: 258_803.0,
    },
    Golden {
        backfill: Backfill::Sjbf,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 69.40540058030349,
        average_wait_s: 5_904.07657736736,
        maximum_wait_s: 284_815.0,
    },
    Golden {
        backfill: Backfill::Sjbf,
        estimate: Estimate::Actual,
        average_bounded_slowdown: 49.8477189313406,
        average_wait_s: 5_436.020750675889,
        maximum_wait_s: 275_239.0,
    },
];

pub(crate) fn trace() -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/traces/KTH-SP2-1996.swf.gz");
    Trace::open(&path, None).expect("the trace is committed")
}

pub(crate) fn run(trace: &Trace, estimate: Estimate, scheduler: &mut dyn Scheduler) -> Simulation {
    let options = Options {
        policy: "test".into(),
        estimate,
    };
    simulate(trace, &options, scheduler).expect("the simulation comes to its end")
}

/// Equal to at least 12 significant digits.
pub(crate) fn assert_same(name: &str, found: f64, published: f64) {
    let error = (found - published).abs() / published.abs();
    assert!(error < 5e-13, "{name}: {found} instead of {published}");
}

pub(crate) fn check(golden: &Golden, report: &Report) {
    let row = format!("{:?} {}", golden.backfill, golden.estimate);
    assert_same(
        &format!("{row}: average bounded slowdown"),
        report.average_bounded_slowdown,
        golden.average_bounded_slowdown,
    );
    assert_same(
        &format!("{row}: average wait"),
        report.average_wait_s,
        golden.average_wait_s,
    );
    assert_same(
        &format!("{row}: maximum wait"),
        report.maximum_wait_s,
        golden.maximum_wait_s,
    );
    assert_eq!(report.refused_proposals, 0, "{row}");
    assert_eq!(report.jobs, 28_481, "{row}");
}

#[test]
fn the_trace_is_read_and_cleaned() {
    let trace = trace();
    assert_eq!(trace.jobs.len(), 28_481);
    assert_eq!(trace.procs, 100);
    assert_eq!(trace.bad_lines.count, 0);
    assert_eq!(trace.dropped.total(), 8);
    assert_eq!(trace.out_of_order, 0);
    assert_eq!(trace.header.unix_start_time, Some(843_480_031));
    assert_eq!(trace.header.computer.as_deref(), Some("IBM SP2"));
}

/// A committed component, ready for its first pass.
fn component(backfill: Backfill) -> Component {
    static FIFO: LazyLock<Plugin> = LazyLock::new(|| load("policy-fifo"));
    static BACKFILL: LazyLock<Plugin> = LazyLock::new(|| load("policy-backfill"));
    let (plugin, order) = match backfill {
        Backfill::None => (&FIFO, None),
        Backfill::Fcfs => (&BACKFILL, Some("fcfs")),
        Backfill::Sjbf => (&BACKFILL, Some("sjbf")),
    };
    let settings: Vec<_> = order
        .map(|order| ("order".into(), order.into()))
        .into_iter()
        .collect();
    let limits = Limits::for_world(World::SchedulingPolicy);
    Component::new(
        plugin
            .policy(limits, &settings)
            .expect("it knows its settings"),
    )
}

fn load(name: &str) -> Plugin {
    load_bytes(name, &committed(name))
}

/// A committed component.
pub(crate) fn committed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/builtin");
    std::fs::read(folder.join(name).with_extension("wasm")).expect("it is committed")
}

pub(crate) fn load_bytes(name: &str, bytes: &[u8]) -> Plugin {
    static HOST: LazyLock<PluginHost> =
        LazyLock::new(|| PluginHost::new(None).expect("the host can be made"));
    HOST.load(name, bytes, World::SchedulingPolicy)
        .expect("it is a policy")
}

/// The component gives the published numbers, and not only the same averages: every job starts when the native
/// code starts it.
fn check_component(golden: &Golden) {
    let trace = trace();
    let simulation = run(&trace, golden.estimate, &mut component(golden.backfill));
    check(golden, &simulation.report);
    assert_eq!(simulation.first_refusal, None);
    let native = run(&trace, golden.estimate, &mut Easy::new(golden.backfill));
    check(golden, &native.report);
    assert!(
        simulation.jobs == native.jobs,
        "{:?} {}",
        golden.backfill,
        golden.estimate
    );
}

#[test]
fn fcfs_without_backfill() {
    check_component(&GOLDENS[0]);
}

#[test]
fn easy_with_requested_times() {
    check_component(&GOLDENS[1]);
}

#[test]
fn easy_with_actual_times() {
    check_component(&GOLDENS[2]);
}

#[test]
fn easy_sjbf_with_requested_times() {
    check_component(&GOLDENS[3]);
}

#[test]
fn easy_sjbf_with_actual_times() {
    check_component(&GOLDENS[4]);
}

#[test]
fn passes_for_jobs_that_do_not_fit_change_nothing() {
    let trace = trace();
    for backfill in [Backfill::None, Backfill::Fcfs] {
        let fitting = run(&trace, Estimate::Requested, &mut Easy::new(backfill));
        let always = run(
            &trace,
            Estimate::Requested,
            &mut Easy::new(backfill).asked_always(),
        );
        assert_eq!(fitting.jobs, always.jobs, "{backfill:?}");
        assert!(fitting.report.passes < always.report.passes, "{backfill:?}");
    }
}

#[test]
fn the_plot_is_small_and_whole() {
    let trace = trace();
    let simulation = run(&trace, Estimate::Requested, &mut Easy::new(Backfill::Fcfs));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("kth.svg");
    plot(&simulation, &path).expect("the folder is writable");
    let svg = std::fs::read_to_string(&path).expect("it was written");
    assert!(svg.starts_with("<svg"), "{}", &svg[..100]);
    assert!(svg.trim_end().ends_with("</svg>"));
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    for text in [
        "Jobs in the queue",
        "Processors in use",
        "waited no longer",
        "28481 jobs",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    let error = plot(&simulation, Path::new("/nowhere/kth.svg")).expect_err("no such folder");
    assert!(
        error
            .to_string()
            .starts_with("cannot write the plot to /nowhere/kth.svg: "),
        "{error}"
    );
}
