//! A busy cluster in the kernel: full nodes, a long queue, jobs that end and jobs that arrive.
//!
//! Everything goes through the kernel's own commands, so what a policy is sent here is what the engine would send it.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Changes, Columns, Command, Decision, Ending, Event, Execution, Fact, FromNode, JobId,
    JobSpec, Mirror, NodeSpec, Parameters, Plan, Refusal, Span, State, TaskSpec, Timestamp,
    carry_out, step,
};

const CORES: u32 = 32;
const MINUTE_US: u64 = 60_000_000;

/// The cluster.
#[derive(Clone)]
pub(crate) struct Yard {
    nodes: usize,
    state: State,
    mirror: Mirror,
    columns: Columns,
    by: Actor,
    now: Timestamp,
    random: u64,
    /// The last job that was added.
    added: JobId,
    /// What runs.
    running: Vec<Execution>,
    /// How many jobs are queued.
    queued: usize,
}

impl Yard {
    /// Idle nodes, and no jobs.
    pub(crate) fn new(nodes: usize) -> Yard {
        let mut yard = Yard {
            nodes,
            state: State::new(),
            mirror: Mirror::new(),
            columns: Columns::default(),
            by: Actor::administrator("bench"),
            now: Timestamp(1_700_000_000_000_000),
            random: 42,
            added: JobId(0),
            running: Vec::new(),
            queued: 0,
        };
        // Ended jobs are forgotten at once.
        let parameters = Parameters {
            ttl_completed_jobs: Span::ZERO,
            ..Parameters::default()
        };
        yard.order(&Command::SetParameters(parameters));
        for number in 0..nodes {
            let name = name(number);
            yard.order(&Command::AddNode(NodeSpec {
                name,
                cores: CORES,
                sockets: 2,
                gpus: 0,
                memory_mb: 64 << 10,
                groups: Vec::new(),
            }));
        }
        yard
    }

    /// The time, for a pass.
    pub(crate) fn now(&self) -> jobyard_kernel::Instant {
        self.now.as_instant()
    }

    /// How many jobs are queued.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// What the policy does not know yet.
    pub(crate) fn changes(&mut self) -> Changes {
        self.mirror.take(&self.state)
    }

    /// Whether there is anything that the policy does not know yet.
    pub(crate) fn has_changes(&self) -> bool {
        self.mirror.has_changes()
    }

    /// Everything, as for a new instance.
    pub(crate) fn everything(&self) -> Changes {
        let mut mirror = Mirror::new();
        mirror.wants(self.columns.clone());
        mirror.take(&self.state)
    }

    /// The same cluster for a policy that knows nothing yet and is to be told these columns.
    pub(crate) fn told(&self, columns: &Columns) -> Yard {
        let mut yard = self.clone();
        yard.columns = columns.clone();
        yard.mirror = Mirror::new();
        yard.mirror.wants(columns.clone());
        yard
    }

    /// Takes it that the policy knows everything.
    pub(crate) fn all_is_told(&mut self) {
        drop(self.mirror.take(&self.state));
    }

    /// A second later a job arrives. Of twenty, twelve are of up to 32 cores, three are wide, three want their nodes
    /// for themselves, one must be on one node, and one runs on a tenth of the nodes only.
    pub(crate) fn arrival(&mut self) {
        self.now.0 += 1_000_000;
        let cores = 1 << self.below(6);
        let mut spec = JobSpec {
            owner: "user".into(),
            priority: if self.below(20) == 0 { 3_000 } else { 2_000 },
            runtime: Some(Span(10 * MINUTE_US * (1 + self.below(144)))),
            ..JobSpec::default()
        };
        let mut amount = cores;
        match self.below(20) {
            0..12 => {}
            12..15 => amount = 64 + self.below(200) as u32,
            15..18 => spec.exclusive = true,
            18 => spec.single_node = true,
            _ => {
                let tenth = self.nodes / 10;
                let first = self.below(10) as usize * tenth;
                spec.requested_nodes = (first..first + tenth).map(name).collect();
            }
        }
        (spec.min, spec.max) = (Some(amount), Some(amount));
        let task = TaskSpec {
            command_line: "true".into(),
            min: amount,
            max: amount,
            ..TaskSpec::default()
        };
        let (by, spec, tasks) = (self.by.clone(), Arc::new(spec), vec![Arc::new(task)]);
        self.order(&Command::AddJob { by, spec, tasks });
        let (by, job) = (self.by.clone(), self.added);
        self.order(&Command::SubmitJob { by, job });
        self.queued += 1;
    }

    /// A second later a job has ended, whichever; nothing if none runs.
    pub(crate) fn end(&mut self) {
        self.now.0 += 1_000_000;
        let at = self.below(self.running.len().max(1) as u64) as usize;
        if at < self.running.len() {
            let execution = self.running.swap_remove(at);
            let ending = Ending::Exited { code: 0 };
            self.order(&Command::Report(FromNode::Ended {
                execution,
                ending,
                output_tail: String::new(),
            }));
        }
    }

    /// Carries a plan out, as the engine does.
    ///
    /// # Panics
    /// When the kernel refuses any of it.
    pub(crate) fn carry_out(&mut self, plan: Plan) {
        let starts = plan
            .decisions
            .iter()
            .filter(|decision| matches!(decision, Decision::Start { .. }));
        self.queued -= starts.count();
        let mut events = Vec::new();
        let refused: Vec<(Decision, Refusal)> =
            carry_out(&mut self.state, plan, self.now, &mut events);
        assert!(refused.is_empty(), "{refused:?}");
        self.note(&events);
    }

    fn order(&mut self, command: &Command) {
        let mut events = Vec::new();
        step(&mut self.state, command, self.now, &mut events)
            .expect("a command that can be carried out");
        self.note(&events);
    }

    fn note(&mut self, events: &[Event]) {
        for event in events {
            self.mirror.note(&self.state, event);
            if let Fact::Dispatched { works, .. } = &event.fact {
                self.running.extend(works.iter().map(|work| work.execution));
            } else if let Fact::JobAdded { job, .. } = &event.fact {
                self.added = *job;
            }
        }
    }

    /// The same numbers in every run.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % end
    }
}

fn name(number: usize) -> String {
    format!("n{number:04}")
}
