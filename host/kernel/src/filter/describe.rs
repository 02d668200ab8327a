//! A job as filters see it: names and values, under HPC Pack's names. A new property is a new name, so filters need no new types for it.

use crate::{
    Job, JobId, JobKind, JobSpec, PROPERTIES, State, TaskKind, TaskSpec, Timestamp, Value,
};

use super::Revert;

/// Names and values. Flags are `true` and `false`, lengths of time whole seconds, times microseconds since 1970, lists separated by commas.
pub type Properties = Vec<(String, String)>;

/// The prefix of a custom property's name.
pub(super) const CUSTOM: &str = "custom.";
/// The prefix of an environment variable's name.
pub(super) const ENVIRONMENT: &str = "environment.";

/// A job with its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Which.
    pub id: JobId,
    /// What it asks for, and what is known of it.
    pub properties: Properties,
    /// Its tasks in order, where they are wanted; task id − 1 is the index.
    pub tasks: Vec<Properties>,
}

impl Described {
    pub(super) fn of(state: &State, job: &Job, tasks: bool) -> Self {
        let mut properties = of_spec(&job.spec);
        properties.extend(of_state(state, job));
        let tasks = match tasks {
            true => job.tasks.iter().map(|task| of_task(&task.spec)).collect(),
            false => Vec::new(),
        };
        Described {
            id: job.id,
            properties,
            tasks,
        }
    }

    pub(super) fn reverted(revert: &Revert) -> Self {
        Described {
            id: revert.job,
            properties: of_spec(&revert.spec),
            tasks: Vec::new(),
        }
    }
}

/// Some properties of a job, by name in any case.
pub(super) fn some_of(state: &State, job: &Job, names: &[String]) -> Properties {
    let wanted = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    let all = of_spec(&job.spec).into_iter().chain(of_state(state, job));
    all.filter(|(name, _)| wanted(name)).collect()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Flag(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(names) => names.join(","),
    }
}

/// What a job asks for; properties without a value are left out.
fn of_spec(spec: &JobSpec) -> Properties {
    let known = PROPERTIES.iter().filter_map(|property| {
        let value = property.get(spec)?;
        Some((property.name.to_string(), text(&value)))
    });
    let mut all: Properties = known.collect();
    let others = FIXED.iter().filter_map(|(name, get)| {
        let value = get(spec);
        (!value.is_empty()).then(|| ((*name).to_string(), value))
    });
    let others: Properties = others
        .filter(|(name, _)| crate::Property::find(name).is_none())
        .collect();
    all.extend(others);
    let prefixed = |prefix: &'static str, pairs: &[(String, String)]| -> Properties {
        let pair = |(name, value): &(String, String)| (format!("{prefix}{name}"), value.clone());
        pairs.iter().map(pair).collect()
    };
    all.extend(prefixed(CUSTOM, &spec.custom_properties));
    all.extend(prefixed(ENVIRONMENT, &spec.environment));
    all
}

type Get = fn(&JobSpec) -> String;

/// What a filter sees and cannot change, unless it is a [`crate::Property`] too.
pub(super) const FIXED: &[(&str, Get)] = &[
    ("Owner", |job| job.owner.clone()),
    ("JobTemplate", |job| match job.template.is_empty() {
        true => crate::DEFAULT_TEMPLATE.into(),
        false => job.template.clone(),
    }),
    ("JobType", |job| match job.kind {
        JobKind::Batch => "Batch".into(),
        JobKind::Command => "Admin".into(),
    }),
    ("SoftwareLicense", |job| job.licences.clone()),
    ("NodeGroups", |job| job.node_groups.join(",")),
    ("NodeGroupOp", |job| match job.node_groups.is_empty() {
        true => String::new(),
        false => format!("{:?}", job.node_group_op),
    }),
    ("Pool", |job| job.pool.clone()),
    ("ParentJobIds", |job| {
        let ids: Vec<String> = job.parent_jobs.iter().map(JobId::to_string).collect();
        ids.join(",")
    }),
];

/// Names of what is known of a job beside what it asks for.
pub(super) const KNOWN: &[&str] = &[
    "State",
    "CreateTime",
    "SubmitTime",
    "RequeueCount",
    "AllocatedNodes",
];

fn of_state(state: &State, job: &Job) -> Properties {
    let at = |at: Timestamp| at.0.to_string();
    let coming = job.activation.iter().flat_map(|a| a.grants.iter());
    let nodes: std::collections::BTreeSet<_> = job
        .shares
        .keys()
        .copied()
        .chain(coming.map(|grant| grant.node))
        .collect();
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|&id| Some(state.node(id)?.spec.name.as_str()))
        .collect();
    let values = [
        Some(job.state().to_string()),
        Some(at(job.times.created)),
        job.times.submitted.map(at),
        Some(job.requeue_count.to_string()),
        (!names.is_empty()).then(|| names.join(",")),
    ];
    let pairs = KNOWN.iter().zip(values);
    let pair = |(name, value): (&&str, Option<String>)| Some(((*name).to_string(), value?));
    pairs.filter_map(pair).collect()
}

fn of_task(task: &TaskSpec) -> Properties {
    let kind = match task.kind {
        TaskKind::Basic => "Basic",
        TaskKind::Sweep { .. } => "ParametricSweep",
        TaskKind::Service => "Service",
        TaskKind::NodePrepare => "NodePrep",
        TaskKind::NodeRelease => "NodeRelease",
    };
    let mut all = vec![
        ("Name".to_string(), task.name.clone()),
        ("Type".into(), kind.into()),
        ("CommandLine".into(), task.command_line.clone()),
        ("WorkDirectory".into(), task.working_folder.clone()),
        ("MinUnits".into(), task.min.to_string()),
        ("MaxUnits".into(), task.max.to_string()),
        ("DependsOn".into(), task.depends_on.join(",")),
        ("IsRerunnable".into(), task.rerunnable.to_string()),
        ("RequiredNodes".into(), task.required_nodes.join(",")),
        (
            "RequestedNodeGroup".into(),
            task.node_group.clone().unwrap_or_default(),
        ),
    ];
    if let TaskKind::Sweep {
        start,
        end,
        increment,
    } = task.kind
    {
        all.push(("StartValue".into(), start.to_string()));
        all.push(("EndValue".into(), end.to_string()));
        all.push(("IncrementValue".into(), increment.to_string()));
    }
    let limit = task.runtime.map(|limit| limit.0 / 1_000_000);
    all.extend(limit.map(|seconds| ("Runtime".to_string(), seconds.to_string())));
    all.retain(|(_, value)| !value.is_empty());
    all
}
