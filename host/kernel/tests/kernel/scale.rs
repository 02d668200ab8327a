//! A sweep of a million instances costs what its exceptions cost, and a step costs what changes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Decision, Ending, Event, Execution, FromNode, JobId, JobSpec, Manner, NodeId,
    NodeSpec, Share, State, TaskId, TaskKind, TaskSpec, Timestamp, step,
};

/// Counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that is going away has no counters any more.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
    if bytes > 0 {
        let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    }
}

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> i64 {
    HELD.with(Cell::get)
}

fn calls() -> u64 {
    CALLS.with(Cell::get)
}

const JOB: JobId = JobId(1);
const CORES: u32 = 64;

struct World {
    state: State,
    events: Vec<Event>,
    now: Timestamp,
}

impl World {
    fn act(&mut self, command: Command) {
        self.now.0 += 1;
        self.events.clear();
        step(&mut self.state, &command, self.now, &mut self.events).expect("a good command");
    }

    fn end(&mut self, instance: u32, attempt: u32, code: i32) {
        self.act(Command::Report(FromNode::Ended {
            execution: Execution {
                job: JOB,
                task: TaskId(1),
                instance,
                attempt,
            },
            ending: Ending::Exited { code },
            output_tail: String::new(),
        }));
    }
}

/// A sweep of this size, running on 64 cores.
fn sweep_of(instances: u32) -> World {
    let mut world = World {
        state: State::new(),
        events: Vec::with_capacity(256),
        now: Timestamp(0),
    };
    let by = Actor::administrator("root");
    world.act(Command::AddNode(NodeSpec {
        name: "n1".into(),
        cores: CORES,
        sockets: 1,
        gpus: 0,
        memory_mb: 0,
        groups: Vec::new(),
    }));
    world.act(Command::AddJob {
        by: by.clone(),
        spec: Arc::new(JobSpec::default()),
        tasks: vec![Arc::new(TaskSpec {
            kind: TaskKind::Sweep {
                start: 1,
                end: instances,
                increment: 1,
            },
            command_line: "work *".into(),
            ..TaskSpec::default()
        })],
    });
    world.act(Command::SubmitJob { by, job: JOB });
    let (node, cores, gpus) = (NodeId(1), CORES, 0);
    let shares = vec![Share { node, cores, gpus }];
    world.act(Command::Propose(Decision::Start { job: JOB, shares }));
    world
}

#[test]
fn a_million_instances_cost_what_a_thousand_cost() {
    let before = held();
    let small = sweep_of(1_000);
    let small_bytes = held() - before;
    let before = held();
    let large = sweep_of(1_000_000);
    let large_bytes = held() - before;
    assert_eq!(
        large.state.job(JOB).expect("it is there").counts.total(),
        1_000_000
    );
    assert!(
        large_bytes < small_bytes + 1_024,
        "{large_bytes} bytes against {small_bytes}"
    );
    drop((small, large));
}

/// What ends unlike its neighbours costs a range, about 20 bytes; what ends alike costs nothing.
#[test]
fn ended_instances_cost_what_their_ranges_cost() {
    const ENDED: u32 = 99_000;
    let bytes_each = |fails: fn(u32) -> bool| {
        let mut world = sweep_of(2 * ENDED);
        let before = held();
        (1..=ENDED).for_each(|instance| world.end(instance, 1, i32::from(fails(instance))));
        (held() - before) as f64 / f64::from(ENDED)
    };
    let none = bytes_each(|_| false);
    assert!(none < 0.01, "{none} bytes an instance");
    let every_third = bytes_each(|instance| instance % 3 == 0);
    assert!(every_third <= 16.0, "{every_third} bytes an instance");
    let every_other = bytes_each(|instance| instance % 2 == 0);
    assert!(every_other <= 20.0, "{every_other} bytes an instance");
}

/// Not seconds, which differ from machine to machine, but allocations, which do not: a step in a sweep of a million takes
/// as many as in a sweep of a thousand, and no more after ten thousand ends.
#[test]
fn a_step_does_not_grow_with_the_sweep() {
    let allocations = |instances: u32, skip: u32| {
        let mut world = sweep_of(instances);
        (1..=skip).for_each(|instance| world.end(instance, 1, 0));
        let before = calls();
        (skip + 1..=skip + 500).for_each(|instance| world.end(instance, 1, 0));
        calls() - before
    };
    let small = allocations(1_000, 100);
    assert_eq!(allocations(1_000_000, 100), small);
    let late = allocations(1_000_000, 10_000);
    assert!(late <= small + 10, "{late} allocations late, {small} early");
}

/// Canceling and queuing again a million instances moves ranges, not instances.
#[test]
fn a_million_instances_are_canceled_and_queued_again_at_once() {
    let mut world = sweep_of(1_000_000);
    let by = Actor::administrator("root");
    let before = calls();
    world.act(Command::CancelJob {
        by: by.clone(),
        job: JOB,
        message: String::new(),
        how: Manner::Forced,
    });
    (1..=CORES).for_each(|instance| world.end(instance, 1, 1));
    world.act(Command::RequeueJob { by, job: JOB });
    assert_eq!(
        world.state.job(JOB).expect("it is there").counts.queued,
        1_000_000
    );
    let made = calls() - before;
    assert!(made < 1_000, "{made} allocations");
}
