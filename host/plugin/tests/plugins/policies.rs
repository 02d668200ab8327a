//! Policies that misbehave: each fault ends one call, says what happened, and nothing else is hurt.

use std::time::{Duration, Instant};

use jobyard_kernel::{Changes, Decision, JobId, NodeId, Plan, Share};
use jobyard_plugin::{
    ConfigureError, Fault, FaultKind, Limits, LogLevel, LogLine, PluginHost, PolicyInstance, World,
};

use crate::load;
use crate::wat::{Bytes, DATA, DECISIONS, HIGH, Policy};

/// Endless, but for the deadline.
const LOOP: &str = "(loop $for_ever (br $for_ever)) unreachable";

fn limits() -> Limits {
    Limits {
        deadline: Duration::from_millis(50),
        ..Limits::for_world(World::SchedulingPolicy)
    }
}

fn instance(policy: &Policy) -> PolicyInstance {
    try_instance(policy).unwrap()
}

fn try_instance(policy: &Policy) -> Result<PolicyInstance, ConfigureError> {
    load("site", &policy.build(), World::SchedulingPolicy).policy(limits(), &[])
}

fn pass(instance: &mut PolicyInstance) -> Result<Plan, Fault> {
    instance.schedule(1e15, Changes::default())
}

/// The fault of one pass; afterwards the instance is poisoned.
fn fault(policy: &Policy) -> Fault {
    let mut instance = instance(policy);
    let fault = pass(&mut instance).unwrap_err();
    assert_eq!((&*fault.plugin, fault.limits), ("site", limits()));
    assert_eq!(pass(&mut instance).unwrap_err().kind, FaultKind::Poisoned);
    assert_eq!(instance.memory_bytes(), 0);
    fault
}

fn configure_fault(policy: &Policy) -> Fault {
    match try_instance(policy) {
        Err(ConfigureError::Fault(fault)) => fault,
        other => panic!("no fault: {other:?}"),
    }
}

fn fault_text(policy: &Policy, kind: FaultKind) -> String {
    let fault = fault(policy);
    assert_eq!(
        (fault.function, fault.kind),
        ("schedule", kind),
        "{fault:?}"
    );
    fault.text.clone()
}

#[test]
fn a_trap() {
    let policy = Policy {
        schedule: "call $give_up i32.const 0".to_owned(),
        extra: "(func $give_up unreachable)".to_owned(),
        ..Policy::default()
    };
    let fault = fault(&policy);
    assert_eq!(fault.kind, FaultKind::Trap);
    assert_eq!(
        fault.text,
        "wasm trap: wasm `unreachable` instruction executed\n  at give_up\n  at schedule"
    );
    let line = fault.to_string();
    let expected = "schedule: trap: wasm trap: wasm `unreachable` instruction executed";
    assert!(
        line.starts_with("plugin site (") && line.ends_with(expected),
        "{line}"
    );
}

#[test]
fn a_stack_that_runs_over() {
    let policy = Policy {
        schedule: "call $deep".to_owned(),
        extra: "(func $deep (result i32) (i32.add (call $deep) (call $deep)))".to_owned(),
        ..Policy::default()
    };
    let text = fault_text(&policy, FaultKind::Trap);
    assert!(
        text.starts_with("wasm trap: call stack exhausted\n  at deep"),
        "{text}"
    );
    assert!(text.lines().count() <= 14, "{text}");
}

#[test]
fn an_endless_loop_anywhere_ends_at_the_deadline() {
    let began = Instant::now();
    let text = fault_text(&Policy::doing(LOOP), FaultKind::Deadline);
    assert!(
        text.starts_with("ran longer than its deadline of 50ms"),
        "{text}"
    );

    let in_start = Policy {
        start: LOOP.to_owned(),
        ..Policy::default()
    };
    let found = configure_fault(&in_start);
    assert_eq!(
        (found.function, found.kind),
        ("instantiate", FaultKind::Deadline)
    );

    let in_configure = Policy {
        configure: LOOP.to_owned(),
        ..Policy::default()
    };
    let found = configure_fault(&in_configure);
    assert_eq!(
        (found.function, found.kind),
        ("configure", FaultKind::Deadline)
    );
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_endless_loop_in_a_later_call() {
    let policy = Policy {
        extra: "(global $calls (mut i32) (i32.const 0))".to_owned(),
        schedule: format!(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (i32.eq (global.get $calls) (i32.const 4)) (then {LOOP}))
             i32.const 0"
        ),
        ..Policy::default()
    };
    let mut instance = instance(&policy);
    for _ in 0..3 {
        assert_eq!(pass(&mut instance).unwrap(), Plan::default());
    }
    assert_eq!(pass(&mut instance).unwrap_err().kind, FaultKind::Deadline);
}

#[test]
fn a_deadline_is_each_calls_own() {
    // Each call takes a good part of the deadline; together they take far more.
    let busy = "(local $n i32) (local.set $n (i32.const 3000000))
        (loop $more (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        i32.const 0";
    let mut instance = instance(&Policy::doing(busy));
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(200) {
        pass(&mut instance).unwrap();
    }
}

#[test]
fn a_memory_bomb() {
    let grow = "(block $denied
          (loop $more (br_if $denied (i32.eq (i32.const -1) (memory.grow (i32.const 256))))
            (br $more)))
        unreachable";
    let limit = 8 << 20;
    let plugin = load(
        "site",
        &Policy::doing(grow).build(),
        World::SchedulingPolicy,
    );
    let limits = Limits {
        memory_bytes_max: limit,
        ..limits()
    };
    let mut instance = plugin.policy(limits, &[]).unwrap();
    assert_eq!(instance.memory_bytes(), 2 * 65536);
    let fault = pass(&mut instance).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Memory);
    assert!(
        fault.text.contains("over its limit of 8388608 bytes"),
        "{}",
        fault.text
    );
}

#[test]
fn a_guest_that_takes_no_for_an_answer_lives_on() {
    let grow = "(drop (memory.grow (i32.const 60000))) i32.const 0";
    let mut instance = instance(&Policy::doing(grow));
    assert_eq!(pass(&mut instance).unwrap(), Plan::default());
    assert_eq!(instance.memory_bytes(), 2 * 65536);
}

#[test]
fn memory_that_is_wanted_from_the_start() {
    let found = configure_fault(&Policy {
        pages: 5000,
        ..Policy::default()
    });
    assert_eq!(
        (found.function, found.kind),
        ("instantiate", FaultKind::Memory)
    );
}

#[test]
fn a_log_flood() {
    let flood = "(local $n i32) (local.set $n (i32.const 20000))
        (loop $more
          (call $log (i32.const 2) (i32.const 1024) (i32.const 100))
          (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (call $log (i32.const 0) (i32.const 1024) (i32.const 60000))
        unreachable";
    let data = Bytes::default()
        .text(&"spam".repeat(25))
        .text(&"é".repeat(30_000));
    let policy = Policy {
        schedule: flood.to_owned(),
        data,
        ..Policy::default()
    };
    let plugin = load("site", &policy.build(), World::SchedulingPolicy);
    let mut instance = plugin
        .policy(Limits::for_world(World::SchedulingPolicy), &[])
        .unwrap();
    let fault = pass(&mut instance).unwrap_err();

    let log = instance.take_log();
    assert_eq!(
        log[0],
        LogLine {
            level: LogLevel::Info,
            text: "spam".repeat(25)
        }
    );
    let kept: usize = log.iter().map(|line| line.text.len()).sum();
    assert!((60_000..=66_000).contains(&kept), "{kept}");
    let last = log.last().unwrap();
    assert_eq!(last.level, LogLevel::Warn);
    assert!(last.text.ends_with("were over the log limit"), "{last}");
    assert_eq!(fault.log.last(), Some(last));
    assert_eq!(fault.log.len(), 50);
    assert!(instance.take_log().is_empty());
}

#[test]
fn bytes_that_are_no_text() {
    let policy = Policy {
        data: Bytes::default().u32(0xffff_ffff),
        schedule: format!("(call $log (i32.const 0) (i32.const {DATA}) (i32.const 4)) i32.const 0"),
        ..Policy::default()
    };
    let text = fault_text(&policy, FaultKind::Nonsense);
    assert!(text.contains("utf-8") || text.contains("UTF-8"), "{text}");
}

#[test]
fn every_kind_of_decision_comes_through_as_it_was_made() {
    let placement = |job: u32| {
        move |bytes: Bytes| bytes.u32(job).u32(DATA + 512).u32(2) // two shares
    };
    let data = Bytes::plan(6, Some(2e15))
        .decision(0, placement(1))
        .decision(1, placement(2))
        .decision(2, placement(u32::MAX))
        .decision(3, |bytes| bytes.u32(4).u32(99).u32(0))
        .decision(4, |bytes| bytes.u32(5).u32(0).f64(f64::NAN).u32(0).u32(0))
        .decision(5, |bytes| {
            bytes.u32(6).u32(4_000_000_000).u32(DATA + 600).u32(5)
        })
        .up_to(512)
        .u32(7)
        .u32(0)
        .u32(u32::MAX)
        .u32(7)
        .u32(8)
        .u32(9)
        .up_to(600)
        .text("later");
    let plan = pass(&mut instance(&Policy::answering(data))).unwrap();

    let shares = || {
        let twice = NodeId(7);
        vec![
            Share {
                node: twice,
                cores: 0,
                gpus: u32::MAX,
            },
            Share {
                node: twice,
                cores: 8,
                gpus: 9,
            },
        ]
    };
    assert_eq!(plan.wake_at, Some(2e15));
    let [start, grow, shrink, preempt, reserve, wait] = &plan.decisions[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(
        *start,
        Decision::Start {
            job: JobId(1),
            shares: shares()
        }
    );
    assert_eq!(
        *grow,
        Decision::Grow {
            job: JobId(2),
            shares: shares()
        }
    );
    assert_eq!(
        *shrink,
        Decision::Shrink {
            job: JobId(u32::MAX),
            shares: shares()
        }
    );
    assert_eq!(
        *preempt,
        Decision::Preempt {
            job: JobId(4),
            how: 99,
            cores: 0
        }
    );
    let Decision::Reserve {
        job: JobId(5),
        at,
        shares,
    } = reserve
    else {
        panic!("{reserve:?}")
    };
    assert!(at.is_nan() && shares.is_empty());
    let text = "later".to_owned();
    assert_eq!(
        *wait,
        Decision::Wait {
            job: JobId(6),
            reason: 4_000_000_000,
            text
        }
    );
}

#[test]
fn a_case_that_does_not_exist() {
    let policy = Policy::answering(Bytes::plan(1, None).decision(6, |bytes| bytes));
    let text = fault_text(&policy, FaultKind::Nonsense);
    assert!(text.contains("discriminant"), "{text}");
}

#[test]
fn a_list_that_is_longer_than_the_memory() {
    let data = Bytes::default()
        .u32(DATA + DECISIONS)
        .u32(u32::MAX)
        .up_to(DECISIONS);
    let text = fault_text(&Policy::answering(data), FaultKind::Nonsense);
    assert!(text.contains("out of bounds"), "{text}");
}

#[test]
fn too_many_decisions() {
    // 32 MB of zeros read as a million decisions to start job 0.
    let pages = 32 + 1_000_001 * 32 / 65536;
    let plan = |count| Policy {
        pages,
        ..Policy::answering(Bytes::default().u32(HIGH).u32(count))
    };
    let text = fault_text(&plan(1_000_001), FaultKind::Nonsense);
    assert_eq!(text, "answered 1000001 decisions, more than 1000000");

    let all = pass(&mut instance(&plan(1_000_000))).unwrap();
    assert_eq!(all.decisions.len(), 1_000_000);
}

#[test]
fn too_many_shares() {
    let data = Bytes::plan(1, None).decision(0, |bytes| bytes.u32(1).u32(HIGH).u32(100_001));
    let policy = Policy {
        pages: 32,
        ..Policy::answering(data)
    };
    let text = fault_text(&policy, FaultKind::Nonsense);
    assert_eq!(
        text,
        "answered a decision with 100001 shares, more than 100000"
    );
}

#[test]
fn lists_that_share_their_memory_do_not_fill_the_hosts() {
    // Each of 10,000 decisions claims the same 90,000 shares: 1 MB in the guest would be 10 GB in the host.
    let policy = Policy {
        pages: 64,
        schedule: format!(
            "(local $n i32) (local $at i32)
             (local.set $n (i32.const 10000)) (local.set $at (i32.const {HIGH}))
             (loop $more
               (i32.store offset=8 (local.get $at) (i32.const 1))
               (i32.store offset=12 (local.get $at) (i32.const 1048576))
               (i32.store offset=16 (local.get $at) (i32.const 90000))
               (local.set $at (i32.add (local.get $at) (i32.const 32)))
               (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
             i32.const {DATA}"
        ),
        data: Bytes::default().u32(HIGH).u32(10_000),
        ..Policy::default()
    };
    let text = fault_text(&policy, FaultKind::Nonsense);
    assert!(text.contains("too much data"), "{text}");
}

#[test]
fn a_wake_at_that_is_none() {
    for wake_at in [
        f64::NAN,
        f64::INFINITY,
        -1.0,
        0.0,
        5e-324,
        1e15 - 1.0,
        9_007_199_254_740_992.0,
    ] {
        let text = fault_text(
            &Policy::answering(Bytes::plan(0, Some(wake_at))),
            FaultKind::Nonsense,
        );
        let expected = format!("answered wake-at {wake_at:?}, which is not an instant from 1");
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.len() < 100, "{text}");
    }
    let now = Policy::answering(Bytes::plan(0, Some(1e15)));
    assert_eq!(pass(&mut instance(&now)).unwrap().wake_at, Some(1e15));
}

#[test]
fn settings_that_are_refused() {
    let data = Bytes::default().u32(1).u32(DATA + 16).u32(24).up_to(16);
    let data = data.text("order: lifo is no order.");
    let configure = format!("i32.const {DATA}");
    let policy = Policy {
        configure,
        data,
        ..Policy::default()
    };
    match try_instance(&policy) {
        Err(ConfigureError::Refused(text)) => assert_eq!(text, "order: lifo is no order."),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_policy_says_of_itself() {
    let data = Bytes::default()
        .u32(0)
        .u32(DATA + 16)
        .u32(1)
        .up_to(16)
        .u32(DATA + 32)
        .u32(8)
        .u32(DATA + 40)
        .u32(7)
        .text("arrivalsfitting");
    let configure = format!("i32.const {DATA}");
    let instance = instance(&Policy {
        configure,
        data,
        ..Policy::default()
    });
    assert_eq!(
        instance.traits(),
        [("arrivals".to_owned(), "fitting".to_owned())]
    );
}

#[test]
fn faults_leave_other_instances_alone() {
    let plugin = load("site", &Policy::default().build(), World::SchedulingPolicy);
    let mut good = plugin.policy(limits(), &[]).unwrap();
    let bomb = load(
        "bomb",
        &Policy::doing("unreachable").build(),
        World::SchedulingPolicy,
    );
    for _ in 0..200 {
        let mut bad = bomb.policy(limits(), &[]).unwrap();
        assert_eq!(pass(&mut bad).unwrap_err().kind, FaultKind::Trap);
        assert_eq!(pass(&mut good).unwrap(), Plan::default());
    }
}

#[test]
fn an_instance_may_move_to_another_thread() {
    let mut instance = instance(&Policy::default());
    let passes = std::thread::spawn(move || (0..10).map(|_| pass(&mut instance)).collect());
    let passes: Result<Vec<Plan>, Fault> = passes.join().unwrap();
    assert_eq!(passes.unwrap().len(), 10);
}

#[test]
fn a_plugin_for_nodes_is_no_policy() {
    let executor = crate::wat::Worker::executor("unreachable").build();
    let plugin = load("site", &executor, World::TaskExecutor);
    match plugin.policy(limits(), &[]) {
        Err(ConfigureError::Fault(fault)) => {
            assert_eq!(fault.text, "is a task-executor, not a scheduling-policy");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plugin_outlives_its_host() {
    let host = PluginHost::new(None).unwrap();
    let looping = Policy::doing(LOOP).build();
    let plugin = host
        .load("site", &looping, World::SchedulingPolicy)
        .unwrap();
    drop(host);
    let mut policy = plugin.policy(limits(), &[]).unwrap();
    let fault = pass(&mut policy).unwrap_err();
    assert_eq!(
        fault.kind,
        FaultKind::Deadline,
        "the clock of the deadlines still ticks"
    );
}
