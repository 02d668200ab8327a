//! Jobs, tasks, nodes, templates and parameters with numbers at their ends: refused or carried out, and nothing overflows.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Ending, Event, FromNode, GroupOp, JobId, JobKind, JobSpec, NodeProperty,
    NodeSpec, OrderBy, Parameters, Rule, Span, State, TaskId, TaskKind, TaskSpec, Template,
    Timestamp, Unit, Value, step,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fuzz::cases;
use crate::{anything, proposals};

/// Mostly small or at an end.
fn count() -> BoxedStrategy<u32> {
    let ends = vec![0, u32::MAX, u32::MAX - 1, 1 << 31, 1_000_000, 1_000_001];
    prop_oneof![8 => 1..5u32, 2 => select(ends), 1 => any::<u32>()].boxed()
}

fn long() -> BoxedStrategy<u64> {
    let ends = vec![0, u64::MAX, u64::MAX - 1, 1 << 53, (1 << 53) - 1];
    prop_oneof![8 => 1..100_000_000u64, 2 => select(ends), 1 => any::<u64>()].boxed()
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(of: BoxedStrategy<T>) -> BoxedStrategy<Option<T>> {
    proptest::option::of(of).boxed()
}

fn names() -> BoxedStrategy<Vec<String>> {
    let name = prop_oneof![9 => "n[12]", 1 => ".{0,3}", 1 => Just("x".repeat(100))];
    proptest::collection::vec(name, 0..3).boxed()
}

/// One thing that is other than in a sensible job or task: which, and what it is instead.
#[derive(Debug, Clone)]
struct Change {
    which: u8,
    count: u32,
    other: u32,
    long: u64,
    names: Vec<String>,
    text: String,
    flag: bool,
}

fn changes() -> BoxedStrategy<Vec<Change>> {
    let each = (
        any::<u8>(),
        count(),
        count(),
        long(),
        names(),
        "[a-z:0-9,*]{0,8}",
        any::<bool>(),
    );
    let change = each.prop_map(|(which, count, other, long, names, text, flag)| Change {
        which,
        count,
        other,
        long,
        names,
        text,
        flag,
    });
    proptest::collection::vec(change, 0..3).boxed()
}

fn change_job(job: &mut JobSpec, change: Change) {
    let Change {
        count,
        other,
        long,
        names,
        flag,
        ..
    } = change;
    match change.which % 20 {
        0 => job.unit = [Unit::Socket, Unit::Node, Unit::Gpu][count as usize % 3],
        1 => (job.min, job.max) = (Some(count), job.max.filter(|_| flag)),
        2 => (job.min, job.max) = (job.min.filter(|_| flag), Some(count)),
        3 => (job.min, job.max) = (Some(count), Some(other)),
        4 => job.priority = count,
        5 => job.task_retry_limit = count,
        6 => job.runtime = Some(Span(long)),
        7 => job.hold_until = Some(Timestamp(long)),
        8 => job.requested_nodes = names,
        9 => job.excluded_nodes = names,
        10 => {
            let all = [GroupOp::Intersect, GroupOp::Uniform, GroupOp::Union];
            (job.node_groups, job.node_group_op) = (names, all[count as usize % 3]);
        }
        11 => (job.memory_mb_min, job.memory_mb_max) = (Some(long), flag.then_some(long)),
        12 => {
            (job.cores_per_node_min, job.cores_per_node_max) = (flag.then_some(count), Some(other))
        }
        13 => job.parent_jobs = vec![JobId(count), JobId(other)],
        14 => job.licences = change.text,
        15 => {
            let by = OrderBy {
                property: NodeProperty::Memory,
                fewest_first: flag,
            };
            job.order_by = vec![by; count as usize % 4];
        }
        16 => job.kind = JobKind::Command,
        17 => (job.exclusive, job.single_node) = (flag, !flag),
        18 => job.run_until_canceled = true,
        _ => job.fail_on_task_failure = true,
    }
}

fn job() -> impl Strategy<Value = JobSpec> {
    let units = proptest::option::of((1..4u32, 0..4u32));
    (units, changes()).prop_map(|(units, changes)| {
        let mut job = JobSpec::default();
        (job.min, job.max) = (
            units.map(|(min, _)| min),
            units.map(|(min, more)| min + more),
        );
        changes
            .into_iter()
            .for_each(|change| change_job(&mut job, change));
        job
    })
}

fn change_task(task: &mut TaskSpec, change: Change) {
    let Change {
        count,
        other,
        long,
        flag,
        ..
    } = change;
    let (start, end) = (count.min(other), count.max(other));
    match change.which % 9 {
        0 => {
            task.kind = TaskKind::Sweep {
                start,
                end,
                increment: 1 + (end - start) / 9,
            }
        }
        1 => {
            task.kind = TaskKind::Sweep {
                start: count,
                end: other,
                increment: long as u32,
            }
        }
        2 => task.kind = TaskKind::Service,
        3 => {
            task.kind = if flag {
                TaskKind::NodePrepare
            } else {
                TaskKind::NodeRelease
            }
        }
        4 => task.max = count,
        5 => (task.min, task.max) = (start, end),
        6 => task.runtime = Some(Span(long)),
        7 => task.fail_job_on_failure_count = Some(count),
        _ => task.depends_on = vec![["", "a", "b"][count as usize % 3].into()],
    }
}

fn task() -> BoxedStrategy<TaskSpec> {
    let task = (select(vec!["", "a", "b"]), changes()).prop_map(|(name, changes)| {
        let mut task = TaskSpec {
            name: name.into(),
            command_line: "work *".into(),
            ..TaskSpec::default()
        };
        changes
            .into_iter()
            .for_each(|change| change_task(&mut task, change));
        task
    });
    task.boxed()
}

fn tasks() -> impl Strategy<Value = Vec<Arc<TaskSpec>>> {
    proptest::collection::vec(task().prop_map(Arc::new), 0..4)
}

fn node(name: &'static str) -> impl Strategy<Value = NodeSpec> {
    let sensible = (1..9u32, 0..3u32);
    let ends = proptest::option::weighted(0.2, (count(), count(), count(), long()));
    (sensible, ends).prop_map(move |((cores, gpus), ends)| {
        let (cores, sockets, gpus, memory_mb) = ends.unwrap_or((cores, 1, gpus, 1_024));
        NodeSpec {
            name: name.into(),
            cores,
            sockets,
            gpus,
            memory_mb,
            groups: vec!["n1".into()],
        }
    })
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (
        proptest::array::uniform4(long()),
        proptest::array::uniform3(count()),
    )
        .prop_map(
            |([grace, release, ttl, hold], [jobs, tasks, excluded])| Parameters {
                task_cancel_grace: Span(grace),
                node_release_timeout: Span(release),
                ttl_completed_jobs: Span(ttl),
                default_hold: Span(hold),
                job_retry_count: jobs,
                task_retry_count: tasks,
                excluded_nodes_limit: excluded,
                ..Parameters::default()
            },
        )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Flag),
        long().prop_map(Value::Number),
        ".{0,10}".prop_map(Value::Text),
        names().prop_map(Value::List),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let properties: Vec<&str> = jobyard_kernel::PROPERTIES.iter().map(|p| p.name).collect();
    let property = prop_oneof![19 => select(properties).prop_map(String::from), 1 => ".{0,5}"];
    let flags = any::<[bool; 2]>();
    let allowed = proptest::collection::vec(value(), 0..3);
    let default = proptest::option::of(value());
    (
        property,
        default,
        flags,
        maybe(long()),
        maybe(long()),
        allowed,
        names(),
    )
        .prop_map(
            |(property, default, [read_only, required], min, max, allowed, required_values)| Rule {
                property,
                default,
                read_only,
                required,
                min,
                max,
                allowed,
                required_values,
            },
        )
}

fn template() -> impl Strategy<Value = Template> {
    let tasks = (proptest::option::of(task()), proptest::option::of(task()));
    (proptest::collection::vec(rule(), 0..3), tasks).prop_map(|(rules, tasks)| Template {
        name: "Default".into(),
        rules,
        node_prepare: tasks.0,
        node_release: tasks.1,
        ..Template::default()
    })
}

/// What is done one after the other.
fn orders() -> impl Strategy<Value = Vec<Command>> {
    let by = || Actor::administrator("root");
    let job_id = || (1..4u32).prop_map(JobId);
    let order = prop_oneof![
        3 => (job(), tasks()).prop_map(move |(spec, tasks)| Command::AddJob {
            by: by(),
            spec: spec.into(),
            tasks,
        }),
        3 => (job(), tasks()).prop_map(move |(spec, tasks)| Command::QueueJob {
            by: by(),
            spec: spec.into(),
            tasks,
        }),
        4 => job_id().prop_map(move |job| Command::SubmitJob { by: by(), job }),
        1 => (job_id(), job()).prop_map(move |(job, spec)| Command::ModifyJob {
            by: by(),
            job,
            spec: spec.into(),
        }),
        1 => (job_id(), tasks(), any::<bool>()).prop_map(move |(job, tasks, submit)| {
            let by = by();
            Command::AddTasks { by, job, tasks, submit }
        }),
        1 => (job_id(), task()).prop_map(move |(job, spec)| Command::ModifyTask {
            by: by(),
            job,
            task: TaskId(1),
            spec: spec.into(),
        }),
        1 => (job_id(), maybe(long())).prop_map(move |(job, until)| Command::HoldJob {
            by: by(),
            job,
            until: until.map(Timestamp),
        }),
        1 => parameters().prop_map(Command::SetParameters),
        1 => template().prop_map(move |template| Command::SetTemplate {
            by: by(),
            template: template.into(),
        }),
        1 => node("n3").prop_map(Command::AddNode),
        1 => long().prop_map(move |at| Command::PurgeJobs { by: by(), ended_before: Timestamp(at) }),
        1 => long().prop_map(|at| Command::PurgeHistory { ended_before: Timestamp(at) }),
        1 => job_id().prop_map(move |job| Command::RequeueJob { by: by(), job }),
    ];
    proptest::collection::vec(order.boxed(), 1..16)
}

struct World {
    state: State,
    replay: State,
    now: Timestamp,
}

impl World {
    fn act(&mut self, command: &Command) {
        let mut events: Vec<Event> = Vec::new();
        match step(&mut self.state, command, self.now, &mut events) {
            Ok(()) => {}
            Err(rejection) => assert!(!rejection.to_string().is_empty()),
        }
        events.iter().for_each(|event| self.replay.apply(event));
        self.state.check().unwrap_or_else(|what| panic!("{what}"));
    }

    /// What can start is started, and a few of those that run end.
    fn go_on(&mut self) {
        let jobs: Vec<JobId> = self.state.jobs().map(|job| job.id).collect();
        for job in jobs {
            let why = self.state.why_waiting(job);
            assert!(why.is_none_or(|why| !why.text.is_empty()));
            if let Some(start) = proposals::start(&self.state, job) {
                self.act(&Command::Propose(start));
            }
        }
        for execution in anything::runs(&self.state).into_iter().take(3) {
            let _ = self.state.message(execution);
            self.act(&Command::Report(FromNode::Started { execution }));
            let ending = Ending::Exited { code: 0 };
            self.act(&Command::Report(FromNode::Ended {
                execution,
                ending,
                output_tail: String::new(),
            }));
        }
        self.act(&Command::Tick);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn numbers_at_their_ends(
        nodes in (node("n1"), node("n2")),
        orders in orders(),
        steps in proptest::collection::vec(long(), 16),
    ) {
        let (state, replay) = (State::new(), State::new());
        let mut world = World { state, replay, now: Timestamp(1) };
        let sure = NodeSpec { name: "n4".into(), cores: 8, ..NodeSpec::default() };
        for node in [nodes.0, nodes.1, sure] {
            world.act(&Command::AddNode(node));
        }
        for (order, step) in orders.iter().zip(steps) {
            world.act(order);
            world.go_on();
            world.now = Timestamp(world.now.0.saturating_add(step)).min(Timestamp::MAX);
        }
        prop_assert_eq!(&world.replay, &world.state);
        let told = jobyard_kernel::Mirror::new().take(&world.state);
        prop_assert!(told.jobs.len() <= orders.len());
    }
}
