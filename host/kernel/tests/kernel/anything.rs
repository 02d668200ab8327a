//! Any command at all for the model runs: orders of people, and what the host, careless nodes and policies might send.

use std::collections::BTreeMap;
use std::sync::Arc;

use jobyard_kernel::filter::QuestionKind;
use jobyard_kernel::{
    Command, Ending, Execution, FromNode, Job, JobId, KeptAnswer, PassRecord, PolicyFault,
    RequestKey, Seat, Span, State, TaskId, Timestamp,
};

use super::filters;
use super::numbers::Numbers;
use super::proposals::proposal;
use super::random::{any_job, order};

/// Any command at all.
pub(crate) fn command(
    state: &State,
    history: &BTreeMap<JobId, Arc<Job>>,
    now: Timestamp,
    n: &mut Numbers,
) -> Command {
    match n.below(52) {
        0..18 => order(state, now, n),
        18..27 => Command::Propose(proposal(state, now, n)),
        27..39 => Command::Report(report(state, n)),
        39 => history_command(state, history, now, n),
        40..49 => filter_command(state, now, n),
        49 if n.once_in(4) => keep_answer(n),
        49 => passed(state, now, n),
        _ => Command::Tick,
    }
}

/// An answer of a filter where there is a question; now and then other filters.
fn filter_command(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    let open: Vec<_> = state.questions().collect();
    match n.pick(&open) {
        Some(&(question, _, kind)) if !n.once_in(12) => Command::FilterAnswer {
            question,
            answer: filters::answer(kind, now, n),
        },
        _ if n.once_in(3) => Command::FilterAnswer {
            question: u64::from(n.below(20)),
            answer: filters::answer(QuestionKind::Activation, now, n),
        },
        _ => filters::programs(n),
    }
}

/// What a request with a key was answered; now and then the key is one that there is.
pub(crate) fn keep_answer(n: &mut Numbers) -> Command {
    let key = format!("key-{}", n.below(6));
    Command::KeepAnswer(Arc::new(KeptAnswer {
        by: ["ann", "bob"][n.below(2) as usize].into(),
        key: RequestKey::new(&key).expect("a key"),
        digest: [3; 16],
        text: "201".into(),
    }))
}

/// What the host notes of policies.
fn passed(state: &State, now: Timestamp, n: &mut Numbers) -> Command {
    if n.once_in(3) {
        return Command::PolicyFaulted(Arc::new(PolicyFault {
            seat: Seat::Active,
            digest: String::new(),
            name: "p1".into(),
            function: "schedule".into(),
            kind: "trap".into(),
            text: "unreachable".into(),
            limits: String::new(),
            log: vec!["last words".into()],
        }));
    }
    let policies = state.policies();
    Command::PolicyPassed(Arc::new(PassRecord {
        number: policies.last_pass + 1,
        seat: [Seat::Active, Seat::Canary][n.below(2) as usize],
        activation: policies.active().map_or(0, |active| active.number),
        component: [0; 16],
        asked_after: 0,
        asked_at: now,
        fresh: n.once_in(4),
        sent: [1; 16],
        answered: [2; 16],
        proposals: n.below(4),
        refused: n.below(2),
        faults: n.below(2),
        events: 0,
        took: Span::from_millis(u64::from(n.below(3))),
    }))
}

/// What the host does with jobs that have ended.
fn history_command(
    state: &State,
    history: &BTreeMap<JobId, Arc<Job>>,
    now: Timestamp,
    n: &mut Numbers,
) -> Command {
    let records: Vec<&Arc<Job>> = history.values().collect();
    match (n.below(8), n.pick(&records)) {
        (0, _) => Command::PurgeHistory { ended_before: now },
        (1..5, Some(&job)) => Command::RecallJob(job.clone()),
        _ => Command::ArchiveJobs((0..4).map(|_| any_job(state, n)).collect()),
    }
}

/// Attempts that are at a node now.
pub(crate) fn runs(state: &State) -> Vec<Execution> {
    let mut all = Vec::new();
    for job in state.jobs() {
        for (index, task) in job.tasks.iter().enumerate() {
            all.extend(task.runs.iter().map(|(&instance, run)| Execution {
                job: job.id,
                task: TaskId(index as u32 + 1),
                instance,
                attempt: run.attempt,
            }));
        }
    }
    all
}

/// A report about something that runs, now and then about an attempt that is long gone or never was.
fn report(state: &State, n: &mut Numbers) -> FromNode {
    let all = runs(state);
    let mut execution = n.pick(&all).copied().unwrap_or(Execution {
        job: JobId(1),
        task: TaskId(1),
        instance: 0,
        attempt: 1,
    });
    if n.once_in(12) {
        execution.attempt = execution.attempt.saturating_sub(1);
    }
    if n.once_in(3) {
        return FromNode::Started { execution };
    }
    let stopped = state
        .run(execution)
        .is_some_and(|(_, _, run)| run.stop.is_some());
    let ending = match n.below(10) {
        0 => Ending::Lost,
        1 => Ending::Failed {
            code: n.below(6),
            text: "no such program".into(),
        },
        2 | 3 => Ending::Exited { code: 3 },
        _ if stopped => Ending::Stopped {
            code: n.once_in(2).then_some(143),
        },
        4 if n.once_in(4) => Ending::Stopped { code: None },
        _ => Ending::Exited { code: 0 },
    };
    FromNode::Ended {
        execution,
        ending,
        output_tail: String::new(),
    }
}
