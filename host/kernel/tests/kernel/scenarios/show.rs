//! Writes events, jobs, tasks and messages the way scenario files have them.

use jobyard_kernel::filter::{Asks, Holder, Wants};
use jobyard_kernel::{
    Account, Again, Closing, Column, ColumnValues, Columns, Event, Execution, Fact, Grant, JobId,
    Mirror, NodeId, Outcome, Span, State, Task, TaskId, Then, Timestamp, ToNode, Verdict, WorkKind,
};

/// One event on one line.
pub(crate) fn event(state: &State, event: &Event) -> String {
    match &event.fact {
        Fact::ParametersSet(_) => "ParametersSet".into(),
        Fact::TemplateSet(template) => format!("TemplateSet {}", template.name),
        Fact::TemplateRemoved { name } => format!("TemplateRemoved {name}"),
        Fact::NodeAdded { spec, .. } => format!("NodeAdded {}", spec.name),
        Fact::NodeGroupsSet { node, groups } => {
            let groups = if groups.is_empty() {
                "no group".into()
            } else {
                groups.join(", ")
            };
            format!("NodeGroupsSet {} in {groups}", name(state, *node))
        }
        Fact::NodeReachable { node, reachable } => {
            let what = if *reachable { "again" } else { "no longer" };
            format!("NodeReachable {} {what}", name(state, *node))
        }
        Fact::NodeStateChanged { node, state: now } => {
            format!("NodeStateChanged {} {now:?}", name(state, *node))
        }
        Fact::JobAdded { job, tasks, .. } => {
            format!("JobAdded {job} with {}", count(tasks.len(), "task"))
        }
        Fact::JobConfigured { job } => format!("JobConfigured {job}"),
        Fact::JobSubmitted { job, first } => match first {
            true => format!("JobSubmitted {job}, before its equals"),
            false => format!("JobSubmitted {job}"),
        },
        Fact::JobValidated { job, min, max } => {
            let on = on(state, *job);
            format!("JobValidated {job} min {min} max {max}{on}")
        }
        Fact::ParentFinished { job, parent } => {
            format!("ParentFinished {job} waited for {parent}")
        }
        Fact::ScreeningBegun { job, filters } => {
            format!("ScreeningBegun {job} by {}", filters.join(", "))
        }
        Fact::FilterPassed { job } => format!("FilterPassed {job}"),
        Fact::JobRejected { job, error } => {
            format!("JobRejected {job}, error {:#x}: {error}", error.code())
        }
        Fact::RevertEnded { job, question } => format!("RevertEnded {job} (question {question})"),
        Fact::ActivationBegun {
            job,
            grants,
            filters,
            backfill,
        } => {
            let backfill = if *backfill { ", backfill" } else { "" };
            let grants = grants_of(state, grants);
            format!(
                "ActivationBegun {job}{grants} by {}{backfill}",
                filters.join(", ")
            )
        }
        Fact::ActivationAsked { job, filter } => format!("ActivationAsked {job} filter {filter}"),
        Fact::ActivationDeferred {
            job,
            how,
            until,
            said,
        } => {
            let said = if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            };
            format!(
                "ActivationDeferred {job} {how:?} until {}{said}",
                Span(until.0)
            )
        }
        Fact::ActivationDue { job } => format!("ActivationDue {job}"),
        Fact::ActivationDropped { job } => format!("ActivationDropped {job}"),
        Fact::JobInvalid { job, error } => format!("JobInvalid {job}: {error}"),
        Fact::HoldSet { job, until, .. } => match until {
            Some(at) => format!("HoldSet {job} until {}", Span(at.0)),
            None => format!("HoldSet {job} cleared"),
        },
        Fact::WaitExplained { job, waiting } => {
            format!("WaitExplained {job}: {} {}", waiting.reason, waiting.text)
        }
        Fact::Reserved { job, reservation } => match reservation {
            Some(r) => format!("Reserved {job} at {}", Span(r.at.0)),
            None => format!("Reserved {job} no longer"),
        },
        Fact::JobStarted { job, grants } => format!("JobStarted {job}{}", grants_of(state, grants)),
        Fact::JobGrown { job, grants } => format!("JobGrown {job}{}", grants_of(state, grants)),
        Fact::CoresReturned { job, grant } => {
            format!(
                "CoresReturned {job}{}",
                grants_of(state, std::slice::from_ref(grant))
            )
        }
        Fact::JobPreempted { job, giving_back } => match giving_back {
            Some(giving) => {
                let release = if giving.release { "" } else { ", no release" };
                format!(
                    "JobPreempted {job} gives back {} cores{release}",
                    giving.cores
                )
            }
            None => format!("JobPreempted {job} no longer"),
        },
        Fact::ShareClosed { job, node } => format!("ShareClosed {job} {}", name(state, *node)),
        Fact::Dispatched { works, .. } => {
            let works: Vec<_> = works
                .iter()
                .map(|w| format!("{} on{}", execution(w.execution), places(state, &w.places)))
                .collect();
            format!("Dispatched {}", works.join(", "))
        }
        Fact::WorkStarted { execution: e } => format!("WorkStarted {}", execution(*e)),
        Fact::WorkEnded {
            execution: e,
            verdict,
            code,
            error,
        } => {
            let code = code.map_or(String::new(), |code| format!(", exit code {code}"));
            let error = error
                .as_ref()
                .map_or(String::new(), |text| format!(": {text}"));
            format!(
                "WorkEnded {} {}{code}{error}",
                execution(*e),
                self::verdict(*verdict)
            )
        }
        Fact::StopRequested {
            executions,
            cause,
            grace,
            ..
        } => {
            let all: Vec<_> = executions.iter().map(|&e| execution(e)).collect();
            format!(
                "StopRequested {} ({cause:?}, grace {grace})",
                all.join(", ")
            )
        }
        Fact::InstancesCanceled {
            job,
            task,
            instance,
            cause,
        } => {
            let one = instance.map_or(String::new(), |n| format!(".{n}"));
            format!("InstancesCanceled {job}.{task}{one} ({cause:?})")
        }
        Fact::InstancesFailed { job, task, cause } => {
            format!("InstancesFailed {job}.{task} ({cause:?})")
        }
        Fact::TaskRequeued {
            job,
            task,
            instance,
        } => {
            let one = instance.map_or(String::new(), |n| format!(".{n}"));
            format!("TaskRequeued {job}.{task}{one}")
        }
        Fact::TaskRequested {
            job,
            task,
            instance,
            request,
            by,
            message,
        } => {
            let one = instance.map_or(String::new(), |n| format!(".{n}"));
            let said = if message.is_empty() {
                String::new()
            } else {
                format!(": {message}")
            };
            format!("TaskRequested {job}.{task}{one} {request:?} by {by}{said}")
        }
        Fact::JobEnding {
            job,
            closing,
            error,
        } => {
            let error = error.as_ref().map_or(String::new(), |e| e.to_string());
            let colon = if error.is_empty() { "" } else { ": " };
            format!("JobEnding {job} {}{colon}{error}", self::closing(closing))
        }
        Fact::SharesFreed { job, nodes } => {
            let names: Vec<_> = nodes.iter().map(|&n| name(state, n)).collect();
            format!("SharesFreed {job} {}", names.join(" "))
        }
        Fact::JobModified { job, .. } => format!("JobModified {job}{}", on(state, *job)),
        Fact::MaximumChanged { job, max } => format!("MaximumChanged {job} to {max}"),
        Fact::JobDeleted { job } => format!("JobDeleted {job}"),
        Fact::TasksAdded { job, tasks, .. } => {
            format!("TasksAdded {job}: {}", count(tasks.len(), "task"))
        }
        Fact::TaskSubmitted { job, task } => format!("TaskSubmitted {job}.{task}"),
        Fact::TaskConfigured { job, task } => format!("TaskConfigured {job}.{task}"),
        Fact::TaskModified { job, task, .. } => format!("TaskModified {job}.{task}"),
        Fact::JobEnded { job } => format!("JobEnded {job}"),
        Fact::JobPurged { job } => format!("JobPurged {job}"),
        Fact::JobArchived { job } => format!("JobArchived {}", job.id),
        Fact::JobRecalled { job } => format!("JobRecalled {}", job.id),
        Fact::HistoryPurged { ended_before } => format!("HistoryPurged {}", ended_before.0),
        Fact::PolicyStored(policy) => format!("PolicyStored {}", policy.name),
        Fact::PolicyActivated(activation) => format!("PolicyActivated {}", activation.number),
        Fact::ShadowSet(shadow) => format!("ShadowSet {}", shadow.is_some()),
        Fact::CanarySet(canary) => format!("CanarySet {}", canary.is_some()),
        Fact::PolicyPassed(record) => format!("PolicyPassed {}", record.number),
        Fact::PolicyFaulted(fault) => format!("PolicyFaulted {}", fault.name),
        Fact::AnswerKept(answer) => {
            format!("AnswerKept of {} for {}", answer.by, answer.key.as_str())
        }
    }
}

/// The nodes that a job may run on, if not all.
fn on(state: &State, job: JobId) -> String {
    let set = state.job(job).map(|job| job.candidates);
    let set = state.sets().find(|(id, _)| Some(*id) == set);
    set.map_or(String::new(), |(_, set)| {
        let names: Vec<_> = set.nodes.iter().map(|&n| name(state, n)).collect();
        match names.is_empty() {
            true => " on no node yet".into(),
            false => format!(" on {}", names.join(" ")),
        }
    })
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

fn name(state: &State, node: NodeId) -> String {
    let node = state.node(node);
    node.map_or_else(String::new, |node| node.spec.name.clone())
}

/// `1.2`, `1.2.3`, and from the second attempt on `1.2.3#2`.
pub(crate) fn execution(e: Execution) -> String {
    match e.attempt {
        1 => e.of().to_string(),
        n => format!("{}#{n}", e.of()),
    }
}

fn grants_of(state: &State, grants: &[Grant]) -> String {
    grants.iter().fold(String::new(), |text, grant| {
        let gpus = match grant.gpus.is_empty() {
            true => String::new(),
            false => format!(" GPU {}", grant.gpus),
        };
        format!("{text} {}:{}{gpus}", name(state, grant.node), grant.cores)
    })
}

fn places(state: &State, places: &[Grant]) -> String {
    places.iter().fold(String::new(), |text, place| {
        let Grant { node, cores, gpus } = place;
        let colon = if cores.is_empty() { "" } else { ":" };
        let gpus = match gpus.is_empty() {
            true => String::new(),
            false => format!(" GPU {gpus}"),
        };
        format!("{text} {}{colon}{cores}{gpus}", name(state, *node))
    })
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ended(outcome) => self::outcome(outcome),
        Verdict::Again(Again::Failure) => "queued again after a failure".into(),
        Verdict::Again(Again::SystemError) => "queued again after a system error".into(),
        Verdict::Again(Again::Preemption) => "queued again after a preemption".into(),
        Verdict::Again(Again::Request) => "queued again on request".into(),
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Finished { .. } => "Finished".into(),
        Outcome::Failed { cause, .. } => format!("Failed ({cause:?})"),
        Outcome::Canceled { cause } => format!("Canceled ({cause:?})"),
    }
}

fn closing(closing: &Closing) -> String {
    let then = match closing.then {
        Then::Finished => "Finished",
        Then::Failed => "Failed",
        Then::Canceled => "Canceled",
        Then::Queued => "Queued",
    };
    let release = if closing.release { "" } else { ", no release" };
    let grace = closing
        .grace
        .map_or("when all has ended".to_string(), |grace| {
            format!("grace {grace}")
        });
    format!("as {then} ({:?}, {grace}{release})", closing.cause)
}

/// State, status number, counts, error: what a user sees of a job.
pub(crate) fn job(state: &State, id: JobId) -> Vec<String> {
    let Some(job) = state.job(id) else {
        return vec![format!("job {id} is gone")];
    };
    let c = job.counts;
    let mut line = format!("job {id}: {} ({})", job.state(), job.status() as u32);
    for (n, what) in [
        (c.configuring, "configuring"),
        (c.queued, "queued"),
        (c.running, "running"),
        (c.finished, "finished"),
        (c.failed, "failed"),
        (c.canceled, "canceled"),
    ] {
        if n > 0 {
            line.push_str(&format!(", {n} {what}"));
        }
    }
    if job.is_held() {
        line.push_str(if job.is_draining() {
            ", draining"
        } else {
            ", held"
        });
    }
    for (n, what) in [
        (job.requeue_count, "queued again"),
        (job.auto_requeue_count, "by the system"),
    ] {
        if n > 0 {
            line.push_str(&format!(", {what} {}", count(n as usize, "time")));
        }
    }
    if let Some(error) = &job.error {
        line.push_str(&format!(", error {:#x} \"{error}\"", error.code()));
    }
    for (&node, share) in &job.shares {
        line.push_str(&format!("; {}:{}", name(state, node), share.cores));
    }
    vec![line]
}

/// A task's state and its instances by state.
pub(crate) fn task(state: &State, job: JobId, id: TaskId) -> Vec<String> {
    let Some((job, task)) = state.job(job).and_then(|j| Some((j, j.task(id)?))) else {
        return vec![format!("there is no task {job}.{id}")];
    };
    let configuring = job.state() == jobyard_kernel::JobState::Configuring;
    let mut line = format!("task {}.{id}: {}", job.id, task.state(configuring));
    line.push_str(&instances(task));
    if let Some(said) = &task.message {
        line.push_str(&format!("; \"{said}\""));
    }
    vec![line]
}

fn instances(task: &Task) -> String {
    let mut text = String::new();
    if !task.queued.is_empty() {
        text.push_str(&format!("; queued {}", task.queued));
    }
    for (instance, run) in &task.runs {
        let state = task.instance_state(*instance, false);
        let state = state.map_or_else(String::new, |s| s.to_string());
        text.push_str(&format!("; {instance} {state} (attempt {})", run.attempt));
    }
    for (outcome, set) in &task.outcomes {
        let code = outcome
            .exit_code()
            .map_or(String::new(), |c| format!(" exit code {c}"));
        text.push_str(&format!("; {set} {}{code}", self::outcome(*outcome)));
    }
    text
}

/// Free cores, node by node.
pub(crate) fn free(state: &State) -> Vec<String> {
    let line = |node: &jobyard_kernel::Node| {
        let (name, state) = (&node.spec.name, node.state);
        match node.free.is_empty() {
            true => format!("{name} {state:?}: no core is free"),
            false => format!("{name} {state:?}: cores {} are free", node.free),
        }
    };
    state.nodes().map(line).collect()
}

/// What owners have used for their projects, and hold.
pub(crate) fn accounts(state: &State, now: Timestamp) -> Vec<String> {
    let half_life = state.parameters().fair_share_half_life;
    let line = |account: &Account| {
        let (project, owner) = (&account.project, &account.owner);
        let used = account.used_at(now, half_life);
        format!(
            "\"{project}\" {owner}: {used:.3} core-seconds, {} cores",
            account.cores
        )
    };
    state.accounts().map(line).collect()
}

/// What a new instance of a policy is told that asks for these columns.
pub(crate) fn columns(state: &State, names: &str) -> Vec<String> {
    let columns = match Columns::parse(names) {
        Ok(columns) => columns,
        Err(unknown) => return vec![format!("refused: {unknown}")],
    };
    let mut mirror = Mirror::new();
    mirror.wants(columns);
    let told = mirror.take(state).columns;
    let line = |column: &Column| match &column.values {
        ColumnValues::Numbers(numbers) => format!("{}: {numbers:?}", column.name),
        ColumnValues::Texts(texts) => format!("{}: {texts:?}", column.name),
    };
    told.iter().map(line).collect()
}

/// What some variables are for an attempt that is to be started; nothing for one that is not set.
pub(crate) fn environment(state: &State, execution: Execution, names: &[&str]) -> Vec<String> {
    let Some((_, ToNode::Start(work))) = state.message(execution) else {
        return vec!["it is not to be started".into()];
    };
    let line = |name: &&str| {
        let set = work.environment.iter().find(|(known, _)| known == name);
        match set {
            Some((name, value)) => format!("{name}={value}"),
            None => format!("{name} is not set"),
        }
    };
    names.iter().map(line).collect()
}

/// What filters are asked now, with some of what they are shown.
pub(crate) fn questions(state: &State, holders: &[&str]) -> Vec<String> {
    let wants = Wants {
        tasks: true,
        holders: holders.iter().map(ToString::to_string).collect(),
    };
    let line = |number: u64| {
        let question = state.question(number, &wants).expect("an open question");
        let (filter, job) = (&question.filter, question.job.id);
        let what = match question.asks {
            Asks::Submission => "may be queued".into(),
            Asks::Revert => "is to be reverted".into(),
            Asks::Activation(c) => {
                let verb = if c.growing { "grow by" } else { "start with" };
                let holders: Vec<String> = c.holders.iter().map(holder).collect();
                let backfill = if c.backfill { ", backfill" } else { "" };
                let (pass, index, units) = (c.pass, c.index, c.units);
                let holders = match holders.is_empty() {
                    true => String::new(),
                    false => format!("; held: {}", holders.join(", ")),
                };
                format!("may {verb} {units} (pass {pass}, index {index}{backfill}){holders}")
            }
        };
        format!("{number} {filter}: job {job} {what}")
    };
    match state.questions().next() {
        None => vec!["no questions".into()],
        Some(_) => state.questions().map(|(number, ..)| line(number)).collect(),
    }
}

fn holder(holder: &Holder) -> String {
    let properties = holder.properties.iter();
    let properties = properties.map(|(name, value)| format!(" {name}={value}"));
    let properties: String = properties.collect();
    format!("job {} {}{properties}", holder.id, holder.units)
}

/// Some of what a filter is shown of the job that a question is about; all without names.
pub(crate) fn shown(state: &State, number: u64, names: &[&str]) -> Vec<String> {
    let wants = Wants {
        tasks: true,
        ..Wants::default()
    };
    let Some(question) = state.question(number, &wants) else {
        return vec![format!("there is no question {number}")];
    };
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    let own = question.job.properties.iter();
    let own = own.filter(|(name, _)| wanted(name));
    let mut lines: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    for (task, properties) in (1..).zip(&question.job.tasks) {
        let of_task = properties.iter().filter(|(name, _)| wanted(name));
        lines.extend(of_task.map(|(name, value)| format!("task {task} {name}={value}")));
    }
    lines
}

/// The messages that the nodes are owed now.
pub(crate) fn owed(state: &State) -> Vec<String> {
    let message = |e: Execution| {
        let (node, message) = state.message(e).expect("what is owed has a message");
        let node = name(state, node);
        match message {
            ToNode::Start(work) => {
                let verb = match work.kind {
                    WorkKind::Execute => "start",
                    WorkKind::Prepare => "prepare",
                    WorkKind::Release => "release",
                };
                let limit = match work.limit_ms {
                    0 => String::new(),
                    ms => format!(" within {ms} ms"),
                };
                format!(
                    "{node}: {verb} {} `{}`{limit}",
                    execution(e),
                    work.command_line
                )
            }
            ToNode::Stop { grace_ms, .. } => {
                format!("{node}: stop {} after {grace_ms} ms", execution(e))
            }
            ToNode::Forget(_) => format!("{node}: forget {}", execution(e)),
        }
    };
    match state.owed().next() {
        None => vec!["nothing".into()],
        Some(_) => state.owed().map(message).collect(),
    }
}
