//! The policy `backfill` as a component against the same policy compiled natively: `cargo bench --bench policy`.
//!
//! Both get the same `Changes` of a kernel with 1,000 nodes, in turns, and must answer the same plan. Measured from the
//! kernel's `Changes` to its `Plan`: for the component with lowering and lifting, for native code with the conversion to the
//! types that it is written in, see `native`.
//!
//! - *first pass*: a new instance is told everything, on a heap that has no memory yet: a component's linear memory is new, and the
//!   native allocator is made to give back what it keeps. Processor time. Making the instance is not in it.
//! - *a job ended*, *a job arrived*: the pass after that one change. *jobs started*: the pass that tells an instance of what it
//!   just started, as the engine does. Wall time, since these are too short for the other clock.

mod heap;
#[path = "../measure/mod.rs"]
mod measure;
#[path = "../native/mod.rs"]
mod native;
mod yard;

use std::time::{Duration, Instant};

use jobyard_kernel::{Changes, Plan};
use jobyard_plugin::{Limits, Plugin, PluginHost, PolicyInstance, World};

use crate::{
    measure::{median, take_turns},
    native::Native,
    yard::Yard,
};

const QUEUED: [usize; 3] = [1_000, 10_000, 100_000];
const FIRST_PASSES: usize = 15;
const CHANGES: usize = 2_000;

fn main() {
    let host = PluginHost::new(None).expect("a plugin host");
    let bytes = std::fs::read(jobyard_tests::root().join("plugins/builtin/policy-backfill.wasm"));
    let bytes = bytes.expect("the built-in policy");
    let plugin = host
        .load("backfill", &bytes, World::SchedulingPolicy)
        .expect("a good component");

    println!(
        "a pass of backfill, medians in µs; bars: 1.5 × native, 1,000 µs for one change at 10,000 queued jobs"
    );
    println!(
        "{:>8}  {:<14} {:>7} {:>10} {:>10} {:>7}",
        "queued", "pass", "passes", "native", "component", "ratio"
    );
    for queued in QUEUED {
        let mut yard = busy(queued);
        let everything = yard.everything();
        let (native, component) = take_turns(
            FIRST_PASSES,
            || first(native, &yard, &everything),
            || first(|| component(&plugin), &yard, &everything),
        );
        print(queued, "first", native, component);
        for (what, times) in ["a job ended", "a job arrived", "jobs started"]
            .into_iter()
            .zip(steady(&mut yard, &plugin))
        {
            let (native, component) = times.into_iter().unzip();
            print(queued, what, native, component);
        }
    }
}

fn print(queued: usize, what: &str, native: Vec<f64>, component: Vec<f64>) {
    let passes = native.len();
    let (native, component) = (median(native), median(component));
    let ratio = component / native;
    println!("{queued:>8}  {what:<14} {passes:>7} {native:>10.1} {component:>10.1} {ratio:>7.2}");
}

/// Either side.
trait Decides {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan;
}

impl Decides for Native {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan {
        self.pass(now, changes)
    }
}

impl Decides for PolicyInstance {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan {
        self.schedule(now, changes).expect("no fault")
    }
}

fn native() -> Native {
    <Native>::new(&[])
}

fn component(plugin: &Plugin) -> PolicyInstance {
    plugin
        .policy(Limits::for_world(World::SchedulingPolicy), &[])
        .expect("an instance")
}

/// A cluster that has no room for any of so many queued jobs.
fn busy(queued: usize) -> Yard {
    let (mut yard, mut policy) = (Yard::new(), native());
    while yard.queued() < queued || yard.has_changes() {
        (yard.queued()..queued).for_each(|_| yard.arrival());
        let changes = yard.changes();
        let plan = policy.pass(yard.now(), changes);
        yard.carry_out(plan);
    }
    yard
}

/// The first pass of a new instance, in µs.
fn first<D: Decides>(make: impl FnOnce() -> D, yard: &Yard, everything: &Changes) -> f64 {
    let mut policy = make();
    let (now, changes) = (yard.now(), everything.clone());
    heap::give_back();
    let began = thread_cpu();
    let plan = policy.decide(now, changes);
    let took = thread_cpu() - began;
    drop(plan);
    took.as_secs_f64() * 1e6
}

/// Processor time of this thread since it began.
fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// Passes of two instances that follow the cluster, each as (native, component) in µs: after a job ended, after one arrived,
/// after jobs were started.
fn steady(yard: &mut Yard, plugin: &Plugin) -> [Vec<(f64, f64)>; 3] {
    let queued = yard.queued();
    let (mut native, mut component) = (native(), component(plugin));
    let plan = native.decide(yard.now(), yard.everything());
    assert_eq!(component.decide(yard.now(), yard.everything()), plan);
    yard.carry_out(plan);
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..CHANGES {
        let mut kind = usize::from(yard.queued() < queued);
        match kind {
            0 => yard.end(),
            _ => yard.arrival(),
        }
        while yard.has_changes() {
            let changes = yard.changes();
            let component_first = times[kind].len() % 2 == 0;
            let (plan, took) = both(
                &mut native,
                &mut component,
                component_first,
                yard.now(),
                changes,
            );
            times[kind].push(took);
            yard.carry_out(plan);
            kind = 2;
        }
    }
    times
}

fn both(
    native: &mut Native,
    component: &mut PolicyInstance,
    component_first: bool,
    now: jobyard_kernel::Instant,
    changes: Changes,
) -> (Plan, (f64, f64)) {
    let copy = changes.clone();
    let ((by_native, native), (by_component, component)) = if component_first {
        let component = timed(component, now, copy);
        (timed(native, now, changes), component)
    } else {
        (timed(native, now, changes), timed(component, now, copy))
    };
    assert_eq!(by_native, by_component, "both are the same policy");
    (by_native, (native, component))
}

fn timed(policy: &mut impl Decides, now: jobyard_kernel::Instant, changes: Changes) -> (Plan, f64) {
    let began = Instant::now();
    let plan = policy.decide(now, changes);
    (plan, began.elapsed().as_secs_f64() * 1e6)
}
