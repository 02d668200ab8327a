//! The built-in policies as components against the same policies compiled natively: `cargo bench --bench policy`. Names of policies behind
//! `--` leave out the others.
//!
//! Both get the same `Changes` of a kernel, in turns, and must answer the same plan. Measured from the
//! kernel's `Changes` to its `Plan`: for the component with lowering and lifting, for native code with the conversion to the
//! types that it is written in, see `native`.
//!
//! - *first pass*: a new instance is told everything, on a heap that has no memory yet: a component's linear memory is new, and the
//!   native allocator is made to give back what it keeps. Processor time. Making the instance is not in it.
//! - *a job ended*, *a job arrived*: the pass after that one change. *jobs started*: the pass that tells an instance of what it
//!   just started, as the engine does. Wall time, since these are too short for the other clock.
//! - *n log n*: how much longer the component's pass is than at a tenth of the queue, against what n log n allows.

mod heap;
#[path = "../measure/mod.rs"]
mod measure;
#[path = "../native/mod.rs"]
mod native;
mod policies;
mod yard;

use std::time::{Duration, Instant};

use jobyard_kernel::{Changes, Columns, Plan};
use jobyard_plugin::PolicyInstance;
use jobyard_plugin_sdk::policy::Policy;

use crate::{
    measure::{median, take_turns},
    native::Native,
    policies::{Subject, subjects},
    yard::Yard,
};

const NODES: [usize; 2] = [1_000, 10_000];
const QUEUED: [usize; 3] = [1_000, 10_000, 100_000];
const FIRST_PASSES: usize = 9;
/// Passes after one change: so many, or as many as this time is enough for.
const CHANGES: usize = 2_000;
const CHANGES_FOR: Duration = Duration::from_secs(2);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = wanted.iter().filter(|a| !a.starts_with('-')).collect();
    let subjects = subjects().filter(|s| wanted.is_empty() || wanted.iter().any(|w| *w == s.name));
    let subjects: Vec<Subject> = subjects.collect();
    println!(
        "a pass, medians in µs; bars: backfill at 100,000 queued jobs on 10,000 nodes 1.25 × native, nothing above n log n"
    );
    println!(
        "{:<24} {:>6} {:>7}  {:<13} {:>6} {:>10} {:>10} {:>6} {:>8}",
        "policy", "nodes", "queued", "pass", "passes", "native", "component", "ratio", "n log n"
    );
    for nodes in NODES {
        let mut before: Vec<[Option<f64>; 4]> = vec![[None; 4]; subjects.len()];
        for queued in QUEUED {
            let busy = busy(nodes, queued);
            for (subject, before) in subjects.iter().zip(&mut before) {
                for (kind, (native, component)) in measured(subject, &busy).into_iter().enumerate()
                {
                    if native.is_empty() {
                        continue;
                    }
                    let passes = native.len();
                    let (native, component) = (median(native), median(component));
                    let growth = before[kind].map_or_else(
                        || "-".to_string(),
                        |before| format!("{:.2}", component / before / n_log_n(queued)),
                    );
                    before[kind] = Some(component);
                    println!(
                        "{:<24} {nodes:>6} {queued:>7}  {:<13} {passes:>6} {native:>10.1} {component:>10.1} {:>6.2} {growth:>8}",
                        subject.name,
                        WHAT[kind],
                        component / native
                    );
                }
            }
        }
    }
}

const WHAT: [&str; 4] = ["first", "a job ended", "a job arrived", "jobs started"];

/// How much longer a queue ten times as long may take.
fn n_log_n(queued: usize) -> f64 {
    let cost = |n: f64| n * n.log2();
    cost(queued as f64) / cost(queued as f64 / 10.0)
}

/// Either side.
pub(crate) trait Decides {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan;
}

impl<P: Policy> Decides for Native<P> {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan {
        self.pass(now, changes)
    }
}

impl Decides for PolicyInstance {
    fn decide(&mut self, now: jobyard_kernel::Instant, changes: Changes) -> Plan {
        self.schedule(now, changes).expect("no fault")
    }
}

/// A cluster that has no room for any of so many queued jobs.
fn busy(nodes: usize, queued: usize) -> Yard {
    let (mut yard, mut policy) = (Yard::new(nodes), <Native>::new(&[]));
    while yard.queued() < queued || yard.has_changes() {
        (yard.queued()..queued).for_each(|_| yard.arrival());
        let changes = yard.changes();
        let plan = policy.pass(yard.now(), changes);
        yard.carry_out(plan);
    }
    yard
}

/// Passes of each kind in µs, natively and by the component.
fn measured(subject: &Subject, busy: &Yard) -> Vec<(Vec<f64>, Vec<f64>)> {
    let columns: Columns = subject.component().columns().clone();
    let mut yard = busy.told(&columns);
    let everything = yard.everything();
    let firsts = take_turns(
        FIRST_PASSES,
        || first(subject.native(), &yard, &everything),
        || first(Box::new(subject.component()), &yard, &everything),
    );
    drop(everything);
    let steady = steady(&mut yard, subject).into_iter();
    let steady = steady.map(|times| times.into_iter().unzip());
    std::iter::once(firsts).chain(steady).collect()
}

/// The first pass of a new instance, in µs.
fn first(mut policy: Box<dyn Decides>, yard: &Yard, everything: &Changes) -> f64 {
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
fn steady(yard: &mut Yard, subject: &Subject) -> [Vec<(f64, f64)>; 3] {
    let queued = yard.queued();
    let (mut native, mut component) = (subject.native(), subject.component());
    let everything = yard.everything();
    let plan = native.decide(yard.now(), everything.clone());
    assert_eq!(component.decide(yard.now(), everything), plan);
    yard.all_is_told();
    yard.carry_out(plan);
    let mut times = [const { Vec::new() }; 3];
    let began = Instant::now();
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
                native.as_mut(),
                &mut component,
                component_first,
                yard.now(),
                changes,
            );
            times[kind].push(took);
            yard.carry_out(plan);
            kind = 2;
        }
        if began.elapsed() > CHANGES_FOR {
            break;
        }
    }
    times
}

fn both(
    native: &mut dyn Decides,
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

fn timed(policy: &mut dyn Decides, now: jobyard_kernel::Instant, changes: Changes) -> (Plan, f64) {
    let began = Instant::now();
    let plan = policy.decide(now, changes);
    (plan, began.elapsed().as_secs_f64() * 1e6)
}
