//! The properties of a job, by HPC Pack's names: what each shows of a job, and what it sets of what a user asks for.
//!
//! What the kernel knows by the same name is read and set by it (`jobyard_kernel::Property`).

use jobyard::jobfile::{parse_job_ids, parse_priority, parse_span};
use jobyard::kernel::limits::{PRIORITY_MAX, UNITS_MAX};
use jobyard::kernel::{
    self, DEFAULT_TEMPLATE, Job, JobKind, JobSpec, Span, State, Timestamp, Unit,
};

use super::property::{Property, Set};
use super::value::{Value, parse_flag, parse_names, parse_number, parse_time};

/// A job and where it is.
pub(super) struct JobOf<'a> {
    pub(super) state: &'a State,
    pub(super) job: &'a Job,
}

pub(super) type JobProperty = Property<Show, JobSpec>;
type Show = fn(&JobOf<'_>) -> Option<Value>;

/// What a list shows where the query does not say.
pub(super) const LISTED: &[&str] = &["Id", "Owner", "Name", "State", "Priority"];

const SOA: &str = "SOA sessions and brokers are not run: use tasks";

/// Read-only.
const fn shown(name: &'static str, show: Show) -> JobProperty {
    Property {
        name,
        open: true,
        show,
        set: Set::ReadOnly,
    }
}

/// Read-only, and for those who see all of the job.
const fn private(name: &'static str, show: Show) -> JobProperty {
    Property {
        name,
        open: false,
        show,
        set: Set::ReadOnly,
    }
}

/// HPC Pack has it; here it has never a value.
const fn never(name: &'static str) -> JobProperty {
    private(name, |_| None)
}

/// What the kernel knows by the same name.
macro_rules! kernels {
    ($name:literal, open) => {
        kernels!($name, true)
    };
    ($name:literal) => {
        kernels!($name, false)
    };
    ($name:literal, $open:expr) => {
        Property {
            name: $name,
            open: $open,
            show: |of| kernels_value(of, $name),
            set: Set::To(|spec, text| set_kernels(spec, $name, text)),
        }
    };
}

/// A limit that the kernel knows by the same name; 0 and nothing are none.
macro_rules! limit {
    ($name:literal, $field:ident) => {
        Property {
            name: $name,
            open: false,
            show: |of| kernels_value(of, $name),
            set: Set::To(|spec, text| {
                give(spec, $name);
                spec.$field = parse_limit(text)?;
                Ok(())
            }),
        }
    };
}

/// The least or the most of a unit.
macro_rules! units {
    ($name:literal, $field:ident, $kernels:literal, $unit:expr) => {
        Property {
            name: $name,
            open: true,
            show: |of| {
                Value::number(match of.job.spec.unit == $unit {
                    // Before it is validated, what it asks for itself.
                    true if of.job.max == 0 => of.job.spec.$field.unwrap_or(1),
                    true => of.job.$field,
                    false => 1,
                })
            },
            set: Set::To(|spec, text| {
                if spec.unit != $unit {
                    return Err(format!(
                        "the job counts another unit: say UnitType={:?} too",
                        $unit
                    ));
                }
                spec.$field = Some(parse_number(text, 1, UNITS_MAX.into())? as u32);
                give(spec, $kernels);
                Ok(())
            }),
        }
    };
}

/// All of them. Those that say what others mean come before them.
pub(super) static JOB: &[JobProperty] = &[
    shown("Id", |of| Value::number(of.job.id.0)),
    kernels!("Name", open),
    Property {
        name: "Owner",
        open: true,
        show: |of| Value::text(&of.job.spec.owner),
        set: Set::To(|spec, text| {
            spec.owner = text.into();
            Ok(())
        }),
    },
    // Tasks run as the user of the node, whoever is named.
    Property {
        name: "UserName",
        open: true,
        show: |of| Value::text(&of.job.spec.owner),
        set: Set::Ignored,
    },
    Property {
        name: "Password",
        open: false,
        show: |_| None,
        set: Set::Ignored,
    },
    shown("State", |of| {
        let state = of.job.state();
        Some(Value::Choice(state as u32, state.to_string()))
    }),
    Property {
        name: "JobTemplate",
        open: true,
        show: |of| {
            Value::text(match of.job.spec.template.as_str() {
                "" => DEFAULT_TEMPLATE,
                name => name,
            })
        },
        set: Set::To(|spec, text| {
            spec.template = text.into();
            Ok(())
        }),
    },
    kernels!("Project", open),
    Property {
        name: "JobType",
        open: true,
        show: |of| {
            Some(match of.job.spec.kind {
                JobKind::Batch => Value::Choice(1, "Batch".into()),
                JobKind::Command => Value::Choice(2, "Admin".into()),
            })
        },
        set: Set::To(|spec, text| {
            spec.kind = match text.trim().to_ascii_lowercase().as_str() {
                "batch" | "1" => JobKind::Batch,
                "admin" | "2" => JobKind::Command,
                _ => return Err(format!("{text:?} is neither Batch nor Admin; {SOA}")),
            };
            Ok(())
        }),
    },
    Property {
        name: "Priority",
        open: true,
        show: |of| {
            const BANDS: [&str; 5] = ["Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest"];
            let band = of.job.spec.priority / 1_000;
            let name = BANDS.get(band as usize)?;
            Some(Value::Choice(band, (*name).into()))
        },
        set: Set::To(|spec, text| {
            spec.priority = parse_priority(text).map_err(said)?;
            give(spec, "Priority");
            Ok(())
        }),
    },
    Property {
        name: "ExpandedPriority",
        open: true,
        show: |of| Value::number(of.job.spec.priority),
        set: Set::To(|spec, text| {
            spec.priority = parse_number(text, 0, PRIORITY_MAX.into())? as u32;
            give(spec, "Priority");
            Ok(())
        }),
    },
    kernels!("UnitType", open),
    units!("MinCores", min, "MinUnits", Unit::Core),
    units!("MaxCores", max, "MaxUnits", Unit::Core),
    units!("MinSockets", min, "MinUnits", Unit::Socket),
    units!("MaxSockets", max, "MaxUnits", Unit::Socket),
    units!("MinNodes", min, "MinUnits", Unit::Node),
    units!("MaxNodes", max, "MaxUnits", Unit::Node),
    units!("MinGpus", min, "MinUnits", Unit::Gpu),
    units!("MaxGpus", max, "MaxUnits", Unit::Gpu),
    Property {
        name: "AutoCalculateMin",
        open: true,
        show: |of| Some(Value::Flag(of.job.spec.min.is_none())),
        set: Set::To(|spec, text| {
            spec.min = automatic(spec.min, text)?;
            give(spec, "MinUnits");
            Ok(())
        }),
    },
    Property {
        name: "AutoCalculateMax",
        open: true,
        show: |of| Some(Value::Flag(of.job.spec.max.is_none())),
        set: Set::To(|spec, text| {
            spec.max = automatic(spec.max, text)?;
            give(spec, "MaxUnits");
            Ok(())
        }),
    },
    kernels!("IsExclusive"),
    kernels!("SingleNode"),
    kernels!("CanGrow"),
    kernels!("CanPreempt"),
    kernels!("CanShrink"),
    Property {
        name: "Preemptable",
        open: false,
        show: |of| Some(Value::Flag(of.job.spec.can_preempt)),
        set: Set::To(|spec, text| set_kernels(spec, "CanPreempt", text)),
    },
    kernels!("RunUntilCanceled"),
    kernels!("FailOnTaskFailure"),
    kernels!("FailDependentTasks"),
    kernels!("TaskExecutionFailureRetryLimit"),
    Property {
        name: "ValidExitCodes",
        open: false,
        show: |of| kernels_value(of, "ValidExitCodes"),
        set: Set::To(|spec, text| {
            let codes = (!text.trim().is_empty()).then(|| text.parse()).transpose();
            spec.valid_exit_codes = codes.map_err(said)?;
            Ok(())
        }),
    },
    // HasRuntime=false takes back what Runtime says, wherever it stands: an export has both.
    Property {
        name: "Runtime",
        open: false,
        show: |of| kernels_value(of, "Runtime"),
        set: Set::To(set_runtime),
    },
    Property {
        name: "RuntimeSeconds",
        open: false,
        show: |of| kernels_value(of, "Runtime"),
        set: Set::To(set_runtime),
    },
    Property {
        name: "HasRuntime",
        open: false,
        show: |of| Some(Value::Flag(of.job.spec.runtime.is_some())),
        set: Set::To(|spec, text| {
            if !parse_flag(text)? {
                spec.runtime = None;
                give(spec, "Runtime");
            }
            Ok(())
        }),
    },
    Property {
        name: "HoldUntil",
        open: true,
        show: |of| time(of.job.hold_until),
        set: Set::To(|spec, text| {
            // The year 1 is what .NET writes for none.
            let none = text.trim().is_empty() || text.contains("0001") && parse_time(text).is_err();
            spec.hold_until = (!none).then(|| parse_time(text)).transpose()?;
            Ok(())
        }),
    },
    kernels!("RequestedNodes"),
    kernels!("ExcludedNodes"),
    kernels!("NodeGroups"),
    kernels!("NodeGroupOp"),
    kernels!("OrderBy"),
    limit!("MinMemory", memory_mb_min),
    limit!("MaxMemory", memory_mb_max),
    limit!("MinCoresPerNode", cores_per_node_min),
    limit!("MaxCoresPerNode", cores_per_node_max),
    limit!("EstimatedProcessMemory", process_memory_mb),
    limit!("TargetResourceCount", target),
    kernels!("SoftwareLicense"),
    kernels!("NotifyOnStart", open),
    kernels!("NotifyOnCompletion", open),
    kernels!("EmailAddress"),
    Property {
        name: "ParentJobIds",
        open: false,
        show: |of| Value::list(of.job.spec.parent_jobs.iter().map(ToString::to_string)),
        set: Set::To(|spec, text| {
            spec.parent_jobs = parse_job_ids(text).map_err(said)?;
            Ok(())
        }),
    },
    Property {
        name: "Progress",
        open: true,
        show: |of| Value::number(of.job.progress()),
        set: Set::To(|spec, text| {
            let number = (!text.is_empty())
                .then(|| parse_number(text, 0, 100))
                .transpose()?;
            spec.progress = number.map(|number| number as u32);
            Ok(())
        }),
    },
    Property {
        name: "ProgressMessage",
        open: false,
        show: |of| Value::text(&of.job.spec.progress_message),
        set: Set::To(|spec, text| {
            spec.progress_message = text.into();
            Ok(())
        }),
    },
    shown("Pool", |of| {
        Value::text(match of.job.spec.pool.as_str() {
            "" => kernel::DEFAULT_POOL,
            name => name,
        })
    }),
    shown("CreateTime", |of| time(Some(of.job.times.created))),
    shown("SubmitTime", |of| time(of.job.times.submitted)),
    shown("StartTime", |of| time(of.job.times.started)),
    shown("EndTime", |of| time(of.job.times.ended)),
    shown("ChangeTime", |of| time(Some(changed(of.job)))),
    shown("ErrorCode", |of| {
        let code = of.job.error.as_deref().map_or(0, kernel::JobError::code);
        Value::number(code.cast_signed())
    }),
    private("ErrorMessage", |of| Value::text(of.job.error_message())),
    private("PendingReason", |of| {
        Value::text(of.state.why_waiting(of.job.id)?.text)
    }),
    shown("RequeueCount", |of| Value::number(of.job.requeue_count)),
    shown("AutoRequeueCount", |of| {
        Value::number(of.job.auto_requeue_count)
    }),
    private("IsBackfill", |of| Some(Value::Flag(of.job.backfilled))),
    private("AllocatedNodes", |of| {
        let name = |id| of.state.node(id).map(|node| node.spec.name.clone());
        Value::list(of.job.shares.keys().filter_map(|&id| name(id)))
    }),
    private("CurrentCoreCount", |of| Value::number(of.job.cores())),
    shown("ComputedMinCores", |of| Value::number(of.job.min)),
    shown("ComputedMaxCores", |of| Value::number(of.job.max)),
    shown("TaskCount", |of| count(of.job.counts.total())),
    shown("ConfiguringTaskCount", |of| {
        count(match is_configured(of) {
            true => of.job.counts.configuring + of.job.counts.queued,
            false => of.job.counts.configuring,
        })
    }),
    shown("QueuedTaskCount", |of| {
        count(match is_configured(of) {
            true => 0,
            false => of.job.counts.queued,
        })
    }),
    shown("RunningTaskCount", |of| count(of.job.counts.running)),
    shown("FinishedTaskCount", |of| count(of.job.counts.finished)),
    shown("FailedTaskCount", |of| count(of.job.counts.failed)),
    shown("CanceledTaskCount", |of| count(of.job.counts.canceled)),
    never("ClientSource"),
    never("ErrorParams"),
    never("EndpointAddresses"),
    never("PreviousState"),
    Property {
        name: "ServiceName",
        open: true,
        show: |_| None,
        set: Set::NotServed(SOA),
    },
    Property {
        name: "ServiceVersion",
        open: true,
        show: |_| None,
        set: Set::NotServed(SOA),
    },
];

/// When anything of it changed last.
pub(super) fn changed(job: &Job) -> Timestamp {
    let times = &job.times;
    let later = [times.submitted, times.started, times.ended];
    later
        .into_iter()
        .flatten()
        .fold(times.created, Timestamp::max)
}

fn time(at: Option<Timestamp>) -> Option<Value> {
    at.map(Value::Time)
}

/// Its tasks that wait are, to HPC Pack's clients, still being configured.
fn is_configured(of: &JobOf<'_>) -> bool {
    of.job.state() == kernel::JobState::Configuring
}

fn count(tasks: u64) -> Option<Value> {
    i64::try_from(tasks).ok().map(Value::Number)
}

pub(super) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// None for 0 and for nothing.
fn parse_limit<T: From<u32>>(text: &str) -> Result<Option<T>, String> {
    let number = match text.trim() {
        "" => 0,
        text => parse_number(text, 0, u32::MAX.into())? as u32,
    };
    Ok((number > 0).then(|| number.into()))
}

/// What the kernel says of it.
fn kernels_value(of: &JobOf<'_>, name: &str) -> Option<Value> {
    Some(match kernel::Property::find(name)?.get(&of.job.spec)? {
        kernel::Value::Flag(flag) => Value::Flag(flag),
        kernel::Value::Number(number) => Value::Number(i64::try_from(number).ok()?),
        kernel::Value::Text(text) => Value::Text(text),
        kernel::Value::List(names) => Value::List(names),
    })
}

/// A text may be a value of several types: the kernel takes the one that the property has.
fn set_kernels(spec: &mut JobSpec, name: &str, text: &str) -> Result<(), String> {
    let property = kernel::Property::find(name).ok_or("there is no such property")?;
    let values = [
        parse_flag(text).ok().map(kernel::Value::Flag),
        text.trim().parse().ok().map(kernel::Value::Number),
        Some(kernel::Value::List(parse_names(text))),
        Some(kernel::Value::Text(text.trim().into())),
    ];
    if !values
        .into_iter()
        .flatten()
        .any(|value| property.set(spec, &value))
    {
        return Err(format!("{text:?} is no value of it"));
    }
    give(spec, property.name);
    Ok(())
}

/// Says that the user gave it: a template's default does not replace it, though it is what it would be anyway.
fn give(spec: &mut JobSpec, name: &str) {
    if !spec.given.iter().any(|given| given == name) {
        spec.given.push(name.into());
        spec.given.sort_unstable();
    }
}

/// None when it is to be computed.
fn automatic(number: Option<u32>, text: &str) -> Result<Option<u32>, String> {
    Ok(match parse_flag(text)? {
        true => None,
        false => Some(number.unwrap_or(1)),
    })
}

fn set_runtime(spec: &mut JobSpec, text: &str) -> Result<(), String> {
    spec.runtime = runtime(text)?;
    give(spec, "Runtime");
    Ok(())
}

/// Seconds, or a length of time with units; 0, nothing and `infinite` are none.
pub(super) fn runtime(text: &str) -> Result<Option<Span>, String> {
    let text = text.trim();
    let span = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true if text.is_empty() => None,
        true => parse_span(&format!("{text}s")).map_err(said)?,
        false => parse_span(text).map_err(said)?,
    };
    Ok(span.filter(|span| *span != Span::ZERO))
}

#[cfg(test)]
mod tests {
    use super::super::pairs::Pair;
    use super::super::property::set;
    use super::*;

    fn made(pairs: &[(&str, &str)]) -> Result<JobSpec, String> {
        let mut spec = JobSpec::default();
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|(name, value)| Pair::new(name, *value))
            .collect();
        set(JOB, &mut spec, &pairs).map_err(|problem| problem.detail)?;
        Ok(spec)
    }

    #[test]
    fn names_are_read_in_any_case_and_set_in_an_order_of_their_own() {
        let spec = made(&[
            ("MAXNODES", "4"),
            ("minnodes", "2"),
            ("unittype", "node"),
            ("Priority", "highest"),
            ("RunUntilCanceled", "True"),
            ("NodeGroups", "fast, big"),
            ("Project", "123"),
            ("HasRuntime", "true"),
            ("Runtime", "90"),
            ("MinMemory", "0"),
            ("HoldUntil", "1/1/0001 12:00:00 AM"),
            ("UserName", "HPC\\ann"),
            ("Password", "secret"),
        ]);
        let spec = spec.expect("a job");
        assert_eq!(
            (spec.unit, spec.min, spec.max),
            (Unit::Node, Some(2), Some(4))
        );
        assert_eq!((spec.priority, spec.run_until_canceled), (4_000, true));
        assert_eq!(
            (spec.node_groups, spec.project.as_str()),
            (vec!["fast".into(), "big".into()], "123")
        );
        assert_eq!(
            (spec.runtime, spec.hold_until),
            (Some(Span::from_secs(90)), None)
        );
        assert_eq!(spec.memory_mb_min, None);
        assert!(spec.given.iter().any(|name| name == "MinMemory"));
        assert!(!format!("{:?}", spec.given).contains("secret"));
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        for (name, value, words) in [
            ("Colour", "red", "no property \"Colour\""),
            ("Id", "3", "Id: it cannot be set"),
            ("State", "Running", "cannot be set"),
            ("MinNodes", "2", "UnitType=Node"),
            ("MinCores", "0", "from 1"),
            ("Priority", "4001", "4001"),
            ("IsExclusive", "perhaps", "\"perhaps\" is no value"),
            ("UnitType", "Rack", "\"Rack\""),
            ("HoldUntil", "noon", "\"noon\" is no time"),
            ("ServiceName", "x", "SOA"),
            ("JobType", "Broker", "SOA"),
        ] {
            let error = made(&[(name, value)]).unwrap_err();
            assert!(error.contains(words), "{name}: {error}");
        }
    }

    #[test]
    fn each_property_of_the_kernel_is_here_or_has_other_names() {
        let other = ["MaxUnits", "MinUnits"];
        for property in kernel::PROPERTIES {
            let here = JOB.iter().any(|ours| ours.name == property.name);
            assert!(here || other.contains(&property.name), "{property:?}");
        }
        let mut names: Vec<String> = JOB.iter().map(|p| p.name.to_lowercase()).collect();
        names.sort_unstable();
        assert!(
            names.windows(2).all(|pair| pair[0] != pair[1]),
            "a name is there twice"
        );
    }
}
