//! What the nodes are owed, as messages: made from the state alone, so that after a crash they come out the same.

use std::collections::BTreeMap;

use crate::sweep::substitute;
use crate::{
    Affinity, Assignment, DEFAULT_TEMPLATE, Execution, Grant, Job, JobKind, JobSpec, NodeId, Run,
    State, Task, TaskKind, ToNode, WorkKind, WorkShare,
};

impl State {
    /// The message that is owed for an attempt, and the node that it goes to; none if nothing is owed.
    ///
    /// Sending it twice does no harm: nodes know each attempt.
    pub fn message(&self, execution: Execution) -> Option<(NodeId, ToNode)> {
        let (job, task, run) = self.run(execution)?;
        let node = run.places.first()?.node;
        if let Some(stop) = &run.stop {
            return Some((
                node,
                ToNode::Stop {
                    execution,
                    grace_ms: stop.grace.as_millis(),
                },
            ));
        }
        let start = || ToNode::Start(Box::new(self.assignment(job, task, run, execution)));
        run.started.is_none().then(|| (node, start()))
    }

    fn assignment(&self, job: &Job, task: &Task, run: &Run, execution: Execution) -> Assignment {
        let spec = &task.spec;
        let value = spec.kind.value(execution.instance);
        let replace = |text: &str| match value {
            Some(value) => substitute(text, value).into_owned(),
            None => text.to_string(),
        };
        let path = |path: &Option<String>| path.as_deref().map(replace);
        let kind = match spec.kind {
            TaskKind::Basic | TaskKind::Sweep { .. } | TaskKind::Service => WorkKind::Execute,
            TaskKind::NodePrepare => WorkKind::Prepare,
            TaskKind::NodeRelease => WorkKind::Release,
        };
        let pinned = kind == WorkKind::Execute
            && job.spec.kind == JobKind::Batch
            && match self.parameters.affinity {
                Affinity::AllJobs => true,
                Affinity::NonExclusiveJobs => !job.spec.exclusive,
                Affinity::NoJobs => false,
            };
        let limit_ms = match spec.kind {
            TaskKind::NodeRelease => self.parameters.node_release_timeout.as_millis(),
            TaskKind::Basic
            | TaskKind::Sweep { .. }
            | TaskKind::Service
            | TaskKind::NodePrepare => 0,
        };
        let mut assignment = Assignment {
            execution,
            owner: job.spec.owner.clone(),
            kind,
            plugin: spec.plugin.clone().unwrap_or_else(|| "command".into()),
            command_line: replace(&spec.command_line),
            working_folder: spec.working_folder.clone(),
            standard_input: path(&spec.standard_input),
            standard_output: path(&spec.standard_output),
            standard_error: path(&spec.standard_error),
            environment: Vec::new(),
            shares: self.work_shares(job, run),
            pinned,
            attributes: Vec::new(),
            limit_ms,
        };
        assignment.environment = self.environment(job, task, &assignment);
        assignment
    }

    /// What the work may use. Node prepare and node release have no cores of their own: they may use the job's. GPUs are
    /// the job's too, unless it counts them: then each task has its own.
    fn work_shares(&self, job: &Job, run: &Run) -> Vec<WorkShare> {
        let share = |place: &Grant| {
            let own = job.shares.get(&place.node);
            let cores = match own {
                Some(share) if place.cores.is_empty() => &share.cores,
                Some(_) | None => &place.cores,
            };
            let gpus = match own {
                Some(share) if place.gpus.is_empty() => &share.gpus,
                Some(_) | None => &place.gpus,
            };
            WorkShare {
                node: self
                    .nodes
                    .get(&place.node)
                    .map_or_else(String::new, |n| n.spec.name.clone()),
                cores: cores.iter().collect(),
                gpus: gpus.iter().collect(),
            }
        };
        run.places.iter().map(share).collect()
    }

    /// The environment of a piece of work: HPC Pack's variables (reference 10.4), then the cluster's, the job template's, the job's and the task's; the
    /// later wins, an empty value removes a name. Sorted by name.
    fn environment(&self, job: &Job, task: &Task, work: &Assignment) -> Vec<(String, String)> {
        let Execution { instance, .. } = work.execution;
        let tries = task.tries.get(&instance).copied().unwrap_or_default();
        let bool = |is: bool| if is { "1" } else { "0" }.to_string();
        let cores: usize = work.shares.iter().map(|s| s.cores.len()).sum();
        let ids = work
            .shares
            .first()
            .map_or(String::new(), |s| join(&s.cores, " "));
        let nodes = |shares: &mut dyn Iterator<Item = (String, usize)>| {
            let (mut count, mut list) = (0, String::new());
            for (name, cores) in shares {
                count += 1;
                list.push_str(&format!(" {name} {cores}"));
            }
            format!("{count}{list}")
        };
        let of_job = job.shares.iter().map(|(id, share)| {
            let name = self
                .nodes
                .get(id)
                .map_or_else(String::new, |n| n.spec.name.clone());
            (name, share.cores.len() as usize)
        });
        let of_task = work.shares.iter().map(|s| (s.node.clone(), s.cores.len()));
        let mut all: BTreeMap<&str, String> = BTreeMap::from([
            ("CCP_CLUSTER_NAME", self.parameters.cluster_name.clone()),
            ("CCP_COREIDS", ids),
            ("CCP_EXCLUSIVE", bool(job.spec.exclusive)),
            ("CCP_ISADMIN", bool(job.spec.kind == JobKind::Command)),
            ("CCP_JOBID", job.id.to_string()),
            ("CCP_JOBNAME", job.spec.name.clone()),
            ("CCP_JOBTEMPLATE", template_name(&job.spec).to_string()),
            ("CCP_JOBTYPE", format!("{:?}", job.spec.kind)),
            ("CCP_NODES", nodes(&mut of_task.into_iter())),
            ("CCP_NODES_CORES", nodes(&mut of_job.into_iter())),
            ("CCP_NUMCPUS", cores.to_string()),
            ("CCP_OWNER", job.spec.owner.clone()),
            ("CCP_RERUNNABLE", bool(task.spec.rerunnable)),
            ("CCP_RETRY_COUNT", tries.after_failure.to_string()),
            (
                "CCP_STDERR",
                work.standard_error.clone().unwrap_or_default(),
            ),
            ("CCP_STDIN", work.standard_input.clone().unwrap_or_default()),
            (
                "CCP_STDOUT",
                work.standard_output.clone().unwrap_or_default(),
            ),
            (
                "CCP_TASKCONTEXT",
                format!("{}.{}", job.id, work.execution.task),
            ),
            ("CCP_TASKID", work.execution.task.to_string()),
            ("CCP_TASKINSTANCEID", instance.to_string()),
            ("CCP_WORKDIR", work.working_folder.clone()),
        ]);
        let gpus = work.shares.first().map_or(&[][..], |s| &s.gpus);
        if !gpus.is_empty() {
            all.insert("CCP_GPUIDS", join(gpus, " "));
        }
        if let Some(code) = tries.exit_code {
            all.insert("CCP_TASK_PREV_EXITCODE", code.to_string());
        }
        let template = self.template(&job.spec.template);
        let template = template.map_or(&[][..], |template| &template.environment);
        let levels = [
            &self.parameters.environment[..],
            template,
            &job.spec.environment,
            &task.spec.environment,
        ];
        for (name, value) in levels.into_iter().flatten() {
            all.insert(name, value.clone());
        }
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given
            .map(|(name, value)| (name.to_string(), value))
            .collect()
    }
}

fn template_name(spec: &JobSpec) -> &str {
    match spec.template.as_str() {
        "" => DEFAULT_TEMPLATE,
        name => name,
    }
}

fn join(numbers: &[u32], between: &str) -> String {
    numbers
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(between)
}
