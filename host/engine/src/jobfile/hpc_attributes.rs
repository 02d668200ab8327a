//! HPC Pack's names for the properties of jobs and tasks in job XML: which are accepted and mean nothing, and which ask
//! for something that is not served yet. Those that mean something are read in `hpc_job`.

use super::error::{Fault, Problem};
use super::read_xml::Attribute;
use super::suggest::hint;

/// A property that is not served, the values at which it asks for nothing, and what to do instead.
pub(super) struct NotServed {
    name: &'static str,
    harmless: &'static [&'static str],
    instead: &'static str,
}

const fn not_served(
    name: &'static str,
    harmless: &'static [&'static str],
    instead: &'static str,
) -> NotServed {
    NotServed {
        name,
        harmless,
        instead,
    }
}

/// What one kind of element may have.
pub(super) struct Known {
    /// Means something to jobyard.
    pub(super) read: &'static [&'static str],
    /// State that an export has, and what is the client's own: accepted, not applied.
    pub(super) ignored: &'static [&'static str],
    /// Refused unless it asks for nothing.
    pub(super) not_served: &'static [NotServed],
}

const REMOVE: &str = "remove it";
const SOA: &str =
    "SOA sessions and services are not run; use tasks of type Basic or ParametricSweep";

/// What `Job` may have.
pub(super) const JOB: Known = Known {
    read: &[
        "AutoCalculateMax",
        "AutoCalculateMin",
        "CanGrow",
        "CanPreempt",
        "CanShrink",
        "EmailAddress",
        "EstimatedProcessMemory",
        "ExcludedNodes",
        "ExpandedPriority",
        "FailDependentTasks",
        "FailOnTaskFailure",
        "HasRuntime",
        "HoldUntil",
        "IsExclusive",
        "JobTemplate",
        "JobType",
        "MaxCoresPerNode",
        "MaxMemory",
        "MinCoresPerNode",
        "MinMemory",
        "NodeGroupOp",
        "NodeGroups",
        "NotifyOnCompletion",
        "NotifyOnStart",
        "OrderBy",
        "ParentJobIds",
        "SoftwareLicense",
        "MaxCores",
        "MaxGpus",
        "MaxNodes",
        "MaxSockets",
        "MinCores",
        "MinGpus",
        "MinNodes",
        "MinSockets",
        "Name",
        "Owner",
        "Preemptable",
        "Priority",
        "Project",
        "RequestedNodes",
        "RunUntilCanceled",
        "Runtime",
        "RuntimeSeconds",
        "SingleNode",
        "TargetResourceCount",
        "TaskExecutionFailureRetryLimit",
        "UnitType",
        "ValidExitCodes",
    ],
    ignored: &[
        "AllocatedNodes",
        "AutoRequeueCount",
        "CanceledTaskCount",
        "CancelingTaskCount",
        "ChangeTime",
        "ClientSource",
        "ClientSubmitSource",
        "ClusterName",
        "ComputedMaxCores",
        "ComputedMaxNodes",
        "ComputedMaxSockets",
        "ComputedMinCores",
        "ComputedMinNodes",
        "ComputedMinSockets",
        "ConfiguringTaskCount",
        "CreateTime",
        "CurrentCoreCount",
        "CurrentNodeCount",
        "CurrentSocketCount",
        "DispatchingTaskCount",
        "EndTime",
        "EndpointAddresses",
        "ErrorCode",
        "ErrorMessage",
        "ErrorParams",
        "FailedTaskCount",
        "FailureReason",
        "FinishedTaskCount",
        "FinishingTaskCount",
        "Id",
        "ParentJobId",
        "PendingReason",
        "PlannedCoreCount",
        "PreviousState",
        "Progress",
        "ProgressMessage",
        "QueuedTaskCount",
        "RequestCancel",
        "RequeueCount",
        "RunningTaskCount",
        "StartTime",
        "State",
        "SubmitTime",
        "SubmittedTaskCount",
        "TaskCount",
        "TotalCpuTime",
        "TotalKernelTime",
        "TotalUserTime",
        "UserName",
        "ValidatingTaskCount",
        "Version",
        "WaitTime",
    ],
    not_served: &[
        not_served("ChildJobIds", &[], REMOVE),
        not_served(
            "Password",
            &[],
            "a job file is no place for secrets: remove it",
        ),
        not_served("Pool", &["Default"], REMOVE),
        not_served("ServiceName", &[], SOA),
        not_served("ServiceVersion", &[], SOA),
    ],
};

/// What `Task` may have.
pub(super) const TASK: Known = Known {
    read: &[
        "CommandLine",
        "DependsOn",
        "EndValue",
        "FailJobOnFailure",
        "FailJobOnFailureCount",
        "GroupId",
        "HasRuntime",
        "IncrementValue",
        "IsExclusive",
        "IsParametric",
        "IsRerunnable",
        "MaxCores",
        "MaxGpus",
        "MaxNodes",
        "MaxSockets",
        "MinCores",
        "MinGpus",
        "MinNodes",
        "MinSockets",
        "Name",
        "RequestedNodeGroup",
        "RequiredNodes",
        "Runtime",
        "RuntimeSeconds",
        "StartValue",
        "StdErrFilePath",
        "StdInFilePath",
        "StdOutFilePath",
        "Type",
        "ValidExitCodes",
        "WorkDirectory",
    ],
    ignored: &[
        "AllocatedCoreIds",
        "AllocatedCores",
        "AllocatedNodes",
        "AutoRequeueCount",
        "ChangeTime",
        "Closed",
        "CreateTime",
        "EndTime",
        "ErrorCode",
        "ErrorMessage",
        "ErrorParams",
        "ExecutionFailureRetryCount",
        "ExitCode",
        "ExitIfPossible",
        "FailedNodeId",
        "FailureReason",
        "HasCustomProps",
        "Id",
        "InstanceId",
        "InstanceValue",
        "JobTaskId",
        "MemoryUsed",
        "NiceId",
        "Output",
        "ParentJobId",
        "ParentJobState",
        "PendingReason",
        "PreviousExitCode",
        "PreviousState",
        "ProcessIds",
        "RecordId",
        "RequeueCount",
        "StartTime",
        "State",
        "SubmitTime",
        "TaskId",
        "TaskOwner",
        "TaskValidExitCodes",
        "TotalCoreCount",
        "TotalCpuTime",
        "TotalKernelTime",
        "TotalNodeCount",
        "TotalSocketCount",
        "TotalSubTaskNumber",
        "TotalUserTime",
        "UnitType",
        "UserBlob",
        "Version",
    ],
    not_served: &[not_served("IsServiceConcluded", &["false", "0"], SOA)],
};

/// Checks an attribute that is not read.
pub(super) fn check_rest(known: &Known, attribute: &Attribute) -> Result<(), Fault> {
    let Attribute { at, name, value } = attribute;
    let refuse = |instead: &str| {
        Err(Fault::new(
            *at,
            Problem::NotServed {
                name: name.clone(),
                value: match name.as_str() {
                    "Password" => "…".into(),
                    _ => value.clone(),
                },
                instead: instead.into(),
            },
        ))
    };
    if known.ignored.contains(&name.as_str()) {
        return Ok(());
    }
    if let Some(found) = known.not_served.iter().find(|n| n.name == name) {
        let harmless = found.harmless.iter().any(|h| h.eq_ignore_ascii_case(value));
        return match harmless || value.is_empty() {
            true => Ok(()),
            false => refuse(found.instead),
        };
    }
    let mut names = known.read.to_vec();
    names.extend(known.not_served.iter().map(|n| n.name));
    Err(Fault::new(
        *at,
        Problem::Unknown {
            what: "attribute",
            name: name.clone(),
            hint: hint(name, &names),
        },
    ))
}
