//! Filters for the model runs: which there are, and whatever they may answer.

use jobyard_kernel::filter::{Change, FilterAnswer, FilterFault, QuestionKind};
use jobyard_kernel::{Actor, Command, Span, Timestamp};

use super::numbers::Numbers;

/// Other filters than before, or none.
pub(crate) fn programs(n: &mut Numbers) -> Command {
    let programs = ["SubmissionFilterProgram", "ActivationFilterProgram"];
    let names = ["", "", "", "a", "a,b", "b,gone"];
    Command::SetParameter {
        by: Actor::administrator("root"),
        name: programs[n.below(2) as usize].into(),
        value: Some(names[n.below(6) as usize].into()),
    }
}

/// The best that a filter can say.
pub(crate) fn yes_to(kind: QuestionKind) -> FilterAnswer {
    match kind {
        QuestionKind::Submission => FilterAnswer::Accept(Vec::new()),
        QuestionKind::Activation => FilterAnswer::Start,
        QuestionKind::Revert => FilterAnswer::Reverted,
    }
}

/// What a filter may say to it.
pub(crate) fn answer(kind: QuestionKind, now: Timestamp, n: &mut Numbers) -> FilterAnswer {
    let said = "because".to_string();
    let faults = [FilterFault::Missing, FilterFault::Late, FilterFault::Failed];
    let fault = faults[n.below(3) as usize];
    match kind {
        _ if n.once_in(12) => FilterAnswer::Fault(fault, said),
        _ if n.once_in(20) => FilterAnswer::Reverted,
        QuestionKind::Revert => FilterAnswer::Reverted,
        QuestionKind::Submission => match n.below(6) {
            0 => FilterAnswer::Reject(said),
            1 => FilterAnswer::Accept(vec![change(n)]),
            _ => FilterAnswer::Accept(Vec::new()),
        },
        QuestionKind::Activation => match n.below(12) {
            0 => FilterAnswer::HoldQueue(said),
            1 | 2 => FilterAnswer::Keep(said),
            3 => FilterAnswer::Hold(Some(now + Span::from_secs(2)), said),
            4 => FilterAnswer::Hold(None, said),
            5 => FilterAnswer::Fail(said),
            _ => FilterAnswer::Start,
        },
    }
}

fn change(n: &mut Numbers) -> Change {
    let (task, name, value) = [
        (0, "Priority", "1000"),
        (0, "Priority", "high"),
        (0, "MaxUnits", "4"),
        (0, "Project", "x"),
        (1, "CommandLine", "other"),
        (0, "custom.seen", "yes"),
    ][n.below(6) as usize];
    Change {
        task,
        name: name.into(),
        value: value.into(),
    }
}
