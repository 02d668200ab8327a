//! Makes a case that breaks a rule as small as it gets while it still breaks it.

use jobyard_kernel::{Span, Timestamp, Unit};

use crate::case::{Case, JobLine, NodeLine, Step};

/// Cases tried at the most.
const TRIES_MAX: usize = 3_000;

/// The smallest case found that is still broken, by `broken`'s own account of it.
pub(crate) fn shrink(case: &Case, broken: &dyn Fn(&Case) -> bool) -> Case {
    let mut shrinker = Shrinker {
        best: case.clone(),
        broken,
        tries: 0,
    };
    loop {
        let before = shrinker.best.clone();
        shrinker.fewer_steps();
        shrinker.simpler_steps();
        if shrinker.best == before || shrinker.tries >= TRIES_MAX {
            return shrinker.best;
        }
    }
}

struct Shrinker<'a> {
    best: Case,
    broken: &'a dyn Fn(&Case) -> bool,
    tries: usize,
}

impl Shrinker<'_> {
    fn take(&mut self, smaller: Case) -> bool {
        if self.tries >= TRIES_MAX || weight(&smaller) >= weight(&self.best) {
            return false;
        }
        self.tries += 1;
        let broken = (self.broken)(&smaller);
        if broken {
            self.best = smaller;
        }
        broken
    }

    /// Leaves out half of the steps, a quarter, and so on down to single ones, from the end.
    fn fewer_steps(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut end = self.best.steps.len();
            while end > 0 {
                let from = end.saturating_sub(size);
                let smaller = self.best.without(|index| (from..end).contains(&index));
                self.take(smaller);
                end = from.min(self.best.steps.len());
            }
            size /= 2;
        }
    }

    /// Makes each step say less.
    fn simpler_steps(&mut self) {
        for index in 0..self.best.steps.len() {
            for simpler in simpler(&self.best.steps[index]) {
                let mut smaller = self.best.clone();
                smaller.steps[index] = simpler;
                if in_order(&smaller) {
                    self.take(smaller);
                }
            }
        }
    }
}

/// Fewer steps, then fewer words: what is taken is always less, so that there is an end.
fn weight(case: &Case) -> (usize, usize, String) {
    let text = case.to_string();
    (case.steps.len(), text.len(), text)
}

fn in_order(case: &Case) -> bool {
    let times = case.steps.iter().filter_map(|step| match step {
        Step::At(at) => Some(*at),
        Step::Meanwhile
        | Step::Node(_)
        | Step::Job(_)
        | Step::ToJob(..)
        | Step::ToNode(..)
        | Step::Parameter(..) => None,
    });
    let times: Vec<Timestamp> = std::iter::once(Timestamp(0)).chain(times).collect();
    times.windows(2).all(|pair| pair[0] < pair[1])
}

fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::At(at) => {
            let seconds = at.0 / 1_000_000;
            [1, seconds / 2, seconds.saturating_sub(1)]
                .map(|s| Step::At(Timestamp(s * 1_000_000)))
                .to_vec()
        }
        Step::Node(node) => simpler_node(node).into_iter().map(Step::Node).collect(),
        Step::Job(job) => simpler_job(job).into_iter().map(Step::Job).collect(),
        Step::Meanwhile | Step::ToJob(..) | Step::ToNode(..) | Step::Parameter(..) => Vec::new(),
    }
}

fn simpler_node(node: &NodeLine) -> Vec<NodeLine> {
    let with = |change: &dyn Fn(&mut NodeLine)| {
        let mut node = node.clone();
        change(&mut node);
        node
    };
    vec![
        with(&|n| n.cores = 1),
        with(&|n| n.cores = (n.cores / 2).max(1)),
        with(&|n| n.cores = (n.cores - 1).max(1)),
        with(&|n| n.sockets = 1),
        with(&|n| n.gpus = 0),
        with(&|n| n.groups.clear()),
        with(&|n| n.groups.truncate(1)),
    ]
}

fn simpler_job(job: &JobLine) -> Vec<JobLine> {
    let with = |change: &dyn Fn(&mut JobLine)| {
        let mut job = job.clone();
        change(&mut job);
        job
    };
    let usual = JobLine::new(1);
    let minute = usual.runs;
    let less = |units: u32| (units / 2).max(1);
    vec![
        usual.clone(),
        with(&|j| (j.unit, j.units) = (Unit::Core, (1, 1))),
        with(&|j| j.unit = Unit::Core),
        with(&|j| j.units = (less(j.units.0), less(j.units.1))),
        with(&|j| j.units = ((j.units.0 - 1).max(1), (j.units.1 - 1).max(1))),
        with(&|j| j.units.1 = j.units.0),
        with(&|j| j.units.1 = (j.units.1 - 1).max(j.units.0)),
        with(&|j| j.tasks = None),
        with(&|j| j.tasks = j.tasks.map(|tasks| (tasks / 2).max(1))),
        with(&|j| (j.runs, j.walltime) = (minute, minute)),
        with(&|j| j.runs = minute),
        with(&|j| j.walltime = minute),
        with(&|j| j.walltime = j.runs),
        with(&|j| j.runs = Some(Span::from_secs(1))),
        with(&|j| j.priority = 2_000),
        with(&|j| j.exclusive = false),
        with(&|j| j.single_node = false),
        with(&|j| j.can_grow = true),
        with(&|j| j.can_shrink = true),
        with(&|j| j.can_preempt = true),
        with(&|j| j.nodes.clear()),
        with(&|j| {
            j.groups.clear();
            j.group_op = usual.group_op;
        }),
        with(&|j| j.groups.truncate(1)),
        with(&|j| j.group_op = usual.group_op),
        with(&|j| j.parents.clear()),
        with(&|j| j.hold = None),
        with(&|j| j.prepare = None),
        with(&|j| j.release = None),
    ]
}
