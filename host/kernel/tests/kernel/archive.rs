//! Ended jobs leave the live state with all that they are, and come back the same.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Event, Fact, JobId, JobSpec, Manner, NodeSpec, Rejection, State, TaskSpec,
    Then, Timestamp, step,
};

struct World {
    state: State,
    replay: State,
    now: Timestamp,
}

impl World {
    fn act(&mut self, command: Command) -> Result<Vec<Event>, Rejection> {
        let mut events = Vec::new();
        self.now = Timestamp(self.now.0 + 1);
        step(&mut self.state, &command, self.now, &mut events)?;
        events.iter().for_each(|event| self.replay.apply(event));
        assert_eq!(self.replay, self.state);
        self.state.check().unwrap();
        Ok(events)
    }
}

fn ann() -> Actor {
    Actor::user("ann")
}

/// A yard with one job that was canceled and one that is queued.
fn world() -> World {
    let mut world = World {
        state: State::new(),
        replay: State::new(),
        now: Timestamp(1_000_000),
    };
    let node = NodeSpec {
        name: "n1".into(),
        cores: 4,
        sockets: 1,
        gpus: 0,
        memory_mb: 0,
        groups: Vec::new(),
    };
    world.act(Command::AddNode(node)).unwrap();
    for job in [JobId(1), JobId(2)] {
        let task = TaskSpec {
            command_line: "true".into(),
            ..TaskSpec::default()
        };
        let add = Command::AddJob {
            by: ann(),
            spec: JobSpec::default().into(),
            tasks: vec![task.into()],
        };
        world.act(add).unwrap();
        world.act(Command::SubmitJob { by: ann(), job }).unwrap();
    }
    let cancel = Command::CancelJob {
        by: ann(),
        job: JobId(1),
        message: "enough".into(),
        how: Manner::Normal,
    };
    world.act(cancel).unwrap();
    world
}

#[test]
fn an_ended_job_leaves_and_comes_back() {
    let mut world = world();
    let before = world.state.shared_job(JobId(1)).unwrap();
    let both = Command::ArchiveJobs(vec![JobId(1), JobId(2), JobId(9)]);
    let events = world.act(both).unwrap();
    assert_eq!(events.len(), 1, "only what has ended leaves: {events:?}");
    let Fact::JobArchived { job } = &events[0].fact else {
        panic!("{events:?}")
    };
    assert_eq!(job, &before);
    let requeue = Command::RequeueJob {
        by: ann(),
        job: JobId(1),
    };
    let gone = world.act(requeue.clone()).unwrap_err();
    assert_eq!(gone, Rejection::UnknownJob(JobId(1)));

    let recall = Command::RecallJob(job.clone());
    assert_eq!(world.act(recall.clone()).unwrap().len(), 1);
    assert_eq!(world.state.job(JobId(1)), Some(&*before));
    world.act(requeue).unwrap();
    let again = world.act(recall).unwrap();
    assert!(again.is_empty(), "a live job stays as it is: {again:?}");
    assert_eq!(world.state.job(JobId(1)).unwrap().status() as u32, 1);
}

#[test]
fn what_never_was_is_not_recalled() {
    let mut world = world();
    let live = world.state.shared_job(JobId(2)).unwrap();
    let error = world.act(Command::RecallJob(live)).unwrap_err();
    assert_eq!(error, Rejection::UnknownJob(JobId(2)));
    let mut other = world.state.shared_job(JobId(1)).unwrap();
    Arc::make_mut(&mut other).id = JobId(77);
    let error = world.act(Command::RecallJob(other)).unwrap_err();
    assert_eq!(error, Rejection::UnknownJob(JobId(77)));
}

#[test]
fn history_is_not_purged_of_what_has_yet_to_end() {
    let mut world = world();
    let ended_before = Timestamp(u64::MAX);
    let events = world.act(Command::PurgeHistory { ended_before }).unwrap();
    let ended_before = world.now;
    assert_eq!(events[0].fact, Fact::HistoryPurged { ended_before });
}

/// A copy of the state is a pointer a job, and is not changed by what happens afterwards.
#[test]
fn a_copy_stays_as_it_was() {
    let mut world = world();
    let copy = world.state.clone();
    let shown = format!("{copy:?}");
    let hold = Command::HoldJob {
        by: ann(),
        job: JobId(2),
        until: Some(Timestamp(9_000_000)),
    };
    world.act(hold).unwrap();
    assert_ne!(copy, world.state);
    assert_eq!(format!("{copy:?}"), shown);
}

/// How a job ended outlives it in memory, so that others can wait for it; one that is waited for stays.
#[test]
fn parents_are_known_wherever_they_are() {
    let mut world = world();
    let child = |parent| Command::AddJob {
        by: ann(),
        spec: Arc::new(JobSpec {
            parent_jobs: vec![JobId(parent)],
            ..JobSpec::default()
        }),
        tasks: Vec::new(),
    };
    let submit = |job| Command::SubmitJob {
        by: ann(),
        job: JobId(job),
    };
    world.act(child(1)).unwrap();
    world.act(submit(3)).unwrap();
    let leave = Command::ArchiveJobs(vec![JobId(1)]);
    assert_eq!(world.act(leave.clone()), Ok(Vec::new()), "job 3 waits");
    let cancel = Command::CancelJob {
        by: ann(),
        job: JobId(3),
        message: String::new(),
        how: Manner::Normal,
    };
    world.act(cancel).unwrap();

    let record = world.state.shared_job(JobId(1)).unwrap();
    world.act(leave).unwrap();
    assert_eq!(world.state.job(JobId(1)), None);
    assert_eq!(world.state.ended_as(JobId(1)), Some(Then::Canceled));
    world.act(Command::RecallJob(record)).unwrap();
    let requeue = Command::RequeueJob {
        by: ann(),
        job: JobId(1),
    };
    world.act(requeue).unwrap();
    assert_eq!(world.state.ended_as(JobId(1)), None);

    world.act(child(1)).unwrap();
    world.act(submit(4)).unwrap();
    let parents = world.state.job(JobId(4)).unwrap().open_parents();
    assert_eq!(parents, &[JobId(1)].into());
}
