//! The built-in policies decide for a kernel: whatever jobs ask for, none is proposed again and again in a way that the
//! kernel refuses, and in the end all have run.

use std::collections::VecDeque;
use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Decision, Ending, Event, Execution, FromNode, GroupOp, JobId, JobSpec,
    JobState, Mirror, NodeSpec, Parameters, PreemptionType, Refusal, Span, State, TaskKind,
    TaskSpec, Timestamp, Unit, carry_out, step,
};
use jobyard_plugin::{Limits, PolicyInstance, World};

use crate::built_in::built_in;

/// A small seeded source of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below)) as u32
    }

    fn once_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }
}

struct Cluster {
    state: State,
    mirror: Mirror,
    policy: PolicyInstance,
    now: Timestamp,
    /// Attempts that nodes work at.
    running: VecDeque<Execution>,
    refused: Vec<(Decision, Refusal)>,
}

impl Cluster {
    fn new(policy: &str, settings: &[(&str, &str)]) -> Cluster {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let settings: Vec<_> = settings.iter().map(owned).collect();
        let limits = Limits::for_world(World::SchedulingPolicy);
        let policy = built_in(policy, World::SchedulingPolicy);
        Cluster {
            state: State::new(),
            mirror: Mirror::new(),
            policy: policy.policy(limits, &settings).unwrap(),
            now: Timestamp(1_000_000),
            running: VecDeque::new(),
            refused: Vec::new(),
        }
    }

    fn note(&mut self, events: &[Event]) {
        for event in events {
            self.mirror.note(&self.state, event);
            if let jobyard_kernel::Fact::Dispatched { works, .. } = &event.fact {
                self.running.extend(works.iter().map(|work| work.execution));
            }
        }
    }

    fn act(&mut self, command: &Command) {
        let mut events = Vec::new();
        step(&mut self.state, command, self.now, &mut events)
            .unwrap_or_else(|refused| panic!("{refused}: {command:?}"));
        self.note(&events);
    }

    fn add_node(&mut self, spec: NodeSpec) {
        self.act(&Command::AddNode(spec));
    }

    /// A job that is fit to run; none where validation refuses it.
    fn submit(&mut self, spec: JobSpec, tasks: Vec<TaskSpec>) -> Option<JobId> {
        let by = Actor::administrator("root");
        let spec = Arc::new(spec);
        let tasks = tasks.into_iter().map(Arc::new).collect();
        self.act(&Command::QueueJob { by, spec, tasks });
        let newest = self.state.jobs().last()?;
        (newest.state() != JobState::Failed).then_some(newest.id)
    }

    /// Passes until the policy has nothing new to hear of.
    fn decide(&mut self) {
        for _ in 0..50 {
            if !self.mirror.has_changes() {
                return;
            }
            let changes = self.mirror.take(&self.state);
            let plan = self
                .policy
                .schedule(self.now.as_instant(), changes)
                .unwrap_or_else(|fault| panic!("{fault}"));
            let mut events = Vec::new();
            let refused = carry_out(&mut self.state, plan, self.now, &mut events);
            assert!(
                !events.is_empty() || refused.is_empty(),
                "refused, and so it will be again: {refused:?}\n{:?}",
                self.state.nodes().collect::<Vec<_>>()
            );
            self.refused.extend(refused);
            self.note(&events);
        }
        panic!("after 50 passes it still has something to say");
    }

    fn report(&mut self, report: FromNode) {
        let mut events = Vec::new();
        // One that was stopped meanwhile is out of date.
        if step(
            &mut self.state,
            &Command::Report(report),
            self.now,
            &mut events,
        )
        .is_ok()
        {
            self.note(&events);
        }
    }

    /// One attempt ends; false when none runs.
    fn end_one(&mut self, at: u32) -> bool {
        let Some(execution) = self.running.remove(at as usize % self.running.len().max(1)) else {
            return false;
        };
        self.report(FromNode::Started { execution });
        let stopped = self
            .state
            .run(execution)
            .is_some_and(|(_, _, run)| run.stop.is_some());
        let ending = match stopped {
            true => Ending::Stopped { code: None },
            false => Ending::Exited { code: 0 },
        };
        self.report(FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        });
        true
    }

    /// Lets everything run to its end.
    fn run_out(&mut self, random: &mut Random) {
        loop {
            self.decide();
            self.now = self.now + Span::from_secs(1);
            if !self.end_one(random.below(1_000)) {
                break;
            }
        }
        for job in self.state.jobs() {
            assert!(
                job.state().is_ended(),
                "job {} is {} for ever: {:?}\n{job:#?}",
                job.id,
                job.state(),
                self.state.why_waiting(job.id)
            );
        }
        self.state.check().unwrap();
    }
}

fn node(random: &mut Random, number: u32) -> NodeSpec {
    let groups = match random.below(4) {
        0 => vec![],
        1 => vec!["left".into()],
        2 => vec!["right".into()],
        _ => vec!["left".into(), "right".into()],
    };
    NodeSpec {
        name: format!("n{number}"),
        cores: [4, 8, 8, 10, 9][random.below(5) as usize],
        sockets: 1 + random.below(4),
        gpus: [0, 0, 2, 12][random.below(4) as usize],
        memory_mb: 1_024,
        groups,
    }
}

fn job(random: &mut Random) -> (JobSpec, Vec<TaskSpec>) {
    let unit =
        [Unit::Core, Unit::Core, Unit::Socket, Unit::Node, Unit::Gpu][random.below(5) as usize];
    let min = 1 + random.below(if unit == Unit::Core { 9 } else { 3 });
    let max = min + random.below(4);
    let groups = match random.below(3) {
        0 => vec!["left".to_string(), "right".to_string()],
        _ => vec![],
    };
    let spec = JobSpec {
        unit,
        priority: [1_000, 2_000, 2_000, 3_000][random.below(4) as usize],
        min: Some(min),
        max: Some(max),
        exclusive: random.once_in(6),
        // Not many nodes on a single one.
        single_node: random.once_in(6) && (unit != Unit::Node || min == 1),
        node_group_op: match groups.is_empty() {
            true => GroupOp::Intersect,
            false => [GroupOp::Uniform, GroupOp::Uniform, GroupOp::Union][random.below(3) as usize],
        },
        node_groups: groups,
        runtime: (!random.once_in(4)).then(|| Span::from_secs(10 + u64::from(random.below(90)))),
        ..JobSpec::default()
    };
    let least = 1 + random.below(min);
    let task = TaskSpec {
        command_line: "work".into(),
        kind: TaskKind::Sweep {
            start: 1,
            end: 1 + random.below(7),
            increment: 1,
        },
        min: least,
        max: least + random.below(max - least + 1),
        ..TaskSpec::default()
    };
    (spec, vec![task])
}

#[test]
fn whatever_jobs_ask_for_they_run() {
    let settings: [(&str, &[(&str, &str)]); 4] = [
        ("policy-fifo", &[]),
        ("policy-backfill", &[]),
        (
            "policy-backfill",
            &[("order", "sjbf"), ("preemption", "graceful")],
        ),
        ("policy-backfill", &[("preemption", "immediate")]),
    ];
    let (mut jobs, mut refused) = (0, 0);
    for seed in 0..300 {
        let mut random = Random(seed);
        let (policy, settings) = settings[seed as usize % settings.len()];
        let mut cluster = Cluster::new(policy, settings);
        cluster.act(&Command::SetParameters(Parameters {
            preemption: PreemptionType::Immediate,
            ..Parameters::default()
        }));
        for number in 1..=2 + random.below(4) {
            let node = node(&mut random, number);
            cluster.add_node(node);
        }
        for _ in 0..25 {
            let (spec, tasks) = job(&mut random);
            jobs += u32::from(cluster.submit(spec, tasks).is_some());
            if random.once_in(3) {
                cluster.decide();
                cluster.now = cluster.now + Span::from_secs(1);
                cluster.end_one(random.below(1_000));
            }
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cluster.run_out(&mut random);
        }));
        if let Err(panic) = outcome {
            eprintln!("seed {seed}, {policy} {settings:?}");
            std::panic::resume_unwind(panic);
        }
        refused += cluster.refused.len();
    }
    assert!(jobs > 3_000, "{jobs} jobs were fit to run");
    // Within one plan a policy may miscount what it cannot know.
    assert!(refused < 10, "{refused} proposals were refused");
}

fn two_groups(policy: &str) -> Cluster {
    let mut cluster = Cluster::new(policy, &[]);
    for (name, group) in [
        ("n1", "left"),
        ("n2", "left"),
        ("n3", "right"),
        ("n4", "right"),
    ] {
        cluster.add_node(NodeSpec {
            name: name.into(),
            cores: 4,
            sockets: 2,
            groups: vec![group.into()],
            ..NodeSpec::default()
        });
    }
    cluster
}

fn holding(cores: u32, spec: JobSpec) -> JobSpec {
    JobSpec {
        min: Some(cores),
        max: Some(cores),
        run_until_canceled: true,
        ..spec
    }
}

fn nodes_of(cluster: &Cluster, job: JobId) -> Vec<String> {
    let job = cluster.state.job(job).unwrap();
    let name = |node| cluster.state.node(node).unwrap().spec.name.clone();
    job.shares.keys().map(|&node| name(node)).collect()
}

#[test]
fn a_job_of_one_group_waits_for_one_group() {
    for policy in ["policy-fifo", "policy-backfill"] {
        let mut cluster = two_groups(policy);
        let filler = |node: &str| {
            let requested_nodes = vec![node.to_string()];
            holding(
                1,
                JobSpec {
                    requested_nodes,
                    ..JobSpec::default()
                },
            )
        };
        // Three free cores on n1 and n3: six of each group would do, seven would not.
        cluster.submit(filler("n1"), vec![]).unwrap();
        let in_the_way = cluster.submit(filler("n3"), vec![]).unwrap();
        let uniform = |cores| {
            holding(
                cores,
                JobSpec {
                    node_groups: vec!["left".into(), "right".into()],
                    node_group_op: GroupOp::Uniform,
                    ..JobSpec::default()
                },
            )
        };
        let fits = cluster.submit(uniform(7), vec![]).unwrap();
        let waits = cluster.submit(uniform(8), vec![]).unwrap();
        cluster.decide();
        assert_eq!(nodes_of(&cluster, fits), ["n1", "n2"], "{policy}");
        assert_eq!(nodes_of(&cluster, waits), [""; 0], "{policy}");
        let cancel = Command::CancelJob {
            by: Actor::administrator("root"),
            job: in_the_way,
            message: String::new(),
            how: jobyard_kernel::Manner::Normal,
        };
        cluster.act(&cancel);
        cluster.decide();
        assert_eq!(nodes_of(&cluster, waits), ["n3", "n4"], "{policy}");
        assert!(
            cluster.refused.is_empty(),
            "{policy}: {:?}",
            cluster.refused
        );
    }
}

#[test]
fn a_job_of_sockets_waits_for_a_whole_one() {
    for policy in ["policy-fifo", "policy-backfill"] {
        let mut cluster = Cluster::new(policy, &[]);
        cluster.add_node(NodeSpec {
            name: "n1".into(),
            cores: 4,
            sockets: 2,
            ..NodeSpec::default()
        });
        // One core of the first socket, then the other socket; then both have a free core.
        let core = |n| holding(n, JobSpec::default());
        cluster.submit(core(1), vec![]).unwrap();
        let first = cluster.submit(core(1), vec![]).unwrap();
        let second = cluster.submit(core(1), vec![]).unwrap();
        cluster.decide();
        let cancel = |job| Command::CancelJob {
            by: Actor::administrator("root"),
            job,
            message: String::new(),
            how: jobyard_kernel::Manner::Normal,
        };
        cluster.act(&cancel(first));
        let socket = JobSpec {
            unit: Unit::Socket,
            ..JobSpec::default()
        };
        let socket = cluster.submit(holding(1, socket), vec![]).unwrap();
        cluster.decide();
        assert_eq!(nodes_of(&cluster, socket), [""; 0], "{policy}");
        cluster.act(&cancel(second));
        cluster.decide();
        assert_eq!(nodes_of(&cluster, socket), ["n1"], "{policy}");
        assert!(
            cluster.refused.is_empty(),
            "{policy}: {:?}",
            cluster.refused
        );
    }
}
