//! One step of the kernel: decide, apply, and follow the rules until nothing follows any more.

use crate::{
    Command, Decision, Event, Fact, JobId, Plan, Refusal, Rejection, State, Timestamp, decide,
    follow,
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
    let facts = decide(state, command, now)?;
    let mut jobs: Vec<JobId> = Vec::new();
    for fact in facts {
        if let Some(job) = fact.job().filter(|job| jobs.last() != Some(job)) {
            jobs.push(job);
        }
        commit(state, fact, now, events);
    }
    for job in jobs {
        run_on(state, job, now, events);
    }
    Ok(())
}

/// Applies all that follows for one job. After a restart: for every job, before anything else.
pub fn run_on(state: &mut State, job: JobId, now: Timestamp, events: &mut Vec<Event>) {
    loop {
        let facts = follow(state, job);
        if facts.is_empty() {
            return;
        }
        for fact in facts {
            commit(state, fact, now, events);
        }
    }
}

/// Carries a plan out, proposal by proposal; those that cannot be are returned with the reason, the others stand.
pub fn carry_out(
    state: &mut State,
    plan: Plan,
    now: Timestamp,
    events: &mut Vec<Event>,
) -> Vec<(Decision, Refusal)> {
    let mut refused = Vec::new();
    for decision in plan.decisions {
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
    let event = Event { at: now, fact };
    state.apply(&event);
    events.push(event);
}
