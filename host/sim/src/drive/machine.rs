//! The machine of a simulation: the real kernel with its nodes, one for a trace, and the one policy's mirror of it.
//!
//! Plays the parts that people and nodes have in life: adds and submits each job, reports that its work has ended. That it has begun is not
//! reported: the kernel needs it for a limit of a task's own, which these do not have.
//! Knows nothing of virtual time's order; [`super::Driver`] says what happens when.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Changes, Columns, Command, Decision, Ending, Event, Execution, Fact, FromNode, JobId,
    JobSpec, Mirror, NodeSpec, Parameters, Rejection, Span, State, TaskId, TaskSpec, Template,
    Timestamp, check_form, check_job, step,
};

use super::{SimError, jobs::OWNER};

/// The template of the jobs that draw on a pool.
pub(crate) fn template_of(pool: &str) -> String {
    match pool {
        "" => String::new(),
        pool => format!("pool {pool}"),
    }
}

/// The kernel's state, and what the simulation keeps beside it.
pub(crate) struct Machine {
    state: State,
    mirror: Mirror,
    cores: u32,
    owner: Actor,
    /// Events of the command that is being carried out; empty in between.
    events: Vec<Event>,
}

impl Machine {
    /// An idle machine under the parameters of a cluster, as far as they are about scheduling.
    pub(crate) fn new(nodes: &[NodeSpec], parameters: Parameters) -> Result<Self, SimError> {
        let mut machine = Self {
            state: State::new(),
            mirror: Mirror::new(),
            cores: nodes.iter().map(|node| node.cores).sum(),
            owner: Actor::administrator(OWNER),
            events: Vec::new(),
        };
        // Ended jobs are forgotten at once: memory follows the jobs that are queued or run. Nobody is there to be asked.
        let parameters = Parameters {
            ttl_completed_jobs: Span::ZERO,
            excluded_nodes_limit: u32::MAX,
            disable_resource_validation: false,
            submission_filters: Vec::new(),
            activation_filters: Vec::new(),
            ..parameters
        };
        machine.order("the parameters", &Command::SetParameters(parameters), 0)?;
        for node in nodes {
            machine.order("a node", &Command::AddNode(node.clone()), 0)?;
        }
        Ok(machine)
    }

    /// One pool of processors.
    pub(super) fn pool(procs: u32, parameters: Parameters) -> Result<Self, SimError> {
        let node = NodeSpec {
            name: "machine".into(),
            cores: procs,
            ..NodeSpec::default()
        };
        Self::new(&[node], parameters)
    }

    /// Tells the policy these columns too.
    pub(super) fn wants(&mut self, columns: Columns) {
        self.mirror.wants(columns);
    }

    /// Adds the template by which jobs draw on a resource pool: there is no other way to say it.
    pub(super) fn add_pool(&mut self, pool: &str) -> Result<(), SimError> {
        let template = Template {
            name: template_of(pool),
            pool: pool.into(),
            ..Template::default()
        };
        let (by, template) = (self.owner.clone(), Arc::new(template));
        self.order("a template", &Command::SetTemplate { by, template }, 0)
    }

    /// Cores that it has.
    pub(super) fn cores(&self) -> u32 {
        self.cores
    }

    /// Cores that no job holds.
    pub(super) fn free_cores(&self) -> u32 {
        self.state.nodes().map(|node| node.usable_cores()).sum()
    }

    /// Whether all that the policy does not know yet are jobs that do not fit into what is free; the rule of the live host.
    pub(super) fn only_arrivals_that_do_not_fit(&self) -> bool {
        self.mirror.only_arrivals_that_do_not_fit(&self.state)
    }

    /// Whether a job can run on it at all.
    pub(crate) fn takes(&self, spec: &JobSpec, task: &Arc<TaskSpec>) -> bool {
        let tasks = std::slice::from_ref(task);
        check_form(spec, tasks).is_ok() && check_job(&self.state, spec, tasks).is_ok()
    }

    /// Adds and submits the next job, the work of which is one task.
    pub(super) fn submit(
        &mut self,
        (spec, task): (Arc<JobSpec>, Arc<TaskSpec>),
        now: u64,
    ) -> Result<(), SimError> {
        let (by, tasks) = (self.owner.clone(), vec![task]);
        // The kernel numbers jobs from 1 in the order in which they are added.
        self.order("a job", &Command::QueueJob { by, spec, tasks }, now)
    }

    /// Reports that the job's work has ended by itself, with exit code 0: the job finishes.
    pub(super) fn end(&mut self, index: usize, now: u64) -> Result<(), SimError> {
        let execution = execution(index);
        let ending = Ending::Exited { code: 0 };
        let report = FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        };
        self.order("the end of a job", &Command::Report(report), now)
    }

    /// What the policy does not know yet.
    pub(super) fn changes(&mut self) -> Changes {
        self.mirror.take(&self.state)
    }

    /// Carries a proposal out; the job that it started, if it started one.
    pub(super) fn propose(
        &mut self,
        decision: Decision,
        now: u64,
    ) -> Result<Option<usize>, Rejection> {
        self.command(&Command::Propose(decision), now)?;
        // A job's one task is sent to the node as the job starts.
        let started = self.events.iter().find_map(|event| {
            let Fact::Dispatched { works, .. } = &event.fact else {
                return None;
            };
            works.first().map(|work| work.execution)
        });
        self.events.clear();
        let index = started.map(|execution| execution.job.0 as usize - 1);
        debug_assert_eq!(started, index.map(execution));
        Ok(index)
    }

    /// A command that the kernel cannot refuse unless there is a defect here.
    fn order(&mut self, what: &'static str, command: &Command, now: u64) -> Result<(), SimError> {
        let done = self.command(command, now);
        self.events.clear();
        done.map_err(|rejection| SimError::Kernel { what, rejection })
    }

    fn command(&mut self, command: &Command, now: u64) -> Result<(), Rejection> {
        step(&mut self.state, command, Timestamp(now), &mut self.events)?;
        self.events
            .iter()
            .for_each(|event| self.mirror.note(&self.state, event));
        Ok(())
    }
}

/// The work of a job by its index: the kernel numbers jobs from 1 in the order in which they are added, and each starts once.
fn execution(index: usize) -> Execution {
    Execution {
        job: JobId(index as u32 + 1),
        task: TaskId(1),
        instance: 0,
        attempt: 1,
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::{NodeId, Share};

    use super::{super::jobs::work, *};

    fn job(procs: u32) -> (Arc<JobSpec>, Arc<TaskSpec>) {
        let spec = JobSpec {
            min: Some(procs),
            max: Some(procs),
            runtime: Some(Span(10)),
            ..JobSpec::default()
        };
        (Arc::new(spec), work(procs))
    }

    fn start(
        machine: &mut Machine,
        index: usize,
        cores: &[(u32, u32)],
    ) -> Result<Option<usize>, Rejection> {
        let share = |&(node, cores): &(u32, u32)| Share {
            node: NodeId(node),
            cores,
            gpus: 0,
        };
        let shares = cores.iter().map(share).collect();
        let job = JobId(index as u32 + 1);
        machine.propose(Decision::Start { job, shares }, 1)
    }

    #[test]
    fn a_job_goes_through_the_kernel_and_is_forgotten() {
        let mut machine = Machine::pool(8, Parameters::default()).expect("a machine");
        machine.submit(job(5), 0).expect("a good job");
        machine.submit(job(4), 0).expect("a good job");
        assert_eq!((machine.cores(), machine.free_cores()), (8, 8));
        assert_eq!(start(&mut machine, 0, &[(1, 5)]).expect("it fits"), Some(0));
        assert_eq!(machine.free_cores(), 3);
        let refusal = start(&mut machine, 1, &[(1, 4)]).expect_err("it does not fit");
        assert!(refusal.to_string().contains("3 are free"), "{refusal}");
        assert_eq!(machine.state.check(), Ok(()));

        machine.end(0, 6).expect("it runs");
        assert_eq!(machine.free_cores(), 8);
        assert_eq!(machine.state.jobs().count(), 1);
        assert_eq!(start(&mut machine, 1, &[(1, 4)]).expect("it fits"), Some(1));
        machine.end(1, 11).expect("it runs");
        assert_eq!(machine.state.jobs().count(), 0);
        assert_eq!(machine.state.next_due(), None);
        assert_eq!(machine.state.owed().count(), 0);
        assert_eq!(machine.state.check(), Ok(()));
    }

    #[test]
    fn a_job_on_several_nodes_is_one_piece_of_work() {
        let node = |name: &str| NodeSpec {
            name: name.into(),
            cores: 4,
            ..NodeSpec::default()
        };
        let mut machine =
            Machine::new(&[node("n1"), node("n2")], Parameters::default()).expect("a machine");
        machine.submit(job(6), 0).expect("a good job");
        let started = start(&mut machine, 0, &[(1, 2), (2, 4)]);
        assert_eq!(started.expect("it fits"), Some(0));
        assert_eq!((machine.cores(), machine.free_cores()), (8, 2));
        machine.end(0, 6).expect("it runs");
        assert_eq!(machine.free_cores(), 8);
        assert_eq!(machine.state.check(), Ok(()));
    }

    #[test]
    fn the_largest_trace_fits() {
        let procs = crate::swf::PROCS_MAX;
        let mut machine = Machine::pool(procs, Parameters::default()).expect("a machine");
        machine.submit(job(procs), 0).expect("a good job");
        let all = [(1, procs)];
        assert_eq!(start(&mut machine, 0, &all).expect("it fits"), Some(0));
        machine.end(0, 6).expect("it runs");
        assert_eq!(machine.free_cores(), procs);
    }
}
