//! The properties of a task and of a sub-task, by HPC Pack's names.

use jobyard::kernel::limits::{SWEEP_INSTANCES_MAX, UNITS_MAX};
use jobyard::kernel::sweep::substitute;
use jobyard::kernel::{
    CancelCause, FailureCause, Job, Outcome, Phase, Run, State, Task, TaskKind, Timestamp, Tries,
    Unit,
};
use jobyard::{TaskId, TaskSpec};

use super::job_properties::{changed, runtime, said};
use super::property::{Property, Set};
use super::value::{Value, parse_flag, parse_names, parse_number};

/// A task, or an instance of it, and where it is.
#[derive(Clone, Copy)]
pub(super) struct TaskOf<'a> {
    pub(super) state: &'a State,
    pub(super) job: &'a Job,
    pub(super) id: TaskId,
    pub(super) task: &'a Task,
    /// None: the whole.
    pub(super) instance: Option<u32>,
}

/// A task that is being described, in a job that counts this unit.
pub(super) struct Draft {
    pub(super) spec: TaskSpec,
    pub(super) unit: Unit,
}

pub(super) type TaskProperty = Property<Show, Draft>;
type Show = fn(&TaskOf<'_>) -> Option<Value>;

/// What a list shows where the query does not say.
pub(super) const LISTED: &[&str] = &[
    "TaskId",
    "Name",
    "State",
    "CommandLine",
    "ExitCode",
    "ParentJobId",
    "JobTaskId",
    "InstanceId",
];

/// Shown by those who answer: it is in files.
pub(super) const OUTPUT: &str = "Output";

impl TaskOf<'_> {
    /// The one instance that is meant; none of a whole that has several.
    pub(super) fn one(&self) -> Option<u32> {
        match self.task.spec.kind {
            TaskKind::Basic => Some(0),
            TaskKind::Sweep { .. }
            | TaskKind::Service
            | TaskKind::NodePrepare
            | TaskKind::NodeRelease => self.instance,
        }
    }

    fn is_configuring(&self) -> bool {
        self.job.phase == Phase::Configuring
    }

    pub(super) fn task_state(&self) -> jobyard::kernel::TaskState {
        let instance = self
            .instance
            .and_then(|n| self.task.instance_state(n, self.is_configuring()));
        instance.unwrap_or_else(|| self.task.state(self.is_configuring()))
    }

    fn run(&self) -> Option<&Run> {
        self.task.runs.get(&self.one()?)
    }

    fn tries(&self) -> Tries {
        let tries = self.one().and_then(|n| self.task.tries.get(&n));
        tries.copied().unwrap_or_default()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.task.outcome(self.one()?)
    }

    /// As the node gets it: in an instance, with the value for the asterisks.
    fn filled(&self, text: &str) -> Option<Value> {
        let value = self.instance.and_then(|n| self.task.spec.kind.value(n));
        Value::text(match value {
            Some(value) => substitute(text, value).into_owned(),
            None => text.to_string(),
        })
    }

    fn exit_code(&self) -> Option<i32> {
        let last = self
            .run()
            .is_none()
            .then(|| self.tries().exit_code)
            .flatten();
        self.outcome().and_then(Outcome::exit_code).or(last)
    }

    /// How it went wrong, and what the one said who ended it.
    fn error(&self) -> String {
        let message = self.task.message.clone().unwrap_or_default();
        let Some(outcome) = self.outcome() else {
            return String::new();
        };
        let by_somebody = match outcome {
            Outcome::Finished { code } => {
                return if code == Some(0) {
                    String::new()
                } else {
                    message
                };
            }
            Outcome::Failed {
                cause: FailureCause::System,
                ..
            } => {
                return self
                    .task
                    .last_error
                    .clone()
                    .unwrap_or_else(|| outcome.to_string());
            }
            Outcome::Failed { cause, .. } => cause == FailureCause::Canceled,
            Outcome::Canceled { cause } => cause == CancelCause::Explicit,
        };
        match by_somebody && !message.is_empty() {
            true => format!("{outcome}: {message}"),
            false => outcome.to_string(),
        }
    }

    fn names_of_nodes(&self) -> impl Iterator<Item = String> {
        let places = self.run().into_iter().flat_map(|run| &run.places);
        places.filter_map(|place| Some(self.state.node(place.node)?.spec.name.clone()))
    }

    /// When anything of it changed last, at the latest. Of what has ended it is not known when: then it is when its job changed.
    pub(super) fn changed(&self) -> Timestamp {
        let run = self.run().map(|run| run.started.unwrap_or(run.dispatched));
        run.unwrap_or_else(|| changed(self.job))
    }
}

const fn shown(name: &'static str, show: Show) -> TaskProperty {
    Property {
        name,
        open: false,
        show,
        set: Set::ReadOnly,
    }
}

const fn never(name: &'static str) -> TaskProperty {
    shown(name, |_| None)
}

const fn own(
    name: &'static str,
    show: Show,
    set: fn(&mut Draft, &str) -> Result<(), String>,
) -> TaskProperty {
    Property {
        name,
        open: false,
        show,
        set: Set::To(set),
    }
}

/// A file that a task reads or writes; none when it is empty.
macro_rules! file {
    ($name:literal, $field:ident) => {
        own(
            $name,
            |of| of.filled(of.task.spec.$field.as_deref()?),
            |draft, text| {
                draft.spec.$field = (!text.is_empty()).then(|| text.into());
                Ok(())
            },
        )
    };
}

/// The least or the most of a unit.
macro_rules! units {
    ($name:literal, $field:ident, $unit:expr) => {
        own(
            $name,
            |of| {
                let counts = of.job.spec.unit == $unit;
                Value::number(if counts { of.task.spec.$field } else { 1 })
            },
            |draft, text| {
                if draft.unit != $unit {
                    return Err(format!("its job counts another unit, {:?}", draft.unit));
                }
                draft.spec.$field = parse_number(text, 1, UNITS_MAX.into())? as u32;
                Ok(())
            },
        )
    };
}

/// One of the three numbers of a sweep. For other kinds of tasks only what an export has for them.
macro_rules! swept {
    ($name:literal, $field:ident) => {
        own(
            $name,
            |of| match of.task.spec.kind {
                TaskKind::Sweep { $field, .. } => Value::number($field),
                TaskKind::Basic
                | TaskKind::Service
                | TaskKind::NodePrepare
                | TaskKind::NodeRelease => None,
            },
            |draft, text| {
                let number = parse_number(text, 0, u32::MAX.into())? as u32;
                match &mut draft.spec.kind {
                    TaskKind::Sweep { $field, .. } => *$field = number,
                    TaskKind::Basic
                    | TaskKind::Service
                    | TaskKind::NodePrepare
                    | TaskKind::NodeRelease => {
                        if number > 1 {
                            return Err(format!("{number} needs Type=ParametricSweep"));
                        }
                    }
                }
                Ok(())
            },
        )
    };
}

/// All of them. Those that say what others mean come before them.
pub(super) static TASK: &[TaskProperty] = &[
    shown("TaskId", |of| {
        let mut id = vec![of.job.id.0, of.id.0];
        id.extend(of.instance.filter(|&n| n > 0));
        Some(Value::Id(id))
    }),
    shown("JobTaskId", |of| Value::number(of.id.0)),
    shown("InstanceId", |of| Value::number(of.instance.unwrap_or(0))),
    shown("InstanceValue", |of| {
        Value::number(of.task.spec.kind.value(of.instance?)?)
    }),
    shown("ParentJobId", |of| Value::number(of.job.id.0)),
    own(
        "Name",
        |of| of.filled(&of.task.spec.name),
        |draft, text| {
            draft.spec.name = text.into();
            Ok(())
        },
    ),
    shown("State", |of| {
        let state = of.task_state();
        Some(Value::Choice(state as u32, state.to_string()))
    }),
    own(
        "CommandLine",
        |of| of.filled(&of.task.spec.command_line),
        |draft, text| {
            draft.spec.command_line = text.into();
            Ok(())
        },
    ),
    own(
        "WorkDirectory",
        |of| Value::text(&of.task.spec.working_folder),
        |draft, text| {
            draft.spec.working_folder = text.into();
            Ok(())
        },
    ),
    file!("StdInFilePath", standard_input),
    file!("StdOutFilePath", standard_output),
    file!("StdErrFilePath", standard_error),
    own(
        "Type",
        |of| {
            Some(match of.task.spec.kind {
                TaskKind::Basic => Value::Choice(0, "Basic".into()),
                TaskKind::Sweep { .. } => Value::Choice(1, "ParametricSweep".into()),
                TaskKind::NodePrepare => Value::Choice(2, "NodePrep".into()),
                TaskKind::NodeRelease => Value::Choice(3, "NodeRelease".into()),
                TaskKind::Service => Value::Choice(4, "Service".into()),
            })
        },
        |draft, text| {
            draft.spec.kind = match text.trim().to_ascii_lowercase().as_str() {
                "basic" | "0" => TaskKind::Basic,
                "parametricsweep" | "1" => sweep(draft.spec.kind),
                "nodeprep" | "2" => TaskKind::NodePrepare,
                "noderelease" | "3" => TaskKind::NodeRelease,
                "service" | "4" => TaskKind::Service,
                _ => {
                    return Err(format!(
                        "{text:?} is none of Basic, ParametricSweep, NodePrep, NodeRelease and Service"
                    ));
                }
            };
            Ok(())
        },
    ),
    own(
        "IsParametric",
        |of| {
            Some(Value::Flag(matches!(
                of.task.spec.kind,
                TaskKind::Sweep { .. }
            )))
        },
        |draft, text| {
            if parse_flag(text)? {
                draft.spec.kind = sweep(draft.spec.kind);
            }
            Ok(())
        },
    ),
    swept!("StartValue", start),
    swept!("EndValue", end),
    swept!("IncrementValue", increment),
    units!("MinCores", min, Unit::Core),
    units!("MaxCores", max, Unit::Core),
    units!("MinSockets", min, Unit::Socket),
    units!("MaxSockets", max, Unit::Socket),
    units!("MinNodes", min, Unit::Node),
    units!("MaxNodes", max, Unit::Node),
    units!("MinGpus", min, Unit::Gpu),
    units!("MaxGpus", max, Unit::Gpu),
    shown("UnitType", |of| {
        Value::text(format!("{:?}", of.job.spec.unit))
    }),
    own(
        "DependsOn",
        |of| Value::list(of.task.spec.depends_on.iter().cloned()),
        |draft, text| {
            draft.spec.depends_on = parse_names(text);
            Ok(())
        },
    ),
    own("Runtime", seconds, |draft, text| {
        draft.spec.runtime = runtime(text)?;
        Ok(())
    }),
    own("RuntimeSeconds", seconds, |draft, text| {
        draft.spec.runtime = runtime(text)?;
        Ok(())
    }),
    own(
        "HasRuntime",
        |of| Some(Value::Flag(of.task.spec.runtime.is_some())),
        |draft, text| {
            if !parse_flag(text)? {
                draft.spec.runtime = None;
            }
            Ok(())
        },
    ),
    own(
        "IsExclusive",
        |of| Some(Value::Flag(of.task.spec.exclusive)),
        |draft, text| {
            draft.spec.exclusive = parse_flag(text)?;
            Ok(())
        },
    ),
    own(
        "IsRerunnable",
        |of| Some(Value::Flag(of.task.spec.rerunnable)),
        |draft, text| {
            draft.spec.rerunnable = parse_flag(text)?;
            Ok(())
        },
    ),
    own(
        "RequiredNodes",
        |of| Value::list(of.task.spec.required_nodes.iter().cloned()),
        |draft, text| {
            draft.spec.required_nodes = parse_names(text);
            Ok(())
        },
    ),
    own(
        "RequestedNodeGroup",
        |of| Value::text(of.task.spec.node_group.as_deref()?),
        |draft, text| {
            draft.spec.node_group = (!text.trim().is_empty()).then(|| text.trim().into());
            Ok(())
        },
    ),
    own(
        "ValidExitCodes",
        |of| Value::text(of.task.spec.valid_exit_codes.as_ref()?.to_string()),
        |draft, text| {
            let codes = (!text.trim().is_empty()).then(|| text.parse()).transpose();
            draft.spec.valid_exit_codes = codes.map_err(said)?;
            Ok(())
        },
    ),
    // The count alone means yes; 0 is what an export has for no.
    own(
        "FailJobOnFailureCount",
        |of| Value::number(of.task.spec.fail_job_on_failure_count.unwrap_or(0)),
        |draft, text| {
            let count = parse_number(text, 0, SWEEP_INSTANCES_MAX.into())? as u32;
            draft.spec.fail_job_on_failure_count = (count > 0).then_some(count);
            Ok(())
        },
    ),
    own(
        "FailJobOnFailure",
        |of| {
            Some(Value::Flag(
                of.task.spec.fail_job_on_failure_count.is_some(),
            ))
        },
        |draft, text| {
            let count = draft.spec.fail_job_on_failure_count.unwrap_or(1);
            draft.spec.fail_job_on_failure_count = parse_flag(text)?.then_some(count);
            Ok(())
        },
    ),
    shown("ExitCode", |of| Value::number(of.exit_code()?)),
    shown("ErrorMessage", |of| Value::text(of.error())),
    shown("AllocatedNodes", |of| Value::list(of.names_of_nodes())),
    shown("AllocatedCoreIds", |of| {
        let places = of.run()?.places.iter().map(|place| place.cores.to_string());
        Value::list(places)
    }),
    shown("CreateTime", |of| Some(Value::Time(of.job.times.created))),
    shown("SubmitTime", |of| of.job.times.submitted.map(Value::Time)),
    shown("StartTime", |of| of.run()?.started.map(Value::Time)),
    shown("ChangeTime", |of| Some(Value::Time(of.changed()))),
    shown("RequeueCount", |of| {
        let attempts = of.run().map_or(of.tries().attempts, |run| run.attempt);
        Value::number(attempts.saturating_sub(1))
    }),
    shown("AutoRequeueCount", |of| {
        Value::number(of.tries().after_system_error)
    }),
    shown("ExecutionFailureRetryCount", |of| {
        Value::number(of.tries().after_failure)
    }),
    shown("TotalSubTaskNumber", |of| {
        let (first, last) = of.task.spec.kind.instances()?;
        (first > 0).then(|| Value::Number(last.into()))
    }),
    shown(OUTPUT, |_| None),
    never("EndTime"),
    never("ErrorCode"),
    never("ErrorParams"),
    never("ExitIfPossible"),
    never("PendingReason"),
    never("PreviousState"),
    Property {
        name: "UserBlob",
        open: false,
        show: |_| None,
        set: Set::NotServed("keep it in a custom property of the task, or in a file"),
    },
];

/// A sweep stays what it is.
fn sweep(kind: TaskKind) -> TaskKind {
    match kind {
        TaskKind::Sweep { .. } => kind,
        TaskKind::Basic | TaskKind::Service | TaskKind::NodePrepare | TaskKind::NodeRelease => {
            TaskKind::Sweep {
                start: 1,
                end: 1,
                increment: 1,
            }
        }
    }
}

fn seconds(of: &TaskOf<'_>) -> Option<Value> {
    i64::try_from(of.task.spec.runtime?.0 / 1_000_000)
        .ok()
        .map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::Pair;
    use super::super::property::set;
    use super::*;

    fn made(pairs: &[(&str, &str)]) -> Result<TaskSpec, String> {
        let (spec, unit) = (TaskSpec::default(), Unit::Core);
        let mut draft = Draft { spec, unit };
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|(name, value)| Pair::new(name, *value))
            .collect();
        set(TASK, &mut draft, &pairs).map_err(|problem| problem.detail)?;
        Ok(draft.spec)
    }

    #[test]
    fn a_task_is_made_of_properties_in_any_order_and_case() {
        let spec = made(&[
            ("endvalue", "9"),
            ("STARTVALUE", "3"),
            ("IncrementValue", "2"),
            ("Type", "ParametricSweep"),
            ("CommandLine", "echo *"),
            ("MaxCores", "2"),
            ("DependsOn", "a, b"),
            ("FailJobOnFailure", "true"),
            ("StdOutFilePath", "out.*"),
            ("Runtime", "60"),
        ]);
        let spec = spec.expect("a task");
        let kind = TaskKind::Sweep {
            start: 3,
            end: 9,
            increment: 2,
        };
        assert_eq!((spec.kind, spec.max), (kind, 2));
        assert_eq!(spec.depends_on, ["a", "b"]);
        assert_eq!(spec.fail_job_on_failure_count, Some(1));
        assert_eq!(spec.standard_output.as_deref(), Some("out.*"));
        // What an export has of a task without a sweep or a limit.
        let plain = made(&[
            ("EndValue", "0"),
            ("FailJobOnFailureCount", "0"),
            ("HasRuntime", "false"),
            ("UserBlob", ""),
        ]);
        assert_eq!(plain, Ok(TaskSpec::default()));
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        for (name, value, words) in [
            ("Colour", "red", "no property \"Colour\""),
            ("ExitCode", "0", "cannot be set"),
            ("Output", "x", "cannot be set"),
            ("EndValue", "5", "ParametricSweep"),
            ("MinNodes", "1", "counts another unit"),
            ("Type", "Fancy", "\"Fancy\""),
            ("UserBlob", "x", "custom property"),
        ] {
            let error = made(&[(name, value)]).unwrap_err();
            assert!(error.contains(words), "{name}: {error}");
        }
        let mut names: Vec<String> = TASK.iter().map(|p| p.name.to_lowercase()).collect();
        names.sort_unstable();
        assert!(
            names.windows(2).all(|pair| pair[0] != pair[1]),
            "a name is there twice"
        );
    }
}
