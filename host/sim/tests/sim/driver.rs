//! The order of what happens in one instant, and how simulations fail.

use std::collections::BTreeMap;

use jobyard_kernel::{Changes, ColumnValues, Columns, Decision, Instant, JobId, Plan, Share, Span};
use jobyard_sim::{
    Arrivals, Estimate, Options, Report, Scheduler, SchedulerFault, SimError, Simulation, Trace,
    plot, simulate,
};

use crate::native::{Backfill, Easy, NODE};

/// A trace of `(submit, run, procs, requested)` on a machine of 10 processors.
fn trace(jobs: &[(u64, u64, u32, u64)]) -> Trace {
    let mut text = String::from("; MaxProcs: 10\n");
    for (submit, run, procs, requested) in jobs {
        text += &format!("1 {submit} -1 {run} {procs} -1 -1 {procs} {requested} -1 1 1\n");
    }
    Trace::read("a/small.swf", text.as_bytes(), None).expect("a good trace")
}

fn run(trace: &Trace, scheduler: &mut dyn Scheduler) -> Result<Simulation, SimError> {
    simulate(
        trace,
        &Options {
            policy: "<test & more>".into(),
            estimate: Estimate::Requested,
        },
        scheduler,
    )
}

fn starts(simulation: &Simulation) -> Vec<u64> {
    simulation
        .jobs
        .iter()
        .map(|job| job.start_us / 1_000_000)
        .collect()
}

/// Notes down each pass, and starts what it is told to in the order of the queue.
struct Scripted<F> {
    arrivals: Arrivals,
    decide: F,
    queued: Vec<(JobId, u32)>,
    free: u32,
    passes: Vec<String>,
}

impl<F: FnMut(Instant, &mut Vec<(JobId, u32)>, &mut u32) -> Plan> Scripted<F> {
    fn new(arrivals: Arrivals, decide: F) -> Self {
        Self {
            arrivals,
            decide,
            queued: Vec::new(),
            free: 0,
            passes: Vec::new(),
        }
    }
}

impl<F: FnMut(Instant, &mut Vec<(JobId, u32)>, &mut u32) -> Plan> Scheduler for Scripted<F> {
    fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        for gone in &changes.removed_jobs {
            self.queued.retain(|(id, _)| id != gone);
        }
        self.free = changes.nodes.last().map_or(self.free, |n| n.free_cores);
        let mut arrived = Vec::new();
        for job in &changes.jobs {
            self.queued.retain(|(other, _)| *other != job.id);
            self.queued.push((job.id, job.min));
            arrived.push(job.id.0);
        }
        for given in &changes.allocations {
            self.queued.retain(|(other, _)| *other != given.job);
            arrived.retain(|id| *id != given.job.0);
        }
        self.queued.sort();
        let gone: Vec<_> = changes.removed_jobs.iter().map(|id| id.0).collect();
        self.passes.push(format!(
            "{} free {} new {arrived:?} gone {gone:?}",
            now / 1e6,
            self.free
        ));
        Ok((self.decide)(now, &mut self.queued, &mut self.free))
    }
}

fn start(job: JobId, cores: u32) -> Decision {
    Decision::Start {
        job,
        shares: vec![Share {
            node: NODE,
            cores,
            gpus: 0,
        }],
    }
}

fn nothing() -> Plan {
    Plan {
        decisions: Vec::new(),
        wake_at: None,
    }
}

/// Starts whatever fits, in order.
fn greedy(_: Instant, queued: &mut Vec<(JobId, u32)>, free: &mut u32) -> Plan {
    let mut decisions = Vec::new();
    queued.retain(|&(id, procs)| {
        let fits = procs <= *free;
        if fits {
            *free -= procs;
            decisions.push(start(id, procs));
        }
        !fits
    });
    Plan {
        decisions,
        wake_at: None,
    }
}

#[test]
fn one_instant_frees_what_was_expected_then_submits_then_ends() {
    // At 100: job 1 ends as expected, job 2 early, jobs 3 and 4 are submitted.
    let trace = trace(&[
        (0, 100, 4, 100),
        (0, 100, 6, 500),
        (100, 50, 4, 50),
        (100, 50, 6, 50),
    ]);
    let mut policy = Scripted::new(Arrivals::All, greedy);
    let simulation = run(&trace, &mut policy).expect("all run");
    assert_eq!(
        policy.passes,
        [
            "0 free 10 new [1] gone []",
            "0 free 6 new [2] gone []",
            // Job 1 has given its 4 back before its own end is handled; job 2 has not.
            "100 free 4 new [3] gone [1]",
            "100 free 0 new [4] gone []",
            // The end of job 1, with nothing new.
            "100 free 0 new [] gone []",
            "100 free 6 new [] gone [2]",
            // None for the ends at 150: nothing is queued.
        ]
    );
    assert_eq!(starts(&simulation), [0, 0, 100, 100]);
    assert_eq!(simulation.report.passes, 6);
}

#[test]
fn ends_of_one_instant_come_in_the_order_of_the_starts() {
    // Job 3 starts at 0, job 2 when job 1 has ended; both end at 60, sooner than expected. Job 4 waits for both.
    let trace = trace(&[
        (0, 20, 6, 20),
        (0, 40, 5, 99),
        (0, 60, 4, 99),
        (30, 5, 10, 5),
    ]);
    let mut policy = Scripted::new(Arrivals::All, greedy);
    let simulation = run(&trace, &mut policy).expect("all run");
    assert_eq!(starts(&simulation), [0, 20, 0, 60]);
    let last = &policy.passes[policy.passes.len() - 2..];
    assert_eq!(
        last,
        ["60 free 5 new [] gone [3]", "60 free 10 new [] gone [2]"]
    );
}

#[test]
fn no_pass_for_a_job_that_does_not_fit_if_the_policy_says_so() {
    let trace = trace(&[
        (0, 100, 8, 100),
        (10, 20, 5, 20),
        (20, 20, 2, 20),
        (40, 20, 3, 20),
    ]);
    let mut fitting = Scripted::new(Arrivals::Fitting, greedy);
    run(&trace, &mut fitting).expect("all run");
    assert_eq!(
        fitting.passes,
        [
            "0 free 10 new [1] gone []",
            // Nothing at 10. The job is sent with the next pass.
            "20 free 2 new [2, 3] gone []",
            // No pass for job 4, which does not fit, but one for the end of job 3.
            "40 free 2 new [4] gone [3]",
            "100 free 10 new [] gone [1]",
        ]
    );
    let mut all = Scripted::new(Arrivals::All, greedy);
    run(&trace, &mut all).expect("all run");
    assert_eq!(all.passes.len(), 6);
}

#[test]
fn wakes_a_policy_when_it_asked_for_it() {
    let trace = trace(&[(0, 10, 1, 10), (3, 10, 1, 10)]);
    // Starts jobs at multiples of 8 s only.
    let mut policy = Scripted::new(Arrivals::All, |now, queued, free| match now % 8e6 == 0.0 {
        true => greedy(now, queued, free),
        false => Plan {
            decisions: Vec::new(),
            wake_at: Some((now / 8e6).ceil() * 8e6),
        },
    });
    let simulation = run(&trace, &mut policy).expect("all run");
    assert_eq!(starts(&simulation), [0, 8]);
    assert_eq!(
        policy.passes,
        [
            "0 free 10 new [1] gone []",
            "3 free 9 new [2] gone []",
            "8 free 9 new [] gone []",
        ]
    );
}

#[test]
fn refused_proposals_are_counted_and_the_others_stand() {
    let trace = trace(&[(0, 10, 6, 10), (0, 10, 6, 10)]);
    let mut policy = Scripted::new(Arrivals::All, |_, queued, _| {
        let mut decisions = vec![start(JobId(77), 1)];
        decisions.extend(queued.iter().map(|(id, procs)| start(*id, *procs)));
        Plan {
            decisions,
            wake_at: None,
        }
    });
    let simulation = run(&trace, &mut policy).expect("all run");
    assert_eq!(starts(&simulation), [0, 10]);
    // Job 77 in each of the three passes, and job 2 in the second, while job 1 runs.
    assert_eq!(simulation.report.refused_proposals, 4);
    let refusal = simulation.first_refusal.expect("there was one");
    assert!(refusal.contains("77"), "{refusal}");
}

#[test]
fn a_policy_that_starts_nothing_is_an_error_that_names_the_first_job() {
    let trace = trace(&[(0, 10, 6, 10), (5, 10, 7, 10), (9, 10, 8, 10)]);
    let mut policy = Scripted::new(Arrivals::All, |_, queued, free| match queued.first() {
        Some((JobId(1), _)) => greedy(0.0, queued, free),
        _ => nothing(),
    });
    let error = run(&trace, &mut policy).expect_err("two jobs never start");
    assert_eq!(
        error.to_string(),
        "the policy never starts 2 jobs, though nothing runs any more; the first is on line 3 of the trace and needs 7 of 10 processors"
    );
}

#[test]
fn a_policy_that_only_asks_to_be_called_again_is_an_error() {
    let trace = trace(&[(0, 10, 6, 10)]);
    for step in [0.0, 1.0] {
        let mut passes = 0_u64;
        let mut policy = Scripted::new(Arrivals::All, |now, _, _| {
            passes += 1;
            Plan {
                decisions: Vec::new(),
                wake_at: Some(now + step),
            }
        });
        policy.passes = Vec::new();
        let error = run(&trace, &mut policy).expect_err("it never ends");
        assert!(
            matches!(
                error,
                SimError::Restless {
                    wakes: 1_000_000,
                    queued: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(passes, 1_000_001);
    }
}

#[test]
fn a_fault_ends_the_simulation() {
    struct Faulty(u32);
    impl Scheduler for Faulty {
        fn arrivals(&self) -> Arrivals {
            Arrivals::All
        }
        fn schedule(&mut self, _: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
            self.0 += 1;
            match self.0 {
                1 => Ok(Plan {
                    decisions: vec![start(changes.jobs[0].id, 1)],
                    wake_at: None,
                }),
                _ => Err(SchedulerFault("policy-x trapped in schedule".into())),
            }
        }
    }
    let trace = trace(&[(0, 10, 1, 10), (10, 10, 1, 10)]);
    let error = run(&trace, &mut Faulty(0)).expect_err("it faults");
    assert_eq!(
        error.to_string(),
        "the policy failed at 10.000000 s of the trace, when 1 of 2 jobs had ended: policy-x trapped in schedule"
    );
}

#[test]
fn virtual_time_has_an_end() {
    let long = 9_000_000_000;
    let trace = trace(&[(0, long, 10, long), (0, long, 10, long)]);
    let error = run(&trace, &mut Easy::new(Backfill::Fcfs)).expect_err("285 years are over");
    assert!(
        matches!(error, SimError::TimeOver { ended: 1, jobs: 2 }),
        "{error}"
    );
}

#[test]
fn plots_of_tiny_traces_are_whole_too() {
    for jobs in [
        &[(7, 1, 1, 1)][..],
        &[(0, 3_000, 10, 9_000), (0, 1, 10, 1), (9, 400, 1, 400)],
    ] {
        let simulation = run(&trace(jobs), &mut Easy::new(Backfill::Fcfs)).expect("all run");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("small.svg");
        plot(&simulation, &path).expect("the folder is writable");
        let svg = std::fs::read_to_string(&path).expect("it was written");
        assert!(
            svg.contains("&lt;test &amp; more&gt; on small.swf"),
            "{svg}"
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn a_wake_up_that_is_over_does_not_turn_time_back() {
    // The wake-up at 2 falls into a time without a queue. Job 2 does not fit, so that its arrival alone is no pass.
    let trace = trace(&[(0, 10, 10, 10), (5, 10, 10, 10)]);
    let mut policy = Scripted::new(Arrivals::Fitting, |now, queued, free| {
        let wake_at = (now == 0.0).then_some(2e6);
        Plan {
            wake_at,
            ..greedy(now, queued, free)
        }
    });
    let simulation = run(&trace, &mut policy).expect("all run");
    assert_eq!(starts(&simulation), [0, 10]);
    assert_eq!(
        policy.passes,
        [
            "0 free 10 new [1] gone []",
            "5 free 0 new [2] gone []",
            "10 free 10 new [] gone [1]",
        ]
    );
}

#[test]
fn the_report_is_one_json_object() {
    let trace = trace(&[(0, 10, 10, 20), (5, 10, 10, 10)]);
    let report = run(&trace, &mut Easy::new(Backfill::Fcfs))
        .expect("all run")
        .report;
    let json = serde_json::to_value(&report).expect("all keys are text");
    for key in ["cpu_s", "jobs_per_cpu_s"] {
        assert!(
            json[key].as_f64().is_some_and(|value| value > 0.0),
            "{key}: {json}"
        );
    }
    let expected = serde_json::json!({
        "policy": "<test & more>",
        "trace": "a/small.swf",
        "estimate": "requested",
        "jobs": 2,
        "procs": 10,
        "average_wait_s": 2.5,
        "median_wait_s": 2.5,
        "p95_wait_s": 5.0,
        "maximum_wait_s": 5.0,
        "average_bounded_slowdown": 1.25,
        "maximum_bounded_slowdown": 1.5,
        "utilisation": 1.0,
        "makespan_s": 20.0,
        "maximum_queue_length": 1,
        "users": 1,
        "user_fairness": 1.0,
        "refused_proposals": 0,
        "dropped_lines": 0,
        "bad_lines": 0,
        "out_of_order_lines": 0,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&json[key], value, "{key}");
    }
    let back: Report = serde_json::from_value(json).expect("the same keys are read");
    assert_eq!(back, report);
}

/// Starts jobs in the order of the queue, and asks whose they are.
#[derive(Default)]
struct Asking {
    queued: Vec<(JobId, u32)>,
    free: u32,
    texts: BTreeMap<String, Vec<String>>,
    accounts: BTreeMap<String, (f64, f64)>,
}

impl Scheduler for Asking {
    fn arrivals(&self) -> Arrivals {
        Arrivals::All
    }

    fn columns(&self) -> Columns {
        Columns::parse("job.owner,job.project,account.owner,account.used,account.cores")
            .expect("known columns")
    }

    fn half_life(&self) -> Option<Span> {
        Some(Span::from_secs(3_600))
    }

    fn schedule(&mut self, _: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        let texts = |name: &str| match changes.columns.iter().find(|column| column.name == name) {
            Some(column) => match &column.values {
                ColumnValues::Texts(texts) => texts.clone(),
                ColumnValues::Numbers(_) => panic!("{name} has texts"),
            },
            None => Vec::new(),
        };
        let numbers = |name: &str| match changes.columns.iter().find(|column| column.name == name) {
            Some(column) => match &column.values {
                ColumnValues::Numbers(numbers) => numbers.clone(),
                ColumnValues::Texts(_) => panic!("{name} has numbers"),
            },
            None => Vec::new(),
        };
        for name in ["job.owner", "job.project"] {
            self.texts
                .entry(name.into())
                .or_default()
                .extend(texts(name));
        }
        let uses = numbers("account.used")
            .into_iter()
            .zip(numbers("account.cores"));
        self.accounts
            .extend(texts("account.owner").into_iter().zip(uses));
        self.queued
            .extend(changes.jobs.iter().map(|row| (row.id, row.min)));
        self.free = changes
            .nodes
            .last()
            .map_or(self.free, |node| node.free_cores);
        let mut plan = Plan::default();
        while let Some(&(job, cores)) = self.queued.first().filter(|(_, cores)| *cores <= self.free)
        {
            self.queued.remove(0);
            self.free -= cores;
            let shares = vec![Share {
                node: NODE,
                cores,
                gpus: 0,
            }];
            plan.decisions.push(Decision::Start { job, shares });
        }
        Ok(plan)
    }
}

#[test]
fn users_and_groups_are_owners_and_projects_for_those_who_ask() {
    let text = "; MaxProcs: 4\n\
        1 0 -1 100 4 -1 -1 4 200 -1 1 7 3 -1\n\
        2 0 -1 100 4 -1 -1 4 200 -1 1 8 -1 -1\n\
        3 3800 -1 100 4 -1 -1 4 200 -1 1 -1\n";
    let trace = Trace::read("small.swf", text.as_bytes(), None).expect("a good trace");
    let mut asking = Asking::default();
    let simulation = run(&trace, &mut asking).expect("all run");
    assert_eq!(starts(&simulation), [0, 100, 3800]);
    assert_eq!(asking.texts["job.owner"], ["7", "8", "trace"]);
    assert_eq!(asking.texts["job.project"], ["3", "", ""]);
    // Told as it was when it changed last; with an hour's half-life a little of the first job's use is gone when it ends.
    let (used, cores) = asking.accounts["7"];
    assert!(
        (395.0..400.0).contains(&used) && cores == 0.0,
        "{used} {cores}"
    );
    assert!((395.0..400.0).contains(&asking.accounts["8"].0));
}
