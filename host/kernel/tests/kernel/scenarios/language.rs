//! The commands of scenario files. Each becomes one kernel command, or shows something of the state.

use std::collections::BTreeSet;
use std::sync::Arc;

use jobyard_kernel::filter::{Change, FilterAnswer, FilterFault};
use jobyard_kernel::{
    Actor, Command, Decision, Ending, Event, Execution, FromNode, GroupOp, Job, JobId, JobKind,
    JobSpec, Manner, NodeProperty, NodeSpec, NodeState, OrderBy, Parameter, Parameters,
    PreemptionType, Rejection, Role, Roles, Rule, Span, State, TaskId, TaskKind, TaskSpec,
    Template, Timestamp, Unit, Value, step,
};

use super::show;
use super::words::{Wrong, node, number, share, span, split};

/// One section of a file: a cluster of its own, from time 0.
pub(crate) struct Play {
    state: State,
    now: Timestamp,
    /// Built from the events alone; always equal to `state`.
    replay: State,
    /// The kinds of refusals that were seen, by the name of their case.
    pub(crate) refused: BTreeSet<String>,
}

type Answers = Result<Vec<String>, Wrong>;

impl Play {
    pub(crate) fn new() -> Self {
        Play {
            state: State::new(),
            now: Timestamp(0),
            replay: State::new(),
            refused: BTreeSet::new(),
        }
    }

    /// One command, with the tasks of a job on further lines, and what it answers.
    pub(crate) fn line(&mut self, text: &str) -> Answers {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let mut words = split(first);
        let mut by = Actor::administrator("root");
        // `as ann operator: cancel 1`
        if words.first().is_some_and(|w| w == "as") {
            let at = words
                .iter()
                .position(|w| w.ends_with(':'))
                .ok_or("`as NAME ROLE:` has no colon")?;
            let who: Vec<String> = words.drain(..=at).collect();
            by = actor(&who[1..])?;
        }
        let verb = words.remove(0);
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        match verb.as_str() {
            "at" => {
                self.now = Timestamp(span(one(&args)?)?.0);
                self.act(Command::Tick)
            }
            "again" => self.act(Command::Tick),
            "show" => Ok(show::job(&self.state, job(one(&args)?)?)),
            "task" => {
                let (job, task, _) = ids(one(&args)?)?;
                Ok(show::task(&self.state, job, task))
            }
            "why" => Ok(vec![self.why(job(one(&args)?)?)]),
            "progress" => Ok(vec![self.progress(job(one(&args)?)?)]),
            "demand" => {
                let id = job(one(&args)?)?;
                let job = self.state.job(id).ok_or("there is no such job")?;
                Ok(vec![format!("job {id} could use {}", job.demand())])
            }
            "env" => {
                let execution = self.execution(args.first().copied().unwrap_or_default())?;
                Ok(show::environment(&self.state, execution, &args[1..]))
            }
            "owed" => Ok(show::owed(&self.state)),
            "questions" => Ok(show::questions(&self.state, &args)),
            "shown" => {
                let number = number(args.first().copied().unwrap_or_default())?;
                Ok(show::shown(&self.state, number, &args[1..]))
            }
            "queue" => {
                let ids: Vec<_> = self.state.queue().map(|j| j.id.to_string()).collect();
                Ok(vec![match ids.is_empty() {
                    true => "the queue is empty".into(),
                    false => format!("queue: {}", ids.join(" ")),
                }])
            }
            "free" => Ok(show::free(&self.state)),
            "accounts" => Ok(show::accounts(&self.state, self.now)),
            "columns" => Ok(show::columns(&self.state, &args.join(","))),
            "due" => Ok(vec![match self.state.next_due() {
                Some(at) => format!("due at {}", Span(at.0)),
                None => "nothing is due".into(),
            }]),
            _ => {
                let command = self.command(&verb, &args, by, lines)?;
                self.act(command)
            }
        }
    }

    fn progress(&self, id: JobId) -> String {
        let job = self.state.job(id);
        let words = |job: &Job| format!("{} % {}", job.progress(), job.spec.progress_message);
        format!(
            "job {id}: {}",
            job.map(words).unwrap_or_default().trim_end()
        )
    }

    fn why(&self, job: JobId) -> String {
        match self.state.why_waiting(job) {
            Some(waiting) => format!("job {job} waits: {} {}", waiting.reason, waiting.text),
            None => format!("job {job} does not wait"),
        }
    }

    fn act(&mut self, command: Command) -> Answers {
        let before = self.state.clone();
        let mut events: Vec<Event> = Vec::new();
        if let Err(rejection) = step(&mut self.state, &command, self.now, &mut events) {
            assert_eq!(self.state, before, "a refusal changes nothing");
            self.refused.insert(case(&rejection));
            return Ok(vec![format!("refused: {rejection}")]);
        }
        self.state.check()?;
        events.iter().for_each(|event| self.replay.apply(event));
        assert_eq!(self.replay, self.state, "replay gives the state");
        Ok(events
            .iter()
            .map(|event| show::event(&self.state, event))
            .collect())
    }

    fn command<'a>(
        &self,
        verb: &str,
        args: &[&str],
        by: Actor,
        tasks: impl Iterator<Item = &'a str>,
    ) -> Result<Command, Wrong> {
        let state = &self.state;
        let first = args.first().copied().unwrap_or_default();
        let rest = args.get(1..).unwrap_or_default();
        let has = |word: &str| rest.contains(&word);
        // `x*321`: a message of 321 characters.
        let message = || {
            let said = rest
                .iter()
                .find(|word| !["forced", "gracefully"].contains(word));
            let said = said.copied().unwrap_or_default();
            match said.split_once('*').map(|(c, n)| (c, n.parse::<usize>())) {
                Some((c, Ok(n))) => c.repeat(n),
                _ => said.to_string(),
            }
        };
        Ok(match verb {
            "parameters" => Command::SetParameters(parameters(state, args)?),
            "parameter" => Command::SetParameter {
                by,
                name: first.into(),
                value: rest.first().map(ToString::to_string),
            },
            "environment" => Command::SetEnvironment {
                by,
                name: first.into(),
                value: rest.first().map(ToString::to_string),
            },
            "template" => Command::SetTemplate {
                by,
                template: Arc::new(template(first, rest, tasks)?),
            },
            "remove-template" => Command::RemoveTemplate {
                by,
                name: first.into(),
            },
            "node" => Command::AddNode(node_spec(first, rest)?),
            "node-state" => Command::SetNodeState {
                by,
                node: node(state, first)?,
                state: match rest {
                    ["offline"] => NodeState::Offline,
                    ["draining"] => NodeState::Draining,
                    ["online"] => NodeState::Online,
                    other => return Err(format!("{other:?} is not a state of a node")),
                },
            },
            "node-lost" | "node-back" => Command::SetNodeReachable {
                node: node(state, first)?,
                reachable: verb == "node-back",
            },
            "node-groups" => Command::SetNodeGroups {
                by,
                node: node(state, first)?,
                groups: rest.iter().map(ToString::to_string).collect(),
            },
            "job" | "queue-job" => {
                let spec = Arc::new(job_spec(JobSpec::default(), args)?);
                let tasks = tasks
                    .map(|line| task_spec(line).map(Arc::new))
                    .collect::<Result<_, _>>()?;
                match verb {
                    "job" => Command::AddJob { by, spec, tasks },
                    _ => Command::QueueJob { by, spec, tasks },
                }
            }
            "clone" => Command::CloneJob {
                by,
                job: job(first)?,
            },
            "modify" => {
                let job = job(first)?;
                let spec = state.job(job).map(|job| (*job.spec).clone());
                Command::ModifyJob {
                    by,
                    job,
                    spec: Arc::new(job_spec(spec.unwrap_or_default(), rest)?),
                }
            }
            "delete" => Command::DeleteJob {
                by,
                job: job(first)?,
            },
            "purge" => match args {
                ["before", at] => Command::PurgeJobs {
                    by,
                    ended_before: Timestamp(span(at)?.0),
                },
                _ => Command::PurgeJob {
                    by,
                    job: job(first)?,
                },
            },
            "add" => Command::AddTasks {
                by,
                job: job(first)?,
                tasks: tasks
                    .map(|line| task_spec(line).map(Arc::new))
                    .collect::<Result<_, _>>()?,
                submit: has("submitted"),
            },
            "submit-task" | "configure-task" => {
                let (job, task, _) = ids(first)?;
                match verb {
                    "submit-task" => Command::SubmitTask { by, job, task },
                    _ => Command::ConfigureTask { by, job, task },
                }
            }
            "modify-task" => {
                let (job, task, _) = ids(first)?;
                let line = tasks.last().ok_or("the task as it shall be is missing")?;
                let spec = Arc::new(task_spec(line)?);
                Command::ModifyTask {
                    by,
                    job,
                    task,
                    spec,
                }
            }
            "submit" => Command::SubmitJob {
                by,
                job: job(first)?,
            },
            "configure" => Command::ConfigureJob {
                by,
                job: job(first)?,
            },
            "cancel" => Command::CancelJob {
                by,
                job: job(first)?,
                message: message(),
                how: match (has("forced"), has("gracefully")) {
                    (true, _) => Manner::Forced,
                    (_, true) => Manner::Graceful,
                    _ => Manner::Normal,
                },
            },
            "finish" => Command::FinishJob {
                by,
                job: job(first)?,
                message: message(),
                graceful: has("gracefully"),
            },
            "requeue" => Command::RequeueJob {
                by,
                job: job(first)?,
            },
            "hold" => Command::HoldJob {
                by,
                job: job(first)?,
                until: match rest {
                    ["until", at] => Some(Timestamp(span(at)?.0)),
                    ["clear"] => None,
                    other => return Err(format!("{other:?} is not `until TIME` or `clear`")),
                },
            },
            "cancel-task" | "finish-task" | "requeue-task" => {
                let (job, task, instance) = ids(first)?;
                match verb {
                    "cancel-task" => Command::CancelTask {
                        by,
                        job,
                        task,
                        instance,
                        message: message(),
                        forced: has("forced"),
                    },
                    "finish-task" => Command::FinishTask {
                        by,
                        job,
                        task,
                        instance,
                        message: message(),
                    },
                    _ => Command::RequeueTask {
                        by,
                        job,
                        task,
                        instance,
                    },
                }
            }
            "conclude" => {
                let (job, task, _) = ids(first)?;
                Command::ConcludeService {
                    by,
                    job,
                    task,
                    stop: has("stop"),
                }
            }
            "filter" => Command::FilterAnswer {
                question: number(first)?,
                answer: filter_answer(rest)?,
            },
            "started" => Command::Report(FromNode::Started {
                execution: self.execution(first)?,
            }),
            "ended" => Command::Report(FromNode::Ended {
                execution: self.execution(first)?,
                ending: ending(rest)?,
                output_tail: String::new(),
            }),
            _ => Command::Propose(self.decision(verb, job(first)?, rest)?),
        })
    }

    fn decision(&self, verb: &str, job: JobId, rest: &[&str]) -> Result<Decision, Wrong> {
        let shares = |words: &[&str]| {
            let read = |word: &&str| share(&self.state, word);
            words.iter().map(read).collect::<Result<Vec<_>, _>>()
        };
        Ok(match (verb, rest) {
            ("start", all) => Decision::Start {
                job,
                shares: shares(all)?,
            },
            ("grow", all) => Decision::Grow {
                job,
                shares: shares(all)?,
            },
            ("shrink", all) => Decision::Shrink {
                job,
                shares: shares(all)?,
            },
            ("preempt", how) => Decision::Preempt {
                job,
                how: how.first().map_or(Ok(1), |how| number(how))?,
                cores: how.get(1).map_or(Ok(0), |cores| number(cores))?,
            },
            ("reserve", ["at", at, all @ ..]) => Decision::Reserve {
                job,
                at: match *at {
                    "never" => f64::INFINITY,
                    "NaN" => f64::NAN,
                    at => span(at)?.0 as f64,
                },
                shares: shares(all)?,
            },
            ("wait", [reason, text]) => Decision::Wait {
                job,
                reason: number(reason)?,
                text: text.to_string(),
            },
            _ => {
                return Err(format!(
                    "\"{verb}\" is not a command, or has the wrong words"
                ));
            }
        })
    }

    /// `1.2.3` is the attempt that runs now, `1.2.3#1` the first.
    fn execution(&self, text: &str) -> Result<Execution, Wrong> {
        let (name, attempt) = match text.split_once('#') {
            Some((name, attempt)) => (name, Some(number(attempt)?)),
            None => (text, None),
        };
        let (job, task, instance) = ids(name)?;
        let instance = instance.unwrap_or(0);
        let run = || {
            let task = self.state.job(job)?.task(task)?;
            task.runs.get(&instance).map(|run| run.attempt)
        };
        Ok(Execution {
            job,
            task,
            instance,
            attempt: attempt.or_else(run).unwrap_or(1),
        })
    }
}

/// `CoresTaken` of `Refused(CoresTaken { .. })`.
fn case(rejection: &Rejection) -> String {
    let text = if let Rejection::Refused(refusal) = rejection {
        format!("{refusal:?}")
    } else {
        format!("{rejection:?}")
    };
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_string()
}

fn one<'a>(args: &[&'a str]) -> Result<&'a str, Wrong> {
    match args {
        [one] => Ok(one),
        other => Err(format!("one word is needed, not {other:?}")),
    }
}

fn job(text: &str) -> Result<JobId, Wrong> {
    number(text).map(JobId)
}

/// `1.2` or `1.2.3`.
fn ids(text: &str) -> Result<(JobId, TaskId, Option<u32>), Wrong> {
    let mut parts = text.split('.');
    let mut next = || parts.next().map(number::<u32>).transpose();
    match (next()?, next()?, next()?) {
        (Some(job), Some(task), instance) => Ok((JobId(job), TaskId(task), instance)),
        _ => Err(format!("\"{text}\" is not JOB.TASK or JOB.TASK.INSTANCE")),
    }
}

fn actor(words: &[String]) -> Result<Actor, Wrong> {
    let words: Vec<&str> = words.iter().map(|w| w.trim_end_matches(':')).collect();
    let role = |word: &str| match word {
        "user" => Ok(Role::User),
        "operator" => Ok(Role::JobOperator),
        "job-administrator" => Ok(Role::JobAdministrator),
        "administrator" => Ok(Role::Administrator),
        other => Err(format!("\"{other}\" is not a role")),
    };
    match &words[..] {
        [] => Err("`as` needs a name".into()),
        [name] => Ok(Actor::user(*name)),
        [name, "nobody"] => Ok(Actor::new(*name, Roles::NONE)),
        [name, roles @ ..] => {
            let roles = roles.iter().map(|word| role(word));
            Ok(Actor::new(*name, roles.collect::<Result<Roles, _>>()?))
        }
    }
}

fn parameters(state: &State, args: &[&str]) -> Result<Parameters, Wrong> {
    let mut p = state.parameters().clone();
    for arg in args {
        match arg.split_once('=') {
            Some(("TaskCancelGracePeriod", v)) => p.task_cancel_grace = span(v)?,
            Some(("NodeReleaseTaskTimeout", v)) => p.node_release_timeout = span(v)?,
            Some(("JobRetryCount", v)) => p.job_retry_count = number(v)?,
            Some(("TaskRetryCount", v)) => p.task_retry_count = number(v)?,
            Some(("ExcludedNodesLimit", v)) => p.excluded_nodes_limit = number(v)?,
            Some(("PreemptionType", v)) => {
                p.preemption = match v {
                    "None" => PreemptionType::None,
                    "Graceful" => PreemptionType::Graceful,
                    "Immediate" => PreemptionType::Immediate,
                    other => return Err(format!("\"{other}\" is no kind of preemption")),
                };
            }
            Some(("TaskImmediatePreemptionEnabled", v)) => {
                p.task_immediate_preemption = v == "yes";
            }
            Some(("AutomaticGrowthEnabled", v)) => p.automatic_growth = v == "yes",
            Some(("AutomaticShrinkEnabled", v)) => p.automatic_shrink = v == "yes",
            Some(("GrowByPreemptionEnabled", v)) => p.grow_by_preemption = v == "yes",
            Some(("DisableResourceValidation", v)) => p.disable_resource_validation = v == "yes",
            Some(("TTLCompletedJobs", v)) => p.ttl_completed_jobs = span(v)?,
            Some((name, v)) => {
                let parameter = Parameter::find(name).map_err(|e| e.to_string())?;
                let set = parameter.set(&mut p, Some(v));
                set.map_err(|e| e.to_string())?;
            }
            None => return Err(format!("\"{arg}\" is not a parameter")),
        }
    }
    Ok(p)
}

fn node_spec(name: &str, args: &[&str]) -> Result<NodeSpec, Wrong> {
    let mut spec = NodeSpec {
        name: name.into(),
        cores: 1,
        sockets: 1,
        gpus: 0,
        memory_mb: 0,
        groups: Vec::new(),
    };
    for arg in args {
        match arg.split_once('=') {
            Some(("cores", v)) => spec.cores = number(v)?,
            Some(("sockets", v)) => spec.sockets = number(v)?,
            Some(("gpus", v)) => spec.gpus = number(v)?,
            Some(("memory", v)) => spec.memory_mb = number(v)?,
            Some(("groups", v)) => spec.groups = v.split(',').map(str::to_string).collect(),
            _ => return Err(format!("\"{arg}\" is not a property of a node")),
        }
    }
    Ok(spec)
}

/// A job as it is, with these properties changed.
fn job_spec(mut s: JobSpec, args: &[&str]) -> Result<JobSpec, Wrong> {
    for arg in args {
        let (key, value) = arg.split_once('=').unwrap_or((arg, ""));
        let yes = || match value {
            "" | "yes" => Ok(true),
            "no" => Ok(false),
            other => Err(format!("\"{other}\" is neither yes nor no")),
        };
        let names = || value.split(',').map(str::to_string).collect();
        match key {
            "name" => s.name = value.into(),
            "project" => s.project = value.into(),
            "owner" => s.owner = value.into(),
            "template" => s.template = value.into(),
            "pool" => s.pool = value.into(),
            "custom" => s.custom_properties = vec![("Site".into(), value.into())],
            "given" => s.given = names(),
            "env" => s.environment = vec![("X".into(), value.into())],
            "min" if value == "auto" => s.min = None,
            "max" if value == "auto" => s.max = None,
            "runtime" if value == "none" => s.runtime = None,
            "excluded-nodes" if value.is_empty() => s.excluded_nodes = Vec::new(),
            "command-job" => s.kind = JobKind::Command,
            "priority" => s.priority = number(value)?,
            "min" => s.min = Some(number(value)?),
            "max" => s.max = Some(number(value)?),
            "exclusive" => s.exclusive = yes()?,
            "single-node" => s.single_node = yes()?,
            "can-preempt" => s.can_preempt = yes()?,
            "can-grow" => s.can_grow = yes()?,
            "can-shrink" => s.can_shrink = yes()?,
            "run-until-canceled" => s.run_until_canceled = yes()?,
            "fail-on-task-failure" => s.fail_on_task_failure = yes()?,
            "fail-dependent-tasks" => s.fail_dependent_tasks = yes()?,
            "task-retry-limit" => s.task_retry_limit = number(value)?,
            "valid-exit-codes" => s.valid_exit_codes = Some(codes(value)?),
            "runtime" => s.runtime = Some(span(value)?),
            "hold-until" => s.hold_until = Some(Timestamp(span(value)?.0)),
            "requested-nodes" => s.requested_nodes = names(),
            "excluded-nodes" => s.excluded_nodes = names(),
            "unit" => s.unit = unit(value)?,
            "groups" => s.node_groups = names(),
            "all-groups" => (s.node_groups, s.node_group_op) = (names(), GroupOp::Intersect),
            "one-group" => (s.node_groups, s.node_group_op) = (names(), GroupOp::Uniform),
            "any-group" => (s.node_groups, s.node_group_op) = (names(), GroupOp::Union),
            "min-memory" => s.memory_mb_min = Some(number(value)?),
            "max-memory" => s.memory_mb_max = Some(number(value)?),
            "min-cores-per-node" => s.cores_per_node_min = Some(number(value)?),
            "max-cores-per-node" => s.cores_per_node_max = Some(number(value)?),
            "order-by" => s.order_by = order_by(value)?,
            "licences" => s.licences = value.into(),
            "process-memory" => s.process_memory_mb = Some(number(value)?),
            "target" if value == "none" => s.target = None,
            "target" => s.target = Some(number(value)?),
            "notify-on-start" => s.notify_on_start = yes()?,
            "notify-on-completion" => s.notify_on_completion = yes()?,
            "email" => s.email = value.into(),
            "progress" if value == "auto" => s.progress = None,
            "progress" => s.progress = Some(number(value)?),
            "progress-message" => s.progress_message = value.into(),
            "parents" => s.parent_jobs = value.split(',').map(job).collect::<Result<_, _>>()?,
            _ => return Err(format!("\"{key}\" is not a property of a job")),
        }
    }
    Ok(s)
}

/// A template: properties in the line, a rule or a node task in each line below it.
fn template<'a>(
    name: &str,
    args: &[&str],
    lines: impl Iterator<Item = &'a str>,
) -> Result<Template, Wrong> {
    let mut template = Template {
        name: name.into(),
        ..Template::default()
    };
    for arg in args {
        match arg.split_once('=') {
            Some(("users", users)) => {
                template.users = Some(users.split(',').map(str::to_string).collect());
            }
            Some(("env", value)) => template.environment = vec![("X".into(), value.into())],
            Some(("pool", pool)) => template.pool = pool.into(),
            Some(("submission", all)) => {
                template.submission_filters = all.split(',').map(str::to_string).collect();
            }
            Some(("activation", all)) => {
                template.activation_filters = all.split(',').map(str::to_string).collect();
            }
            _ => return Err(format!("\"{arg}\" is not a property of a template")),
        }
    }
    for line in lines {
        match line.split(' ').next() {
            Some("prepare") => template.node_prepare = Some(task_spec(line)?),
            Some("release") => template.node_release = Some(task_spec(line)?),
            _ => template.rules.push(rule(line)?),
        }
    }
    Ok(template)
}

/// `Priority default=1000 min=0 max=2000`
fn rule(line: &str) -> Result<Rule, Wrong> {
    let words = split(line);
    let mut rule = Rule {
        property: words.first().cloned().unwrap_or_default(),
        ..Rule::default()
    };
    let one = |text: &str| match (text, text.parse()) {
        ("yes", _) => Value::Flag(true),
        ("no", _) => Value::Flag(false),
        (_, Ok(number)) => Value::Number(number),
        (text, Err(_)) => Value::Text(text.into()),
    };
    for word in &words[1..] {
        match word.split_once('=').unwrap_or((word, "")) {
            ("default", value) => rule.default = Some(one(value)),
            ("read-only", _) => rule.read_only = true,
            ("required", "") => rule.required = true,
            ("required", names) => {
                rule.required_values = names.split(',').map(str::to_string).collect();
            }
            ("min", value) => rule.min = Some(number(value)?),
            ("max", value) => rule.max = Some(number(value)?),
            ("allowed", values) => rule.allowed = values.split(',').map(one).collect(),
            _ => return Err(format!("\"{word}\" is not part of a rule")),
        }
    }
    Ok(rule)
}

/// `task`, `sweep 1-9` or `sweep 1-9/2`, `prepare`, `release`, then properties.
fn task_spec(line: &str) -> Result<TaskSpec, Wrong> {
    let words = split(line);
    let mut t = TaskSpec {
        command_line: "work *".into(),
        ..TaskSpec::default()
    };
    let mut words = words.iter().map(String::as_str);
    t.kind = match words.next() {
        Some("task") => TaskKind::Basic,
        Some("prepare") => TaskKind::NodePrepare,
        Some("release") => TaskKind::NodeRelease,
        Some("service") => TaskKind::Service,
        Some("sweep") => {
            let range = words.next().unwrap_or_default();
            let (range, increment) = range.split_once('/').unwrap_or((range, "1"));
            let (start, end) = range
                .split_once('-')
                .ok_or_else(|| format!("\"{range}\" is not a range like 1-9"))?;
            TaskKind::Sweep {
                start: number(start)?,
                end: number(end)?,
                increment: number(increment)?,
            }
        }
        other => return Err(format!("{other:?} is not a kind of task")),
    };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "name" => t.name = value.into(),
            "after" => t.depends_on = value.split(',').map(str::to_string).collect(),
            "command" => t.command_line = value.into(),
            "min" => t.min = number(value)?,
            "max" => t.max = number(value)?,
            "env" => t.environment = vec![("X".into(), value.into())],
            "runtime" => t.runtime = Some(span(value)?),
            "not-rerunnable" => t.rerunnable = false,
            "exclusive-task" => t.exclusive = true,
            "requires" => t.required_nodes = value.split(',').map(str::to_string).collect(),
            "in-group" => t.node_group = Some(value.into()),
            "valid-exit-codes" => t.valid_exit_codes = Some(codes(value)?),
            "fail-job-on-failures" => t.fail_job_on_failure_count = Some(number(value)?),
            _ => return Err(format!("\"{key}\" is not a property of a task")),
        }
    }
    t.max = t.max.max(t.min);
    Ok(t)
}

fn unit(text: &str) -> Result<Unit, Wrong> {
    Ok(match text {
        "core" => Unit::Core,
        "socket" => Unit::Socket,
        "node" => Unit::Node,
        "gpu" => Unit::Gpu,
        other => return Err(format!("\"{other}\" is not a unit")),
    })
}

/// `cores,-memory`: the most cores first, then the least memory.
fn order_by(text: &str) -> Result<Vec<OrderBy>, Wrong> {
    let one = |word: &str| {
        let property = match word.trim_start_matches('-') {
            "cores" => NodeProperty::Cores,
            "memory" => NodeProperty::Memory,
            other => return Err(format!("nodes are not put in order by \"{other}\"")),
        };
        Ok(OrderBy {
            property,
            fewest_first: word.starts_with('-'),
        })
    };
    text.split(',').map(one).collect()
}

fn codes(text: &str) -> Result<jobyard_kernel::ExitCodes, Wrong> {
    text.parse().map_err(|e| format!("{e}"))
}

/// `accept [NAME=VALUE …]`, `reject [WORDS]`, `start`, `hold-queue`, `keep`, `hold [TIME] [WORDS]`, `fail`, `reverted`, `missing`,
/// `late`, `trap`.
fn filter_answer(words: &[&str]) -> Result<FilterAnswer, Wrong> {
    let said = words.get(1).map(ToString::to_string).unwrap_or_default();
    let fault = |kind| Ok(FilterAnswer::Fault(kind, said.clone()));
    match words {
        ["accept", changes @ ..] => {
            let change = |word: &&str| {
                let (name, value) = word.split_once('=').ok_or("a change is NAME=VALUE")?;
                let (task, name) = match name.split_once(':') {
                    Some((task, name)) => (number(task)?, name),
                    None => (0, name),
                };
                Ok(Change {
                    task,
                    name: name.into(),
                    value: value.into(),
                })
            };
            let changes: Result<Vec<Change>, Wrong> = changes.iter().map(change).collect();
            Ok(FilterAnswer::Accept(changes?))
        }
        ["reject", ..] => Ok(FilterAnswer::Reject(said)),
        ["start"] => Ok(FilterAnswer::Start),
        ["hold-queue", ..] => Ok(FilterAnswer::HoldQueue(said)),
        ["keep", ..] => Ok(FilterAnswer::Keep(said)),
        ["hold", "until", at, rest @ ..] => {
            let said = rest.first().map(ToString::to_string).unwrap_or_default();
            Ok(FilterAnswer::Hold(Some(Timestamp(span(at)?.0)), said))
        }
        ["hold", ..] => Ok(FilterAnswer::Hold(None, said)),
        ["fail", ..] => Ok(FilterAnswer::Fail(said)),
        ["reverted"] => Ok(FilterAnswer::Reverted),
        ["missing", ..] => fault(FilterFault::Missing),
        ["late", ..] => fault(FilterFault::Late),
        ["trap", ..] => fault(FilterFault::Failed),
        other => Err(format!("{other:?} is not what a filter answers")),
    }
}

fn ending(words: &[&str]) -> Result<Ending, Wrong> {
    Ok(match words {
        ["exit", code] => Ending::Exited {
            code: number(code)?,
        },
        ["stopped"] => Ending::Stopped { code: None },
        ["stopped", code] => Ending::Stopped {
            code: Some(number(code)?),
        },
        ["failed", code, text] => Ending::Failed {
            code: number(code)?,
            text: text.to_string(),
        },
        ["lost"] => Ending::Lost,
        other => return Err(format!("{other:?} is not how work ends")),
    })
}
