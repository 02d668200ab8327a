//! The machine of the trace: the real kernel with one node, and the one policy's mirror of it.
//!
//! Plays the parts that people and nodes have in life: adds and submits each job, reports that its work has begun and ended.
//! Knows nothing of virtual time's order; [`super::Driver`] says what happens when.

use std::{collections::BTreeMap, sync::Arc};

use jobyard_kernel::{
    Actor, Changes, Command, Decision, Ending, Event, Execution, Fact, FromNode, JobSpec, Mirror,
    NodeId, NodeSpec, Parameters, Rejection, Span, State, TaskSpec, Timestamp, step,
};

use super::SimError;
use crate::swf::TraceJob;

/// Who adds and submits the jobs.
const OWNER: &str = "trace";

/// The kernel's state, and what the simulation keeps beside it.
pub(super) struct Machine {
    state: State,
    mirror: Mirror,
    node: NodeId,
    procs: u32,
    owner: Actor,
    /// The task of a job of each size: they differ in nothing else.
    tasks: BTreeMap<u32, Arc<TaskSpec>>,
    /// What runs, by the index of the job.
    executions: BTreeMap<usize, Execution>,
    /// Events of the command that is being carried out; empty in between.
    events: Vec<Event>,
}

impl Machine {
    /// An idle machine.
    pub(super) fn new(procs: u32) -> Result<Self, SimError> {
        let mut machine = Self {
            state: State::new(),
            mirror: Mirror::new(),
            node: NodeId(0),
            procs,
            owner: Actor::administrator(OWNER),
            tasks: BTreeMap::new(),
            executions: BTreeMap::new(),
            events: Vec::new(),
        };
        // Ended jobs are forgotten at once: memory follows the jobs that are queued or run.
        let parameters = Parameters {
            ttl_completed_jobs: Span::ZERO,
            ..Parameters::default()
        };
        machine.order("the parameters", &Command::SetParameters(parameters), 0)?;
        let spec = NodeSpec {
            name: "machine".into(),
            cores: procs,
            sockets: 1,
            gpus: 0,
            memory_mb: 0,
            groups: Vec::new(),
        };
        machine.order("the node", &Command::AddNode(spec), 0)?;
        machine.node = machine
            .state
            .nodes()
            .next()
            .map_or(NodeId(0), |node| node.id);
        Ok(machine)
    }

    /// Processors that it has.
    pub(super) fn procs(&self) -> u32 {
        self.procs
    }

    /// Processors that no job holds.
    pub(super) fn free_procs(&self) -> u32 {
        self.state
            .node(self.node)
            .map_or(0, |node| node.usable_cores())
    }

    /// Adds and submits the next job of the trace.
    pub(super) fn submit(
        &mut self,
        job: &TraceJob,
        limit_us: u64,
        now: u64,
    ) -> Result<(), SimError> {
        let spec = JobSpec {
            owner: OWNER.into(),
            min: Some(job.procs),
            max: Some(job.procs),
            runtime: Some(Span(limit_us)),
            can_preempt: false,
            can_grow: false,
            can_shrink: false,
            ..JobSpec::default()
        };
        let task = self.tasks.entry(job.procs).or_insert_with(|| {
            let command_line = "true".into();
            Arc::new(TaskSpec {
                command_line,
                min: job.procs,
                max: job.procs,
                ..TaskSpec::default()
            })
        });
        let (by, spec, tasks) = (self.owner.clone(), Arc::new(spec), vec![task.clone()]);
        // The kernel numbers jobs from 1 in the order in which they are added.
        self.order("a job", &Command::QueueJob { by, spec, tasks }, now)
    }

    /// Reports that the job's work has ended by itself, with exit code 0: the job finishes.
    pub(super) fn end(&mut self, index: usize, now: u64) -> Result<(), SimError> {
        // A job that never ran has nothing to report; the driver only ends jobs that it saw start.
        let Some(execution) = self.executions.remove(&index) else {
            return Ok(());
        };
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
        let Some(execution) = started else {
            return Ok(None);
        };
        self.command(&Command::Report(FromNode::Started { execution }), now)?;
        self.events.clear();
        let index = execution.job.0 as usize - 1;
        self.executions.insert(index, execution);
        Ok(Some(index))
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

#[cfg(test)]
mod tests {
    use jobyard_kernel::{JobId, Share};

    use super::*;

    fn job(procs: u32) -> TraceJob {
        let (submit_us, run_us, requested_us) = (0, 5, 10);
        TraceJob {
            line: 1,
            submit_us,
            run_us,
            requested_us,
            procs,
            user: None,
        }
    }

    fn start(machine: &mut Machine, index: usize, cores: u32) -> Result<Option<usize>, Rejection> {
        let (node, gpus) = (machine.node, 0);
        let shares = vec![Share { node, cores, gpus }];
        let job = JobId(index as u32 + 1);
        machine.propose(Decision::Start { job, shares }, 1)
    }

    #[test]
    fn a_job_goes_through_the_kernel_and_is_forgotten() {
        let mut machine = Machine::new(8).expect("a machine");
        machine.submit(&job(5), 10, 0).expect("a good job");
        machine.submit(&job(4), 10, 0).expect("a good job");
        assert_eq!((machine.procs(), machine.free_procs()), (8, 8));
        assert_eq!(start(&mut machine, 0, 5).expect("it fits"), Some(0));
        assert_eq!(machine.free_procs(), 3);
        let refusal = start(&mut machine, 1, 4).expect_err("it does not fit");
        assert!(refusal.to_string().contains("3 are free"), "{refusal}");
        assert_eq!(machine.state.check(), Ok(()));

        machine.end(0, 6).expect("it runs");
        assert_eq!(machine.free_procs(), 8);
        assert_eq!(machine.state.jobs().count(), 1);
        assert_eq!(start(&mut machine, 1, 4).expect("it fits"), Some(1));
        machine.end(1, 11).expect("it runs");
        assert_eq!(machine.state.jobs().count(), 0);
        assert_eq!(machine.state.next_due(), None);
        assert_eq!(machine.state.owed().count(), 0);
        assert_eq!(machine.state.check(), Ok(()));
    }

    #[test]
    fn the_largest_trace_fits() {
        let procs = crate::swf::PROCS_MAX;
        let mut machine = Machine::new(procs).expect("a machine");
        machine.submit(&job(procs), 10, 0).expect("a good job");
        assert_eq!(start(&mut machine, 0, procs).expect("it fits"), Some(0));
        machine.end(0, 6).expect("it runs");
        assert_eq!(machine.free_procs(), procs);
    }
}
