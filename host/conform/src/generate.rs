//! Random cases: a seed is a case. What of it is likely follows from what finds faults: few nodes, short times that meet, queues
//! longer than the cluster.

use jobyard_kernel::{GroupOp, Span, Timestamp, Unit};

use crate::case::{Case, JobLine, JobStep, NodeLine, NodeStep, Step};
use crate::numbers::Numbers;

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// All that there is: every property of jobs and nodes, holds, cancels, drains, things that happen while the policy decides.
    Anything,
    /// Jobs of one priority and fixed size that end in time, and nothing else.
    Rigid,
    /// Some large jobs among a stream of small ones that would keep the cluster busy for ever.
    Stream,
    /// A busy cluster, and then a queue all at once.
    Rush,
    /// A busy cluster, and then one job.
    Lone,
    /// Many passes with a short queue.
    Soak,
}

impl Kind {
    pub(crate) const ALL: &[Kind] = &[
        Kind::Anything,
        Kind::Rigid,
        Kind::Stream,
        Kind::Rush,
        Kind::Lone,
        Kind::Soak,
    ];

    /// How many cases are made of it when so many are asked for.
    pub(crate) fn cases(self, asked: u64) -> u64 {
        match self {
            Kind::Anything | Kind::Rigid | Kind::Rush | Kind::Lone => asked,
            Kind::Stream => asked.div_ceil(4),
            Kind::Soak => asked.div_ceil(100),
        }
    }
}

/// The case of a seed.
pub(crate) fn generate(kind: Kind, seed: u64) -> Case {
    let n = &mut Numbers::new(seed);
    let steps = match kind {
        Kind::Anything => anything(n),
        Kind::Rigid => rigid(n),
        Kind::Stream => stream(n),
        Kind::Rush => rush(n, false),
        Kind::Lone => rush(n, true),
        Kind::Soak => soak(n),
    };
    Case {
        name: format!("seed {seed}"),
        steps,
        ..Case::default()
    }
}

fn seconds(n: u64) -> Span {
    Span::from_secs(n)
}

fn at(second: u64) -> Step {
    Step::At(Timestamp(0) + seconds(second))
}

fn node(n: &mut Numbers, number: u32) -> NodeLine {
    let cores = n.pick(&[1, 2, 4, 4, 8]);
    NodeLine {
        sockets: if cores >= 4 && n.once_in(3) { 2 } else { 1 },
        gpus: if n.once_in(3) { n.between(1, 2) } else { 0 },
        groups: n
            .pick(&[&[][..], &["a"], &["b"], &["a", "b"]])
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..NodeLine::new(format!("n{number}"), cores)
    }
}

fn anything(n: &mut Numbers) -> Vec<Step> {
    let mut steps = Vec::new();
    if n.once_in(4) {
        let value = n.pick(&["None", "Graceful", "Immediate", "Immediate"]);
        steps.push(Step::Parameter("PreemptionType".into(), value.into()));
    }
    for name in ["AutomaticGrowthEnabled", "AutomaticShrinkEnabled"] {
        if n.once_in(10) {
            steps.push(Step::Parameter(name.into(), "false".into()));
        }
    }
    if n.once_in(8) {
        let few = n.below(3).to_string();
        steps.push(Step::Parameter("BackfillLookahead".into(), few));
    }
    let nodes = n.between(1, 5);
    steps.extend((1..=nodes).map(|number| Step::Node(node(n, number))));
    let (mut jobs, mut now) = (0, 0);
    for _ in 0..n.between(3, 25) {
        for _ in 0..n.between(1, 4) {
            steps.push(happening(n, &mut jobs, nodes));
        }
        if n.once_in(8) {
            steps.push(Step::Meanwhile);
            steps.push(happening(n, &mut jobs, nodes));
        }
        now += n.pick::<u64>(&[1, 5, 10, 10, 30]);
        steps.push(at(now));
    }
    steps
}

fn happening(n: &mut Numbers, jobs: &mut u32, nodes: u32) -> Step {
    let node = format!("n{}", n.between(1, nodes));
    match n.below(20) {
        12 if *jobs > 0 => Step::ToJob(some_job(n, *jobs), JobStep::Cancel),
        13 if *jobs > 0 => Step::ToJob(some_job(n, *jobs), JobStep::Requeue),
        14 if *jobs > 0 => {
            let what = n.pick(&[
                JobStep::Hold(Span::from_secs(10)),
                JobStep::Hold(Span::from_secs(60)),
                JobStep::Release,
            ]);
            Step::ToJob(some_job(n, *jobs), what)
        }
        15 if *jobs > 0 => Step::ToJob(
            some_job(n, *jobs),
            n.pick(&[JobStep::Configure, JobStep::Submit, JobStep::Submit]),
        ),
        16 if *jobs > 0 => {
            let priority = JobStep::Priority(n.pick(&[1_000, 2_000, 3_000]));
            let limit =
                JobStep::Walltime((!n.once_in(4)).then(|| seconds(n.pick::<u64>(&[20, 60, 120]))));
            Step::ToJob(some_job(n, *jobs), n.pick(&[priority, limit]))
        }
        17 => Step::ToNode(node, n.pick(&[0, 1, 2, 3]).into()),
        18 => Step::ToNode(node, n.pick(&[2, 2, 4]).into()),
        19 => {
            let groups = n.pick(&[&[][..], &["a"], &["b"], &["a", "b"]]);
            let groups = groups.iter().map(ToString::to_string).collect();
            Step::ToNode(node, NodeStep::Groups(groups))
        }
        _ => {
            *jobs += 1;
            Step::Job(job(n, *jobs, nodes))
        }
    }
}

impl From<u32> for NodeStep {
    fn from(number: u32) -> Self {
        match number {
            0 => NodeStep::Drain,
            1 => NodeStep::Offline,
            2 => NodeStep::Online,
            3 => NodeStep::Lost,
            _ => NodeStep::Back,
        }
    }
}

/// Rather one of the last.
fn some_job(n: &mut Numbers, jobs: u32) -> u32 {
    let back = n.below(jobs.min(8));
    jobs - back
}

fn job(n: &mut Numbers, number: u32, nodes: u32) -> JobLine {
    let unit = n.pick(&[
        Unit::Core,
        Unit::Core,
        Unit::Core,
        Unit::Core,
        Unit::Core,
        Unit::Socket,
        Unit::Node,
        Unit::Gpu,
    ]);
    let least = match unit {
        Unit::Core => n.pick(&[1, 1, 2, 3, 4, 6, 8]),
        Unit::Socket | Unit::Node | Unit::Gpu => n.between(1, 2),
    };
    let most = if n.once_in(3) {
        least + n.between(1, 4)
    } else {
        least
    };
    let runs = n.pick::<u64>(&[5, 10, 20, 30, 60]);
    let walltime = match n.below(6) {
        0 => None,
        1 => Some(seconds(n.pick(&[5, 10, 20]))),
        2 => Some(seconds(runs)),
        _ => Some(seconds(runs + n.pick::<u64>(&[5, 20, 60]))),
    };
    let span = |n: &mut Numbers| n.once_in(12).then(|| seconds(u64::from(n.between(1, 5))));
    JobLine {
        units: (least, most),
        unit,
        tasks: (most > least || n.once_in(6)).then(|| n.between(1, 2 * most)),
        runs: (walltime.is_none() || !n.once_in(12)).then(|| seconds(runs)),
        walltime,
        priority: n.pick(&[2_000, 2_000, 2_000, 1_000, 3_000]),
        exclusive: n.once_in(8),
        single_node: n.once_in(8),
        can_grow: !n.once_in(4),
        can_shrink: !n.once_in(4),
        can_preempt: !n.once_in(4),
        nodes: match n.once_in(8) {
            true => vec![format!("n{}", n.between(1, nodes))],
            false => Vec::new(),
        },
        groups: n
            .pick(&[&[][..], &[], &[], &[], &["a"], &["a", "b"]])
            .iter()
            .map(ToString::to_string)
            .collect(),
        group_op: n.pick(&[GroupOp::Intersect, GroupOp::Uniform, GroupOp::Union]),
        parents: match number > 1 && n.once_in(10) {
            true => vec![some_job(n, number - 1)],
            false => Vec::new(),
        },
        hold: n.once_in(15).then(|| seconds(n.pick::<u64>(&[5, 30]))),
        prepare: span(n),
        release: span(n),
    }
    .tidy()
}

impl JobLine {
    /// Without what says nothing, or contradicts itself.
    fn tidy(mut self) -> Self {
        self.single_node &= self.unit != Unit::Node || self.units.0 == 1;
        if self.groups.is_empty() {
            self.group_op = GroupOp::Intersect;
        }
        self
    }
}

fn rigid_job(n: &mut Numbers, most_cores: u32) -> JobLine {
    let runs = n.pick::<u64>(&[5, 10, 20, 30]);
    JobLine {
        runs: Some(seconds(runs)),
        walltime: Some(seconds(runs + n.pick::<u64>(&[0, 0, 5, 10, 30]))),
        ..JobLine::new(n.between(1, most_cores))
    }
}

fn rigid(n: &mut Numbers) -> Vec<Step> {
    let nodes: Vec<NodeLine> = (1..=n.between(1, 4))
        .map(|number| NodeLine {
            groups: Vec::new(),
            ..node(n, number)
        })
        .collect();
    let cores: u32 = nodes.iter().map(|node| node.cores).sum();
    let largest = nodes.iter().map(|node| node.cores).max().unwrap_or(1);
    let count = nodes.len() as u32;
    let mut steps: Vec<Step> = nodes.into_iter().map(Step::Node).collect();
    let mut now = 0;
    for _ in 0..n.between(4, 20) {
        for _ in 0..n.between(1, 3) {
            let mut job = rigid_job(n, cores);
            match n.below(12) {
                0 => job.exclusive = true,
                1 => {
                    job.single_node = true;
                    job.units = (job.units.0.min(largest), job.units.1.min(largest));
                }
                2 => {
                    (job.unit, job.units) = (Unit::Node, (1, 1));
                    if n.once_in(2) {
                        job.nodes = vec![format!("n{}", n.between(1, count))];
                    }
                }
                _ => {}
            }
            steps.push(Step::Job(job));
        }
        now += n.pick::<u64>(&[1, 5, 5, 10, 20]);
        steps.push(at(now));
    }
    steps
}

/// The stream goes on for longer than the large jobs may wait.
fn stream(n: &mut Numbers) -> Vec<Step> {
    let nodes = n.between(1, 3);
    let each = n.pick(&[2, 4]);
    let cores = nodes * each;
    let mut steps: Vec<Step> = (1..=nodes)
        .map(|number| Step::Node(NodeLine::new(format!("n{number}"), each)))
        .collect();
    let small = |n: &mut Numbers| {
        let runs = n.pick::<u64>(&[6, 9, 12]);
        let limit = runs + n.pick::<u64>(&[0, 0, 3]);
        JobLine {
            runs: Some(seconds(runs)),
            walltime: Some(seconds(limit)),
            ..JobLine::new(n.between(1, cores.div_ceil(3)))
        }
    };
    for _ in 0..cores {
        steps.push(Step::Job(small(n)));
    }
    let large = [n.between(2, 6), n.between(7, 12)];
    for turn in 1..=90 {
        steps.push(at(4 * turn));
        if large.contains(&(turn as u32)) {
            let job = JobLine {
                runs: Some(seconds(15)),
                walltime: Some(seconds(15)),
                ..JobLine::new(cores)
            };
            steps.push(Step::Job(job));
        }
        for _ in 0..n.between(1, 2) {
            steps.push(Step::Job(small(n)));
        }
    }
    steps
}

fn rush(n: &mut Numbers, lone: bool) -> Vec<Step> {
    let nodes: Vec<NodeLine> = (1..=n.between(1, 4))
        .map(|number| node(n, number))
        .collect();
    let cores: u32 = nodes.iter().map(|node| node.cores).sum();
    let count = nodes.len() as u32;
    let mut steps: Vec<Step> = nodes.into_iter().map(Step::Node).collect();
    for _ in 0..n.below(4) {
        let long = JobLine {
            runs: None,
            walltime: Some(seconds(n.pick::<u64>(&[60, 120, 300]))),
            can_preempt: false,
            ..rigid_job(n, cores)
        };
        steps.push(Step::Job(long));
    }
    steps.push(at(10));
    if lone {
        let (hold, parents) = (None, Vec::new());
        steps.push(Step::Job(JobLine {
            hold,
            parents,
            ..job(n, 1, count)
        }));
        return steps;
    }
    for _ in 0..n.between(1, 8) {
        steps.push(Step::Job(rigid_job(n, cores)));
    }
    steps
}

fn soak(n: &mut Numbers) -> Vec<Step> {
    let mut steps: Vec<Step> = (1..=4)
        .map(|number| Step::Node(NodeLine::new(format!("n{number}"), 4)))
        .collect();
    for turn in 1..=600 {
        steps.push(at(10 * turn));
        for _ in 0..n.between(1, 3) {
            let runs = n.pick::<u64>(&[5, 15, 30]);
            let job = JobLine {
                runs: Some(seconds(runs)),
                walltime: Some(seconds(2 * runs)),
                ..JobLine::new(n.pick(&[1, 2, 4, 8]))
            };
            steps.push(Step::Job(job));
        }
    }
    steps
}
