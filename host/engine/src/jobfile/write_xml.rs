//! Jobs written as HPC Pack job XML, with its names and in its order (reference 10.5). Called by `write`.

use jobyard_kernel::{
    GroupOp, JobKind, JobSpec, OrderBy, Property, Span, TaskKind, TaskSpec, Unit,
};

use super::JobFile;
use super::hpc_job::counts;
use super::keys::{order_by, seconds};
use super::write::NotWritable;
use crate::rfc3339;

const NAMESPACE: &str = "http://schemas.microsoft.com/HPCS2008R2/scheduler/";

pub(super) fn write(file: &JobFile) -> Result<String, NotWritable> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    let mut tag = Tag::new("the job", "Job");
    tag.put("xmlns", NAMESPACE)?;
    tag.put("Version", "3.000")?;
    job(&mut tag, &file.spec)?;
    out.push_str(&tag.text);
    let (variables, custom) = (&file.spec.environment, &file.spec.custom_properties);
    if file.tasks.is_empty() && variables.is_empty() && custom.is_empty() {
        out.push_str("/>\n");
        return Ok(out);
    }
    out.push_str(">\n");
    pairs(&mut out, "  ", "CustomProperties", "Term", custom)?;
    pairs(
        &mut out,
        "  ",
        "EnvironmentVariables",
        "Variable",
        variables,
    )?;
    if !file.tasks.is_empty() {
        out.push_str("  <Tasks>\n");
        for (index, spec) in file.tasks.iter().enumerate() {
            task(&mut out, spec, index + 1, file.spec.unit)?;
        }
        out.push_str("  </Tasks>\n");
    }
    out.push_str("</Job>\n");
    Ok(out)
}

fn job(tag: &mut Tag, spec: &JobSpec) -> Result<(), NotWritable> {
    let default = JobSpec::default();
    let given = |name: &str| {
        let property = Property::find(name);
        property.is_some_and(|p| spec.given.iter().any(|g| g.eq_ignore_ascii_case(p.name)))
    };
    tag.some("Name", &spec.name)?;
    tag.some("Project", &spec.project)?;
    tag.some("Owner", &spec.owner)?;
    tag.some("JobTemplate", &spec.template)?;
    match spec.kind {
        JobKind::Batch => {}
        JobKind::Command => tag.put("JobType", "Admin")?,
    }
    if spec.priority != default.priority || given("Priority") {
        tag.put("ExpandedPriority", &spec.priority.to_string())?;
    }
    let [least, most] = counts(spec.unit);
    if spec.unit != default.unit || given("UnitType") {
        tag.put("UnitType", &format!("{:?}", spec.unit))?;
    }
    for (name, value, auto, property) in [
        (least, spec.min, "AutoCalculateMin", "MinUnits"),
        (most, spec.max, "AutoCalculateMax", "MaxUnits"),
    ] {
        match value {
            Some(value) => tag.put(name, &value.to_string())?,
            None if given(property) => tag.put(auto, "true")?,
            None => {}
        }
    }
    for (name, value, default) in [
        ("IsExclusive", spec.exclusive, default.exclusive),
        ("SingleNode", spec.single_node, default.single_node),
        ("CanPreempt", spec.can_preempt, default.can_preempt),
        ("CanGrow", spec.can_grow, default.can_grow),
        ("CanShrink", spec.can_shrink, default.can_shrink),
        (
            "RunUntilCanceled",
            spec.run_until_canceled,
            default.run_until_canceled,
        ),
        (
            "FailOnTaskFailure",
            spec.fail_on_task_failure,
            default.fail_on_task_failure,
        ),
        (
            "FailDependentTasks",
            spec.fail_dependent_tasks,
            default.fail_dependent_tasks,
        ),
        (
            "NotifyOnStart",
            spec.notify_on_start,
            default.notify_on_start,
        ),
        (
            "NotifyOnCompletion",
            spec.notify_on_completion,
            default.notify_on_completion,
        ),
    ] {
        if value != default || given(name) {
            tag.put(name, &value.to_string())?;
        }
    }
    const RETRIES: &str = "TaskExecutionFailureRetryLimit";
    if spec.task_retry_limit != default.task_retry_limit || given(RETRIES) {
        tag.put(RETRIES, &spec.task_retry_limit.to_string())?;
    }
    if let Some(codes) = &spec.valid_exit_codes {
        tag.put("ValidExitCodes", &codes.to_string())?;
    }
    match spec.runtime {
        Some(limit) => tag.put("Runtime", &runtime(limit))?,
        None if given("Runtime") => tag.put("HasRuntime", "false")?,
        None => {}
    }
    if let Some(until) = spec.hold_until {
        tag.put("HoldUntil", &rfc3339(until))?;
    }
    tag.some("RequestedNodes", &spec.requested_nodes.join(","))?;
    tag.some("ExcludedNodes", &spec.excluded_nodes.join(","))?;
    tag.some("NodeGroups", &spec.node_groups.join(","))?;
    if spec.node_group_op != default.node_group_op || given("NodeGroupOp") {
        tag.put("NodeGroupOp", group_op(spec.node_group_op))?;
    }
    let number = |limit: Option<u32>| limit.map(u64::from);
    for (name, limit) in [
        ("MinMemory", spec.memory_mb_min),
        ("MaxMemory", spec.memory_mb_max),
        ("MinCoresPerNode", number(spec.cores_per_node_min)),
        ("MaxCoresPerNode", number(spec.cores_per_node_max)),
        ("EstimatedProcessMemory", spec.process_memory_mb),
        ("TargetResourceCount", number(spec.target)),
    ] {
        match limit {
            Some(limit) => tag.put(name, &limit.to_string())?,
            // No limit, as HPC Pack says it.
            None if given(name) => tag.put(name, "0")?,
            None => {}
        }
    }
    tag.some("OrderBy", &order(&spec.order_by))?;
    tag.some("SoftwareLicense", &spec.licences)?;
    tag.some("EmailAddress", &spec.email)?;
    let parents: Vec<String> = spec.parent_jobs.iter().map(ToString::to_string).collect();
    tag.some("ParentJobIds", &parents.join(","))
}

fn task(out: &mut String, spec: &TaskSpec, number: usize, unit: Unit) -> Result<(), NotWritable> {
    let place = format!("task {number}");
    if let Some(plugin) = &spec.plugin {
        let plugin = plugin.clone();
        return Err(NotWritable::Plugin { place, plugin });
    }
    let mut tag = Tag::new(&place, "Task");
    tag.some("Name", &spec.name)?;
    match spec.kind {
        TaskKind::Basic => {}
        TaskKind::Sweep {
            start,
            end,
            increment,
        } => {
            tag.put("Type", "ParametricSweep")?;
            tag.put("StartValue", &start.to_string())?;
            tag.put("EndValue", &end.to_string())?;
            tag.put("IncrementValue", &increment.to_string())?;
        }
        TaskKind::Service => tag.put("Type", "Service")?,
        TaskKind::NodePrepare => tag.put("Type", "NodePrep")?,
        TaskKind::NodeRelease => tag.put("Type", "NodeRelease")?,
    }
    tag.some("CommandLine", &spec.command_line)?;
    tag.some("WorkDirectory", &spec.working_folder)?;
    for (name, path) in [
        ("StdInFilePath", &spec.standard_input),
        ("StdOutFilePath", &spec.standard_output),
        ("StdErrFilePath", &spec.standard_error),
    ] {
        tag.some(name, path.as_deref().unwrap_or_default())?;
    }
    let [least, most] = counts(unit);
    tag.put(least, &spec.min.to_string())?;
    tag.put(most, &spec.max.to_string())?;
    tag.some("DependsOn", &spec.depends_on.join(","))?;
    if let Some(limit) = spec.runtime {
        tag.put("Runtime", &runtime(limit))?;
    }
    if spec.exclusive {
        tag.put("IsExclusive", "true")?;
    }
    tag.some("RequiredNodes", &spec.required_nodes.join(","))?;
    let group = spec.node_group.as_deref();
    tag.some("RequestedNodeGroup", group.unwrap_or_default())?;
    if !spec.rerunnable {
        tag.put("IsRerunnable", "false")?;
    }
    if let Some(codes) = &spec.valid_exit_codes {
        tag.put("ValidExitCodes", &codes.to_string())?;
    }
    if let Some(count) = spec.fail_job_on_failure_count {
        tag.put("FailJobOnFailure", "true")?;
        tag.put("FailJobOnFailureCount", &count.to_string())?;
    }
    out.push_str("    ");
    out.push_str(&tag.text);
    if spec.environment.is_empty() && spec.custom_properties.is_empty() {
        out.push_str("/>\n");
        return Ok(());
    }
    out.push_str(">\n");
    let custom = &spec.custom_properties;
    pairs(out, "      ", "CustomProperties", "Term", custom)?;
    pairs(
        out,
        "      ",
        "EnvironmentVariables",
        "Variable",
        &spec.environment,
    )?;
    out.push_str("    </Task>\n");
    Ok(())
}

fn pairs(
    out: &mut String,
    indent: &str,
    list: &str,
    item: &str,
    pairs: &[(String, String)],
) -> Result<(), NotWritable> {
    if pairs.is_empty() {
        return Ok(());
    }
    let place = format!("one of the {list}");
    out.push_str(&format!("{indent}<{list}>\n"));
    for (name, value) in pairs {
        let (name, value) = (escaped(&place, name)?, escaped(&place, value)?);
        out.push_str(&format!(
            "{indent}  <{item}><Name>{name}</Name><Value>{value}</Value></{item}>\n"
        ));
    }
    out.push_str(&format!("{indent}</{list}>\n"));
    Ok(())
}

/// Whole seconds as HPC Pack has them, others with their unit.
fn runtime(limit: Span) -> String {
    match limit.0.is_multiple_of(1_000_000) {
        true => (limit.0 / 1_000_000).to_string(),
        false => seconds(limit),
    }
}

fn group_op(op: GroupOp) -> &'static str {
    match op {
        GroupOp::Intersect => "Intersect",
        GroupOp::Uniform => "Uniform",
        GroupOp::Union => "Union",
    }
}

/// HPC Pack's spelling: `Cores,-Memory`.
fn order(by: &[OrderBy]) -> String {
    order_by(by)
        .replace("cores", "Cores")
        .replace("memory", "Memory")
}

/// The begin of an element, not closed yet.
struct Tag {
    place: String,
    text: String,
}

impl Tag {
    fn new(place: &str, name: &str) -> Tag {
        Tag {
            place: place.into(),
            text: format!("<{name}"),
        }
    }

    fn put(&mut self, name: &str, value: &str) -> Result<(), NotWritable> {
        let value = escaped(&self.place, value)?;
        self.text.push_str(&format!(" {name}=\"{value}\""));
        Ok(())
    }

    /// Not if it is empty.
    fn some(&mut self, name: &str, value: &str) -> Result<(), NotWritable> {
        match value.is_empty() {
            true => Ok(()),
            false => self.put(name, value),
        }
    }
}

/// As it may stand in an attribute or an element. Line ends and tabs are written by number, or readers would make spaces of them.
fn escaped(place: &str, text: &str) -> Result<String, NotWritable> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(character))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let place = place.into();
                return Err(NotWritable::Character { place, character });
            }
            plain => out.push(plain),
        }
    }
    Ok(out)
}
