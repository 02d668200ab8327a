//! One step of the kernel: decide, apply, and follow the rules until nothing follows any more.

use crate::policies::{Heard, hear};
use crate::{
    Command, Decision, Event, Fact, JobId, Plan, Refusal, Rejection, Seat, State, Timestamp,
    decide, follow,
};

/// Carries a command out: its events and all that follows from them are applied and appended to `events`.
///
/// On a refusal nothing has changed. The same state, command and time give the same events.
pub fn step(
    state: &mut State,
    command: &Command,
    now: Timestamp,
    events: &mut Vec<Event>,
) -> Result<(), Rejection> {
    let mut facts = decide(state, command, now)?;
    // Nearly all commands are about one job.
    let mut first = None;
    let mut others: Vec<JobId> = Vec::new();
    for fact in facts.drain(..) {
        match (fact.job(), first) {
            (Some(job), None) => first = Some(job),
            (Some(job), Some(one)) if job != one && others.last() != Some(&job) => others.push(job),
            _ => {}
        }
        commit(state, fact, now, events);
    }
    for job in first.into_iter().chain(others) {
        follow_on(state, job, now, events, &mut facts);
    }
    Ok(())
}

/// Applies all that follows for one job. After a restart: for every job, before anything else.
pub fn run_on(state: &mut State, job: JobId, now: Timestamp, events: &mut Vec<Event>) {
    follow_on(state, job, now, events, &mut Vec::new());
}

/// `facts` is an empty buffer, and is again afterwards.
fn follow_on(
    state: &mut State,
    job: JobId,
    now: Timestamp,
    events: &mut Vec<Event>,
    facts: &mut Vec<Fact>,
) {
    // What becomes of a job can be news for others: a parent has finished.
    let mut others: Vec<JobId> = Vec::new();
    let mut next = Some(job);
    while let Some(job) = next {
        follow(state, job, facts);
        if facts.is_empty() {
            next = others.pop();
            continue;
        }
        for fact in facts.drain(..) {
            others.extend(fact.job().filter(|&other| other != job));
            commit(state, fact, now, events);
        }
    }
}

/// Carries out a plan of the policy in force, proposal by proposal; those that cannot be are returned with the reason, the others stand.
pub fn carry_out(
    state: &mut State,
    plan: Plan,
    now: Timestamp,
    events: &mut Vec<Event>,
) -> Vec<(Decision, Refusal)> {
    carry_out_of(state, Seat::Active, plan, now, events)
}

/// The same for the plan of any seat: where a canary has some of the nodes, neither may place jobs on the other's.
pub fn carry_out_of(
    state: &mut State,
    seat: Seat,
    plan: Plan,
    now: Timestamp,
    events: &mut Vec<Event>,
) -> Vec<(Decision, Refusal)> {
    let mut refused = Vec::new();
    for decision in plan.decisions {
        match hear(state, seat, &decision) {
            Heard::Yes => {}
            Heard::No => continue,
            Heard::Refused(refusal) => {
                refused.push((decision, refusal));
                continue;
            }
        }
        let command = Command::Propose(decision);
        if let Err(Rejection::Refused(refusal)) = step(state, &command, now, events)
            && let Command::Propose(decision) = command
        {
            refused.push((decision, refusal));
        }
    }
    refused
}

fn commit(state: &mut State, fact: Fact, now: Timestamp, events: &mut Vec<Event>) {
    // First to its place, then applied: moved once.
    events.push(Event { at: now, fact });
    state.apply(&events[events.len() - 1]);
}
