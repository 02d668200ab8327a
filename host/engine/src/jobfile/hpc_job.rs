//! HPC Pack job XML: what its elements and properties make of a job (reference 6.1, 6.2, 10.5).
//!
//! Names are matched exactly, as HPC Pack does. What an export adds about the past (states, times, errors, ids) is not
//! applied.

use std::collections::BTreeSet;

use jobyard_kernel::limits::{PRIORITY_MAX, SWEEP_INSTANCES_MAX, UNITS_MAX};
use jobyard_kernel::{JobKind, JobSpec, Span, TaskKind, TaskSpec, Timestamp, Unit};

use super::error::{Fault, Problem, quoted};
use super::hpc_attributes::{JOB, TASK};
use super::hpc_groups::Groups;
use super::hpc_parts::{Attributes, no_text, pairs, twice, unknown_element};
use super::keys;
use super::model_values::{names, positive_span};
use super::read_xml::{Attribute, Element};
use super::values::{
    parse_group_op, parse_hold_until, parse_job_ids, parse_order_by, parse_priority, priority_band,
};
use super::{BadValue, Draft, JobFile};

/// Reads the root element.
pub(super) fn read(root: &Element) -> Result<Draft, Fault> {
    if root.name != "Job" {
        return Err(unknown_element(root, &["Job"]));
    }
    no_text(root)?;
    let mut draft = Draft {
        file: JobFile {
            spec: JobSpec::default(),
            tasks: Vec::new(),
        },
        job_at: root.at,
        tasks_at: Vec::new(),
        places: root
            .attributes
            .iter()
            .map(|a| (a.name.clone(), a.at))
            .collect(),
    };
    let given = Attributes::checked(root, &JOB)?;
    let unit = unit(&given)?;
    job(&mut draft.file.spec, &given, unit)?;
    let mut groups = Groups::default();
    let mut seen = BTreeSet::new();
    for child in &root.children {
        if !seen.insert(child.name.as_str()) {
            return Err(twice(child.at, "element", &child.name));
        }
        match child.name.as_str() {
            "Tasks" => {
                no_text(child)?;
                for element in &child.children {
                    let task = task(element, unit)?;
                    groups.add_task(task.group);
                    draft.file.tasks.push(task.spec);
                    draft.tasks_at.push(element.at);
                }
            }
            "EnvironmentVariables" => draft.file.spec.environment = variables(child)?,
            "CustomProperties" => draft.file.spec.custom_properties = custom(child)?,
            "Dependencies" => groups.read(child)?,
            _ => {
                let known = [
                    "Tasks",
                    "EnvironmentVariables",
                    "CustomProperties",
                    "Dependencies",
                ];
                return Err(unknown_element(child, &known));
            }
        }
    }
    groups.apply(&mut draft.file.tasks)?;
    draft.file.spec.given =
        keys::given(&draft.file.spec, given.filled_names().flat_map(properties));
    Ok(draft)
}

/// Reads tasks for a job that is there already: one, many, or those of a job.
pub(super) fn read_tasks(root: &Element, unit: Unit) -> Result<Vec<TaskSpec>, Fault> {
    let one = |element: &Element| task(element, unit).map(|task| task.spec);
    match root.name.as_str() {
        "Task" => Ok(vec![one(root)?]),
        "Tasks" => {
            no_text(root)?;
            root.children.iter().map(one).collect()
        }
        "Job" => {
            let draft = read(root)?;
            let counts = draft.file.spec.unit;
            match counts == unit || draft.file.tasks.is_empty() {
                true => Ok(draft.file.tasks),
                false => {
                    let what = format!("counts {counts:?}, but the job counts {unit:?}");
                    Err(Fault::value(root.at, "UnitType", what))
                }
            }
        }
        _ => Err(unknown_element(root, &["Task", "Tasks", "Job"])),
    }
}

/// The properties that an attribute gives, by the names that templates have for them.
fn properties(attribute: &str) -> Vec<&str> {
    match attribute {
        "ExpandedPriority" => vec!["Priority"],
        "Preemptable" => vec!["CanPreempt"],
        "HasRuntime" | "RuntimeSeconds" => vec!["Runtime"],
        "AutoCalculateMin" => vec!["MinUnits"],
        "AutoCalculateMax" => vec!["MaxUnits"],
        // A number of cores alone says what is counted.
        "MinCores" | "MaxCores" => vec!["UnitType"],
        other => vec![other],
    }
}

fn job(spec: &mut JobSpec, given: &Attributes<'_>, unit: Unit) -> Result<(), Fault> {
    spec.name = given.text("Name");
    spec.project = given.text("Project");
    spec.owner = given.text("Owner");
    spec.template = given.text("JobTemplate");
    spec.kind = match given.filled("JobType") {
        None => JobKind::Batch,
        Some(kind) => match kind.value.as_str() {
            "Batch" => JobKind::Batch,
            "Admin" => JobKind::Command,
            "Service" | "Broker" => {
                return Err(not_run(kind, "use JobType=\"Batch\" with tasks"));
            }
            other => return Err(wrong(kind, other, "Batch or Admin")),
        },
    };
    spec.priority = priority(given)?.unwrap_or(spec.priority);
    spec.unit = unit;
    let [min, max] = counts(unit);
    spec.min = units(given, min, "AutoCalculateMin")?;
    spec.max = units(given, max, "AutoCalculateMax")?;
    in_order(given, unit, spec.min, spec.max)?;
    for (name, flag) in [
        ("IsExclusive", &mut spec.exclusive),
        ("SingleNode", &mut spec.single_node),
        ("RunUntilCanceled", &mut spec.run_until_canceled),
        ("FailOnTaskFailure", &mut spec.fail_on_task_failure),
        ("FailDependentTasks", &mut spec.fail_dependent_tasks),
        ("CanGrow", &mut spec.can_grow),
        ("CanShrink", &mut spec.can_shrink),
        ("NotifyOnStart", &mut spec.notify_on_start),
        ("NotifyOnCompletion", &mut spec.notify_on_completion),
    ] {
        *flag = given.truth(name)?.unwrap_or(*flag);
    }
    // Two names of one property.
    let preemptable = given.truth("CanPreempt")?.or(given.truth("Preemptable")?);
    spec.can_preempt = preemptable.unwrap_or(spec.can_preempt);
    let retries = given.number("TaskExecutionFailureRetryLimit", 0, SWEEP_INSTANCES_MAX)?;
    spec.task_retry_limit = retries.unwrap_or(0);
    spec.valid_exit_codes = given.parsed("ValidExitCodes", str::parse)?;
    spec.runtime = runtime(given)?;
    spec.hold_until = match given.filled("HoldUntil") {
        None => None,
        Some(hold) => hold_until(&hold.value).map_err(|e| Fault::value(hold.at, "HoldUntil", e))?,
    };
    spec.requested_nodes = names(&given.text("RequestedNodes"));
    spec.excluded_nodes = names(&given.text("ExcludedNodes"));
    spec.node_groups = names(&given.text("NodeGroups"));
    let op = given.parsed("NodeGroupOp", parse_group_op)?;
    // An export has it without groups too.
    spec.node_group_op = op
        .filter(|_| !spec.node_groups.is_empty())
        .unwrap_or_default();
    // 0 is none.
    let limit = |name| {
        let number = given.number(name, 0, u32::MAX)?;
        Ok::<_, Fault>(number.filter(|&number| number > 0))
    };
    spec.memory_mb_min = limit("MinMemory")?.map(u64::from);
    spec.memory_mb_max = limit("MaxMemory")?.map(u64::from);
    spec.cores_per_node_min = limit("MinCoresPerNode")?;
    spec.cores_per_node_max = limit("MaxCoresPerNode")?;
    spec.order_by = given.parsed("OrderBy", parse_order_by)?.unwrap_or_default();
    spec.licences = given.text("SoftwareLicense");
    spec.process_memory_mb = limit("EstimatedProcessMemory")?.map(u64::from);
    spec.target = limit("TargetResourceCount")?;
    spec.email = given.text("EmailAddress");
    spec.parent_jobs = given
        .parsed("ParentJobIds", parse_job_ids)?
        .unwrap_or_default();
    Ok(())
}

struct Task {
    spec: TaskSpec,
    group: Option<u32>,
}

fn task(element: &Element, unit: Unit) -> Result<Task, Fault> {
    if element.name != "Task" {
        return Err(unknown_element(element, &["Task"]));
    }
    no_text(element)?;
    let given = Attributes::checked(element, &TASK)?;
    let path = |name: &str| given.filled(name).map(|a| a.value.clone());
    let mut spec = TaskSpec {
        name: given.text("Name"),
        kind: task_kind(&given)?,
        command_line: given.text("CommandLine"),
        working_folder: given.text("WorkDirectory"),
        standard_input: path("StdInFilePath"),
        standard_output: path("StdOutFilePath"),
        standard_error: path("StdErrFilePath"),
        depends_on: names(&given.text("DependsOn")),
        runtime: runtime(&given)?,
        valid_exit_codes: given.parsed("ValidExitCodes", str::parse)?,
        ..TaskSpec::default()
    };
    let (min, max) = (
        given.number(counts(unit)[0], 1, UNITS_MAX)?,
        given.number(counts(unit)[1], 1, UNITS_MAX)?,
    );
    spec.max = max.or(min).unwrap_or(1);
    spec.min = min.unwrap_or(1);
    in_order(&given, unit, Some(spec.min), Some(spec.max))?;
    spec.rerunnable = given.truth("IsRerunnable")?.unwrap_or(spec.rerunnable);
    spec.exclusive = given.truth("IsExclusive")?.unwrap_or(spec.exclusive);
    spec.required_nodes = names(&given.text("RequiredNodes"));
    spec.node_group = given
        .filled("RequestedNodeGroup")
        .map(|a| a.value.trim().into());
    let count = given.number("FailJobOnFailureCount", 0, SWEEP_INSTANCES_MAX)?;
    spec.fail_job_on_failure_count = match given.truth("FailJobOnFailure")? {
        // The count alone means yes; 0 is what an export has for no.
        None => count.filter(|&n| n > 0),
        Some(true) => Some(count.unwrap_or(1).max(1)),
        Some(false) => None,
    };
    let mut seen = BTreeSet::new();
    for child in &element.children {
        if !seen.insert(child.name.as_str()) {
            return Err(twice(child.at, "element", &child.name));
        }
        match child.name.as_str() {
            "EnvironmentVariables" => spec.environment = variables(child)?,
            "CustomProperties" => spec.custom_properties = custom(child)?,
            _ => {
                let known = ["EnvironmentVariables", "CustomProperties"];
                return Err(unknown_element(child, &known));
            }
        }
    }
    let group = given.number("GroupId", 0, u32::MAX)?;
    Ok(Task { spec, group })
}

fn task_kind(given: &Attributes<'_>) -> Result<TaskKind, Fault> {
    let parametric = given.truth("IsParametric")?.unwrap_or(false);
    let kind = match given.filled("Type") {
        None if parametric => "ParametricSweep",
        None => "Basic",
        Some(kind) => match kind.value.as_str() {
            known @ ("Basic" | "ParametricSweep" | "Service" | "NodePrep" | "NodeRelease") => known,
            other => {
                let right = "Basic, ParametricSweep, Service, NodePrep or NodeRelease";
                return Err(wrong(kind, other, right));
            }
        },
    };
    let value = |name| given.number(name, 0, u32::MAX);
    let (start, end, increment) = (
        value("StartValue")?,
        value("EndValue")?,
        value("IncrementValue")?,
    );
    if kind == "ParametricSweep" {
        return Ok(TaskKind::Sweep {
            start: start.unwrap_or(1),
            end: end.unwrap_or(1),
            increment: increment.unwrap_or(1),
        });
    }
    // An export has 0 or 1 there.
    let fixed = |number: Option<u32>| number.is_none_or(|n| n <= 1);
    if let Some(end) = given.filled("EndValue").filter(|_| !fixed(end)) {
        let what = format!("{} needs Type=\"ParametricSweep\"", quoted(&end.value));
        return Err(Fault::value(end.at, "EndValue", what));
    }
    Ok(match kind {
        "Service" => TaskKind::Service,
        "NodePrep" => TaskKind::NodePrepare,
        "NodeRelease" => TaskKind::NodeRelease,
        _ => TaskKind::Basic,
    })
}

/// `Priority`, `ExpandedPriority`, or both if they agree.
fn priority(given: &Attributes<'_>) -> Result<Option<u32>, Fault> {
    let named = given.parsed("Priority", parse_priority)?;
    let expanded = given.number("ExpandedPriority", 0, PRIORITY_MAX)?;
    if let (Some(named), Some(number)) = (named, expanded)
        && !priority_band(named).contains(&number)
        && let Some(attribute) = given.filled("ExpandedPriority")
    {
        let what = format!(
            "{} contradicts Priority={}; remove one",
            quoted(&attribute.value),
            quoted(&given.text("Priority"))
        );
        return Err(Fault::value(attribute.at, "ExpandedPriority", what));
    }
    Ok(expanded.or(named))
}

/// What the job counts. An export has the numbers of all units, and says which of them count.
fn unit(given: &Attributes<'_>) -> Result<Unit, Fault> {
    if let Some(unit) = given.filled("UnitType") {
        return match unit.value.as_str() {
            "Core" => Ok(Unit::Core),
            "Socket" => Ok(Unit::Socket),
            "Node" => Ok(Unit::Node),
            "Gpu" => Ok(Unit::Gpu),
            other => Err(wrong(unit, other, "Core, Socket, Node or Gpu")),
        };
    }
    for unit in [Unit::Socket, Unit::Node, Unit::Gpu] {
        for name in counts(unit) {
            if let Some(attribute) = given.filled(name) {
                let what = format!("needs UnitType={}", quoted(&format!("{unit:?}")));
                return Err(Fault::value(attribute.at, name, what));
            }
        }
    }
    Ok(Unit::Core)
}

/// The attributes that have the least and the most of a unit.
pub(super) fn counts(unit: Unit) -> [&'static str; 2] {
    match unit {
        Unit::Core => ["MinCores", "MaxCores"],
        Unit::Socket => ["MinSockets", "MaxSockets"],
        Unit::Node => ["MinNodes", "MaxNodes"],
        Unit::Gpu => ["MinGpus", "MaxGpus"],
    }
}

/// A minimum or maximum; none if it is to be computed.
fn units(given: &Attributes<'_>, name: &str, auto: &str) -> Result<Option<u32>, Fault> {
    let number = given.number(name, 1, UNITS_MAX)?;
    Ok(match given.truth(auto)? {
        Some(true) => None,
        Some(false) => Some(number.unwrap_or(1)),
        // A number alone turns the computing off.
        None => number,
    })
}

fn in_order(
    given: &Attributes<'_>,
    unit: Unit,
    min: Option<u32>,
    max: Option<u32>,
) -> Result<(), Fault> {
    let [least, most] = counts(unit);
    let attribute = given.filled(most).or(given.filled(least));
    match (min, max, attribute) {
        (Some(min), Some(max), Some(attribute)) if min > max => {
            let what = format!("the maximum {max} is below the minimum {min}");
            Err(Fault::value(attribute.at, &attribute.name, what))
        }
        _ => Ok(()),
    }
}

/// Seconds, or a length of time with units.
fn runtime(given: &Attributes<'_>) -> Result<Option<Span>, Fault> {
    if given.truth("HasRuntime")? == Some(false) {
        return Ok(None);
    }
    let attribute = given.filled("Runtime").or(given.filled("RuntimeSeconds"));
    let Some(attribute) = attribute else {
        return Ok(None);
    };
    let seconds = attribute.value.trim();
    let parsed = match seconds.bytes().all(|b| b.is_ascii_digit()) {
        true => positive_span(&format!("{seconds}s")),
        false => positive_span(seconds),
    };
    parsed.map_err(|e| Fault::value(attribute.at, &attribute.name, e))
}

/// RFC 3339; without a zone it is UTC. The year 1, which .NET writes for "none", is none.
fn hold_until(text: &str) -> Result<Option<Timestamp>, BadValue> {
    if text.starts_with("0001-01-01") {
        return Ok(None);
    }
    let zoned = parse_hold_until(text);
    // Where there is no zone the second try can be right; its error would show a text that nobody wrote.
    let utc = || parse_hold_until(&format!("{}Z", text.trim())).ok();
    match zoned.is_err().then(utc).flatten() {
        Some(moment) => Ok(Some(moment)),
        None => zoned.map(Some),
    }
}

fn variables(element: &Element) -> Result<Vec<(String, String)>, Fault> {
    named_pairs(element, "Variable", "variable")
}

fn custom(element: &Element) -> Result<Vec<(String, String)>, Fault> {
    named_pairs(element, "Term", "custom property")
}

fn named_pairs(
    element: &Element,
    item: &str,
    what: &'static str,
) -> Result<Vec<(String, String)>, Fault> {
    let mut seen = BTreeSet::new();
    let mut named = Vec::new();
    for (at, name, value) in pairs(element, item)? {
        if !seen.insert(name.clone()) {
            return Err(twice(at, what, &name));
        }
        named.push((name, value));
    }
    Ok(named)
}

fn wrong(attribute: &Attribute, value: &str, right: &str) -> Fault {
    let what = format!("{} is not known; write {right}", quoted(value));
    Fault::value(attribute.at, &attribute.name, what)
}

fn not_run(attribute: &Attribute, instead: &str) -> Fault {
    let (name, value) = (attribute.name.clone(), attribute.value.clone());
    let instead = instead.into();
    Fault::new(
        attribute.at,
        Problem::NotServed {
            name,
            value,
            instead,
        },
    )
}
