//! Job filters, good ones and such that misbehave: a fault is an answer too, and the next question goes to a new instance.

use jobyard_kernel::filter::{
    Asks, Candidate, Change, Described, FilterAnswer, FilterFault, Holder, Question,
};
use jobyard_kernel::{JobId, Span, Timestamp};
use jobyard_plugin::{Answered, ConfigureError, FaultKind, FilterSlot, Limits, LoadError, World};

use crate::filter_wat::Filter;
use crate::wat::{Bytes, DATA, Policy};
use crate::{host, load};

/// Endless, but for the deadline.
const LOOP: &str = "(loop $for_ever (br $for_ever)) unreachable";
const NOW: Timestamp = Timestamp(1_000_000_000_000_000);

fn try_slot(filter: &Filter) -> Result<FilterSlot, ConfigureError> {
    let plugin = load("site", &filter.build(), World::JobFilter);
    let limits = Limits {
        memory_bytes_max: 8 << 20,
        ..Limits::for_world(World::JobFilter)
    };
    FilterSlot::new(plugin, limits, vec![("a".into(), "1".into())])
}

fn slot(filter: &Filter) -> FilterSlot {
    try_slot(filter).unwrap()
}

fn question(asks: Asks) -> Question {
    let properties = vec![("Priority".to_string(), "2000".to_string())];
    Question {
        number: 7,
        filter: "site".into(),
        job: Described {
            id: JobId(1),
            tasks: vec![properties.clone()],
            properties,
        },
        asks,
        within: Span::from_millis(50),
    }
}

fn start() -> Question {
    let holder = Holder {
        id: JobId(2),
        units: 3,
        properties: Vec::new(),
    };
    question(Asks::Activation(Candidate {
        pass: 1,
        index: 2,
        backfill: false,
        growing: true,
        units: 4,
        holders: vec![holder],
    }))
}

/// What it says to a job that is about to start; a fault takes the instance with it, and the next answers the same.
fn says(filter: &Filter) -> Answered {
    let mut slot = slot(filter);
    let first = slot.ask(start(), NOW);
    let again = slot.ask(start(), NOW);
    assert_eq!(first.answer, again.answer);
    first
}

fn fault(filter: &Filter, kind: FaultKind, answer: FilterFault) -> String {
    let answered = says(filter);
    let fault = answered.fault.expect("a fault");
    assert_eq!((fault.kind, fault.function), (kind, "check"), "{fault:?}");
    let FilterAnswer::Fault(is, text) = answered.answer else {
        panic!("{:?}", answered.answer)
    };
    assert_eq!(is, answer);
    text
}

#[test]
fn one_that_lets_everything_pass() {
    let mut slot = slot(&Filter::default());
    for (asks, expected) in [
        (Asks::Submission, FilterAnswer::Accept(Vec::new())),
        (Asks::Revert, FilterAnswer::Reverted),
    ] {
        assert_eq!(slot.ask(question(asks), NOW).answer, expected);
    }
    let answered = slot.ask(start(), NOW);
    assert_eq!(answered.answer, FilterAnswer::Start);
    assert!(answered.fault.is_none() && answered.log.is_empty());
}

#[test]
fn the_five_answers() {
    let text = (DATA + 24, 3);
    let code = |code: u32| Filter {
        data: Bytes::default()
            .u32(code)
            .u32(0)
            .f64(2e15)
            .u32(text.0)
            .u32(text.1)
            .text("why"),
        ..Filter::doing(&format!("i32.const {DATA}"))
    };
    let why = || "why".to_string();
    let until = Some(Timestamp(2_000_000_000_000_000));
    for (number, expected) in [
        (0, FilterAnswer::Start),
        (1, FilterAnswer::HoldQueue(why())),
        (2, FilterAnswer::Keep(why())),
        (3, FilterAnswer::Hold(until, why())),
        (4, FilterAnswer::Fail(why())),
    ] {
        assert_eq!(says(&code(number)).answer, expected);
    }
    let text = fault(&code(5), FaultKind::Nonsense, FilterFault::Failed);
    assert_eq!(text, "answered code 5; there are 0 to 4");
}

#[test]
fn changes_and_rejections() {
    let submission = |data| Filter {
        submission: Some(format!("i32.const {DATA}")),
        data,
        ..Filter::default()
    };
    let at = DATA + 16;
    let changes = Bytes::default().u32(1).u32(at).u32(1).up_to(16);
    let changes = changes.u32(2).u32(at + 20).u32(4).u32(at + 24).u32(1);
    let mut slot_of = slot(&submission(changes.text("Name").text("x")));
    let change = Change {
        task: 2,
        name: "Name".into(),
        value: "x".into(),
    };
    let answered = slot_of.ask(question(Asks::Submission), NOW);
    assert_eq!(answered.answer, FilterAnswer::Accept(vec![change]));

    let reject = Bytes::default().u32(2).u32(DATA + 16).u32(2).up_to(16);
    let mut slot_of = slot(&submission(reject.text("no")));
    let answered = slot_of.ask(question(Asks::Submission), NOW);
    assert_eq!(answered.answer, FilterAnswer::Reject("no".into()));

    // 10,001 empty changes.
    let many = Bytes::default().u32(1).u32(1 << 17).u32(10_001);
    let mut slot_of = slot(&Filter {
        extra: "(func $grow (drop (memory.grow (i32.const 8)))) (start $grow)".into(),
        ..submission(many)
    });
    let answered = slot_of.ask(question(Asks::Submission), NOW);
    let fault = answered.fault.expect("a fault");
    assert_eq!(fault.kind, FaultKind::Nonsense);
    assert!(fault.text.contains("10001 changes"), "{fault:?}");

    // More than the host takes, and a list that is not there.
    for count in [2_000_000, u32::MAX / 20] {
        let huge = Bytes::default().u32(1).u32(1 << 17).u32(count);
        let mut slot_of = slot(&submission(huge));
        let answered = slot_of.ask(question(Asks::Submission), NOW);
        assert!(answered.fault.is_some(), "{answered:?}");
    }
}

#[test]
fn a_trap_a_loop_and_a_memory_bomb_end_one_call() {
    let text = fault(
        &Filter::doing("unreachable"),
        FaultKind::Trap,
        FilterFault::Failed,
    );
    assert!(text.contains("unreachable"), "{text}");
    let text = fault(&Filter::doing(LOOP), FaultKind::Deadline, FilterFault::Late);
    assert!(text.contains("50ms"), "{text}");
    let bomb = "(drop (memory.grow (i32.const 1000))) unreachable";
    let text = fault(&Filter::doing(bomb), FaultKind::Memory, FilterFault::Failed);
    assert!(text.contains("over its limit"), "{text}");
}

#[test]
fn a_flood_of_words_is_cut() {
    let flood = format!(
        "(loop $more (call $log (i32.const 2) (i32.const {DATA}) (i32.const 1000)) (br $more)) unreachable"
    );
    let answered = says(&Filter::doing(&flood));
    assert!(matches!(
        answered.answer,
        FilterAnswer::Fault(FilterFault::Late, _)
    ));
    let fault = answered.fault.expect("a fault");
    let bytes: usize = fault.log.iter().map(|line| line.text.len()).sum();
    assert!(!fault.log.is_empty() && bytes < 128 << 10, "{bytes}");
}

#[test]
fn settings_that_fail_it() {
    let data = Bytes::default().u32(1).u32(DATA + 12).u32(2).text("no");
    let refused = try_slot(&Filter {
        configure: format!("i32.const {DATA}"),
        data,
        ..Filter::default()
    });
    assert!(matches!(refused, Err(ConfigureError::Refused(text)) if text == "no"));
    let trapped = try_slot(&Filter {
        configure: "unreachable".into(),
        ..Filter::default()
    });
    assert!(matches!(trapped, Err(ConfigureError::Fault(_))));
}

#[test]
fn one_interface_is_enough_and_the_other_is_not_asked() {
    let only_start = Filter {
        submission: None,
        ..Filter::default()
    };
    let plugin = load("site", &only_start.build(), World::JobFilter);
    assert_eq!(plugin.filter_kinds(), (false, true));
    let mut slot = slot(&only_start);
    assert_eq!(slot.ask(start(), NOW).answer, FilterAnswer::Start);
    let answer = slot.ask(question(Asks::Submission), NOW).answer;
    assert!(matches!(
        answer,
        FilterAnswer::Fault(FilterFault::Missing, _)
    ));
    let only_submission = Filter {
        activation: None,
        ..Filter::default()
    };
    let plugin = load("site", &only_submission.build(), World::JobFilter);
    assert_eq!(plugin.filter_kinds(), (true, false));
}

#[test]
fn what_is_no_filter_is_refused() {
    let refusal = |bytes: &[u8], world| {
        let refused = host().load("site", bytes, world);
        refused.expect_err("it does not fit").to_string()
    };
    let neither = Filter {
        submission: None,
        activation: None,
        ..Filter::default()
    };
    let text = refusal(&neither.build(), World::JobFilter);
    assert!(text.contains("neither"), "{text}");
    let text = refusal(&Policy::default().build(), World::JobFilter);
    assert!(text.contains("it is a scheduling-policy"), "{text}");
    let text = refusal(&Filter::default().build(), World::SchedulingPolicy);
    assert!(text.contains("it is a job-filter"), "{text}");
    let wrong = Filter {
        code: "s32",
        ..Filter::default()
    };
    let refused = host().load("site", &wrong.build(), World::JobFilter);
    assert!(
        matches!(refused, Err(LoadError::WrongTypes { .. })),
        "{refused:?}"
    );
}
