//! What-if against what really happens: the engine's own core in virtual time, its journal, and simulations of it.

mod yard;

use std::collections::BTreeMap;
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, GroupOp, JobId, JobSpec, JobState, NodeSpec, Part, PolicySetup, Span,
    StoredPolicy, Timestamp, Unit,
};
use jobyard_sim::forecast::{Expected, Limit, Limits, Place, forecast, sooner, standing};
use jobyard_sim::{Estimate, Options, Window, Workload, compare, rerun};

use yard::{BEGIN, Yard, node, policy};

fn nodes() -> Vec<NodeSpec> {
    vec![
        node("n1", 4, &["small"]),
        node("n2", 8, &["big"]),
        node("n3", 8, &["big", "fast"]),
    ]
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A job of one size, of all kinds.
fn some_job(n: &mut Numbers) -> JobSpec {
    let owner = ["ann", "bob", "cid"][n.below(3) as usize].to_string();
    let limit = Span::from_secs(60 + n.below(3_000));
    let rigid = |units: u32| JobSpec {
        owner: owner.clone(),
        min: Some(units),
        max: Some(units),
        runtime: Some(limit),
        priority: [2_000, 2_000, 2_000, 3_000][units as usize % 4],
        ..JobSpec::default()
    };
    match n.below(8) {
        0 => JobSpec {
            unit: Unit::Node,
            ..rigid(1 + n.below(2) as u32)
        },
        1 => JobSpec {
            single_node: true,
            ..rigid(1 + n.below(6) as u32)
        },
        2 => JobSpec {
            exclusive: true,
            unit: Unit::Node,
            ..rigid(1)
        },
        3 => JobSpec {
            node_groups: vec!["big".into()],
            ..rigid(1 + n.below(12) as u32)
        },
        4 => JobSpec {
            node_groups: vec!["fast".into(), "small".into()],
            node_group_op: GroupOp::Uniform,
            ..rigid(1 + n.below(4) as u32)
        },
        _ => rigid(1 + n.below(16) as u32),
    }
}

#[test]
fn the_same_policy_starts_a_recorded_day_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes());
    let mut n = Numbers(2026);
    for _ in 0..300 {
        let spec = some_job(&mut n);
        let limit = spec.runtime.unwrap_or_default();
        let run = Span(1 + limit.0 * n.below(1_000_000) / 1_000_000);
        yard.submit(spec, run);
        // No two things happen in one microsecond.
        let pause = Span(1 + n.below(600_000_000));
        yard.until(yard.now + pause);
    }
    yard.run_out();

    // The journal is still open for writing, as beside a daemon.
    let workload = Workload::of_journal(yard.folder(), Window::default()).unwrap();
    assert_eq!(workload.jobs.len(), 300);
    assert_eq!(workload.users, ["ann", "bob", "cid"]);
    assert_eq!(workload.left_out, Default::default());
    assert_eq!(workload.assumed, Default::default());
    for job in &workload.jobs {
        let times = yard.state().job(JobId(job.id)).unwrap().times;
        assert_eq!(times.submitted, Some(Timestamp(job.times.submit_us)));
        assert_eq!(times.started, Some(Timestamp(job.times.start_us)));
        assert_eq!(times.ended, Some(Timestamp(job.times.end_us)));
    }
    let recorded = workload.recorded();
    assert!(
        recorded
            .jobs
            .iter()
            .filter(|job| job.wait_s() > 0.0)
            .count()
            > 100,
        "the day was busy"
    );
    let options = Options {
        policy: "backfill".into(),
        estimate: Estimate::Requested,
    };
    let again = rerun(&workload, &options, policy().unwrap().as_mut()).unwrap();
    assert_eq!(again.refused_proposals, Some(0));
    for (job, (was, is)) in workload
        .jobs
        .iter()
        .zip(recorded.jobs.iter().zip(&again.jobs))
    {
        assert_eq!(is, was, "job {}", job.id);
    }
    let basis = workload.basis(options.estimate);
    let comparison = compare(&basis, &[recorded, again]).unwrap();
    assert_eq!(comparison.runs[0].wait, comparison.runs[1].wait);
    let changes = comparison.runs[1].changes.as_ref().unwrap();
    assert_eq!((changes.jobs_same, changes.mean_wait_change_s), (300, 0.0));
    assert_eq!((comparison.nodes, comparison.cores), (3, 20));
}

#[test]
fn what_is_not_as_it_was_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes());
    let seconds = Span::from_secs;
    let job = |units: u32, limit: u64| JobSpec {
        owner: "ann".into(),
        min: Some(units),
        max: Some(units),
        runtime: Some(seconds(limit)),
        ..JobSpec::default()
    };
    // 1 runs and is queued again; 2 waits for it; 3 is canceled in the queue; 4 still runs at the end, 5 still waits.
    let first = yard.submit(job(20, 1_000), seconds(500));
    yard.until(BEGIN + seconds(100));
    let by = Actor::administrator("root");
    yard.command(&Command::RequeueJob {
        by: by.clone(),
        job: first,
    });
    yard.turn();
    let child = JobSpec {
        parent_jobs: vec![first],
        ..job(4, 100)
    };
    yard.submit(child, seconds(50));
    let third = yard.submit(job(20, 100), seconds(50));
    yard.command(&Command::CancelJob {
        by,
        job: third,
        message: String::new(),
        how: jobyard_kernel::Manner::Normal,
    });
    yard.turn();
    yard.until(BEGIN + seconds(700));
    yard.submit(job(20, 10_000), seconds(9_000));
    yard.submit(job(20, 10_000), seconds(9_000));
    yard.until(BEGIN + seconds(1_000));
    yard.submit(job(1, 10_000), seconds(9_000));

    let workload = Workload::of_journal(yard.folder(), Window::default()).unwrap();
    let ids: Vec<u32> = workload.jobs.iter().map(|job| job.id).collect();
    assert_eq!(ids, [1, 2, 4]);
    assert_eq!(workload.left_out.never_started, 1);
    assert_eq!(workload.left_out.still_waiting, 2);
    assert_eq!(workload.assumed.queued_again, 1);
    assert_eq!(workload.assumed.still_running, 1);
    assert_eq!(workload.assumed.parents_unknown, 0);
    let since = |us: u64| (us - BEGIN.0) / 1_000_000;
    let times: Vec<_> = workload
        .jobs
        .iter()
        .map(|job| {
            let t = &job.times;
            (
                since(t.submit_us),
                since(t.start_us),
                since(t.end_us),
                t.procs,
            )
        })
        .collect();
    // Job 1 from when it was back in the queue; job 4 up to the last event.
    assert_eq!(
        times,
        [
            (100, 100, 600, 20),
            (100, 600, 650, 4),
            (700, 700, 1_000, 20)
        ]
    );
    let options = Options {
        policy: "backfill".into(),
        estimate: Estimate::Actual,
    };
    let again = rerun(&workload, &options, policy().unwrap().as_mut()).unwrap();
    assert_eq!(again.jobs, workload.recorded().jobs);

    // Of a part of the time: what ran then is simulated, and counts only where it was submitted then.
    let window = Window {
        from: Some(BEGIN + seconds(620)),
        to: None,
    };
    let part = Workload::of_journal(yard.folder(), window).unwrap();
    let counts: Vec<_> = part.jobs.iter().map(|job| (job.id, job.compared)).collect();
    assert_eq!(counts, [(2, false), (4, true)]);
    assert_eq!(part.assumed.parents_unknown, 1);
    let nothing = Window {
        from: None,
        to: Some(BEGIN),
    };
    let error = Workload::of_journal(yard.folder(), nothing).unwrap_err();
    assert!(error.to_string().contains("no job ran"), "{error}");
}

#[test]
fn without_the_events_jobs_have_their_minimum() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes());
    let job = JobSpec {
        min: Some(2),
        max: Some(6),
        ..JobSpec::default()
    };
    yard.submit(job, Span::from_secs(60));
    yard.run_out();
    let path = yard.folder().to_path_buf();
    let sizes = |folder| {
        let workload = Workload::of_journal(folder, Window::default()).unwrap();
        (workload.jobs[0].times.procs, workload.assumed.size_unknown)
    };
    assert_eq!(sizes(&path), (6, 0));
    drop(yard);
    jobyard_journal::sqlite::compact(&path).unwrap();
    assert_eq!(sizes(&path), (2, 1));
}

/// Full nodes and a queue; every job runs exactly as long as it may.
fn busy(yard: &mut Yard, jobs: u32) -> Numbers {
    let mut n = Numbers(7);
    for _ in 0..jobs {
        let spec = some_job(&mut n);
        let run = spec.runtime.unwrap_or_default();
        yard.submit(spec, run);
        yard.until(yard.now + Span(1 + n.below(60_000_000)));
    }
    n
}

#[test]
fn forecasts_come_true_where_jobs_run_as_long_as_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes());
    busy(&mut yard, 60);
    let queued: Vec<JobId> = yard.state().queue().map(|job| job.id).collect();
    assert!(queued.len() > 20, "{} are queued", queued.len());
    let mut expected: BTreeMap<JobId, Expected> = BTreeMap::new();
    for (place, &job) in (1..).zip(&queued) {
        let said = forecast(yard.state(), yard.now, &mut policy, job, Limits::default()).unwrap();
        assert_eq!((said.job, said.made_us), (job.0, yard.now.0));
        assert_eq!(said.refused_proposals, 0);
        let stands = standing(yard.state(), job).unwrap();
        assert_eq!(stands.position, Some(place));
        assert_eq!(
            (stands.ahead_count, stands.queued),
            (place - 1, queued.len() as u64)
        );
        expected.insert(job, said.expected);
    }
    // The host goes on; what each job gets is looked at as it starts.
    let mut real: BTreeMap<JobId, Expected> = BTreeMap::new();
    while real.len() < queued.len() {
        let now = yard.now;
        for &job in queued.iter().filter(|job| expected.contains_key(job)) {
            let state = yard.state();
            let one = state.job(job).unwrap();
            if one.state() == JobState::Running && !real.contains_key(&job) {
                let place = |(id, share): (_, &jobyard_kernel::JobShare)| Place {
                    node: state.node(id).unwrap().spec.name.clone(),
                    cores: share.cores.len(),
                    gpus: share.gpus.len(),
                };
                let shares = one.shares.iter().map(|(id, share)| (*id, share));
                real.insert(
                    job,
                    Expected::Starts {
                        at_us: one.times.started.unwrap().0,
                        nodes: shares.map(place).collect(),
                    },
                );
            }
        }
        // No job is shorter than a minute.
        yard.until(now + Span::from_secs(30));
    }
    for job in &queued {
        assert_eq!(expected[job], real[job], "job {job}");
    }
}

#[test]
fn what_is_said_to_be_sooner_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes()[1..]);
    let seconds = Span::from_secs;
    let job = |units: u32, limit: u64| JobSpec {
        min: Some(units),
        max: Some(units),
        runtime: Some(seconds(limit)),
        ..JobSpec::default()
    };
    // 12 of 16 cores for 1,000 s; the head wants them all; a job of 6 for 2,000 s is behind it.
    yard.submit(job(12, 1_000), seconds(1_000));
    let head = yard.submit(job(16, 500), seconds(500));
    let asked = yard.submit(job(6, 2_000), seconds(900));
    let stands = standing(yard.state(), asked).unwrap();
    assert_eq!((stands.position, stands.queued), (Some(2), 2));
    assert_eq!((stands.min, stands.free, stands.at_most), (6, 4, 16));
    assert_eq!(stands.ahead[0].job, head.0);
    assert_eq!(stands.holder_count, 1);
    let holder = &stands.holders[0];
    assert_eq!((holder.job, holder.cores, holder.nodes), (1, 12, 2));
    assert_eq!(holder.ends_us, Some((BEGIN + seconds(1_000)).0));

    let limits = Limits::default();
    let said = sooner(yard.state(), yard.now, &mut policy, asked, limits).unwrap();
    let start = |at: u64| BEGIN + seconds(at);
    assert_eq!(said.as_it_is.start(), Some(start(1_500)));
    let variants: Vec<_> = said
        .variants
        .iter()
        .map(|v| (v.change.as_str(), v.keeps_place, v.sooner_by_s))
        .collect();
    // With 3 or 2 of the cores that are free it could start now, were it over before the head starts: so only with a short limit as well,
    // and no change alone does that.
    assert_eq!(variants, [], "{said:?}");
    assert!(said.tried >= 4, "{said:?}");

    // One that would be backfilled were it shorter.
    let long = yard.submit(job(4, 2_000), seconds(700));
    let said = sooner(yard.state(), yard.now, &mut policy, long, limits).unwrap();
    assert_eq!(said.as_it_is.start(), Some(start(1_500)));
    let best = &said.variants[0];
    assert_eq!(best.change, "a run-time limit of 16m40s instead of 33m20s");
    assert_eq!((best.at_us, best.keeps_place), (BEGIN.0, true));
    assert_eq!(best.sooner_by_s, Some(1_500.0));
    let spec = JobSpec {
        runtime: Some(seconds(1_000)),
        ..JobSpec::clone(&yard.state().job(long).unwrap().spec)
    };
    yard.command(&Command::ModifyJob {
        by: Actor::administrator("root"),
        job: long,
        spec: Arc::new(spec),
    });
    yard.turn();
    let started = yard.state().job(long).unwrap().times.started;
    assert_eq!(started, Some(Timestamp(best.at_us)));
}

#[test]
fn limits_and_ends_without_a_start_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes()[..1]);
    let job = |limit: Option<u64>| JobSpec {
        min: Some(4),
        max: Some(4),
        runtime: limit.map(Span::from_secs),
        ..JobSpec::default()
    };
    let running = yard.submit(job(Some(3_600)), Span::from_secs(3_600));
    let second = yard.submit(job(None), Span::from_secs(3_600));
    let third = yard.submit(job(None), Span::from_secs(3_600));
    let say = |job, limits| forecast(yard.state(), yard.now, &mut policy, job, limits);
    let expected = |said: Result<jobyard_sim::forecast::Forecast, _>| said.unwrap().expected;
    let all = Limits::default();
    assert_eq!(
        expected(say(running, all)),
        Expected::NotQueued {
            state: "Running".into()
        }
    );
    assert_eq!(
        expected(say(second, all)).start(),
        Some(BEGIN + Span::from_secs(3_600))
    );
    // Nobody knows how long the second will run.
    assert_eq!(
        expected(say(third, all)),
        Expected::Never { endless_jobs: 1 }
    );
    let not_within = |limit, until_us| Expected::NotWithin { limit, until_us };
    let short = Limits {
        horizon: Span::from_secs(60),
        ..all
    };
    let minute = (BEGIN + Span::from_secs(60)).0;
    assert_eq!(
        expected(say(second, short)),
        not_within(Limit::Horizon, minute)
    );
    let none = Limits {
        passes_max: 0,
        ..all
    };
    assert_eq!(
        expected(say(second, none)),
        not_within(Limit::PassesMax, BEGIN.0)
    );
    let few = Limits { jobs_max: 1, ..all };
    assert_eq!(
        expected(say(second, few)),
        not_within(Limit::JobsMax, BEGIN.0)
    );
    let error = say(JobId(99), all).unwrap_err();
    assert_eq!(error.to_string(), "there is no job 99");
}

#[test]
fn holds_parents_and_what_is_overdue_are_in_a_forecast() {
    let folder = tempfile::tempdir().unwrap();
    let mut yard = Yard::new(folder.path(), &nodes()[..1]);
    let seconds = Span::from_secs;
    let job = |units: u32| JobSpec {
        min: Some(units),
        max: Some(units),
        runtime: Some(seconds(600)),
        ..JobSpec::default()
    };
    let parent = yard.submit(job(2), seconds(600));
    let held = JobSpec {
        hold_until: Some(BEGIN + seconds(900)),
        ..job(1)
    };
    let held = yard.submit(held, seconds(600));
    let child = JobSpec {
        parent_jobs: vec![parent],
        ..job(1)
    };
    let child = yard.submit(child, seconds(600));
    let whole = yard.submit(job(4), seconds(600));
    let start_at = |job, now| {
        let said = forecast(yard.state(), now, &mut policy, job, Limits::default());
        let expected = said.unwrap().expected;
        expected.start().map(|at| (at.0 - BEGIN.0) / 1_000_000)
    };
    // The child and the held job were there before the one that wants the whole node, and go before it once they are free to.
    assert_eq!(start_at(child, BEGIN), Some(600));
    assert_eq!(start_at(held, BEGIN), Some(900));
    assert_eq!(start_at(whole, BEGIN), Some(1_500));
    // At 700 s the parent should have ended long ago.
    assert_eq!(start_at(child, BEGIN + seconds(700)), Some(700));
    assert_eq!(start_at(held, BEGIN + seconds(700)), Some(900));

    // A job that is not free to start has no place, and says why.
    let stands = standing(yard.state(), child).unwrap();
    assert_eq!((stands.position, stands.queued), (None, 1));
    assert_eq!(stands.why, "waits for job 1");
    assert_eq!(standing(yard.state(), held).unwrap().why, "held");
    assert_eq!(standing(yard.state(), parent), None);
}

#[test]
fn a_canary_is_left_out_of_a_forecast() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = [node("n1", 4, &[]), node("n2", 4, &["trial"])];
    let mut yard = Yard::new(folder.path(), &nodes);
    let job = || JobSpec {
        min: Some(4),
        max: Some(4),
        runtime: Some(Span::from_secs(3_600)),
        ..JobSpec::default()
    };
    let by = || Actor::administrator("root");
    let digest = "ab".repeat(32);
    let policy_there = StoredPolicy {
        digest: digest.clone(),
        name: "trial".into(),
        bytes: 1,
        manifest: None,
        at: BEGIN,
        by: String::new(),
    };
    yard.command(&Command::StorePolicy {
        by: by(),
        policy: policy_there.into(),
    });
    let settings = Vec::new();
    yard.command(&Command::CanaryPolicy {
        by: by(),
        trial: Some((
            PolicySetup { digest, settings },
            Part::Groups(vec!["trial".into()]),
        )),
        why: String::new(),
    });
    yard.turn();
    // The canary decides nothing here, so its node stays idle.
    let first = yard.submit(job(), Span::from_secs(3_600));
    let second = yard.submit(job(), Span::from_secs(3_600));
    let state = |id| yard.state().job(id).unwrap().state().to_string();
    assert_eq!(
        (state(first), state(second)),
        ("Running".into(), "Queued".into())
    );
    let said = forecast(
        yard.state(),
        yard.now,
        &mut policy,
        second,
        Limits::default(),
    );
    let Expected::Starts { at_us, nodes } = said.unwrap().expected else {
        panic!("it starts");
    };
    assert_eq!((at_us, nodes[0].node.as_str()), (BEGIN.0, "n2"));
}
