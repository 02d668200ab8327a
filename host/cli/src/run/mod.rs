//! `jobyard run`: one job, on this machine, from its file to its table.

pub(crate) mod command;
mod progress;
mod report;
mod stream;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jobyard::jobfile::JobFile;
use jobyard::kernel::{Fact, JobError, JobState};
use jobyard::{Actor, Engine, EngineError, JobId, LocalNode, Notice};
use tokio::signal::unix::SignalKind;

use crate::args::{Common, Format, Run};
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{folders, policy, table};

/// After a job has ended nothing should be left; what is gets this long.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

pub(crate) fn main(args: Run, common: &Common) -> Result<ExitCode, Failure> {
    // A command talks to the terminal as if it ran there; a job file's tasks write to files.
    let direct = args.file.is_none();
    let (what, job) = match &args.file {
        Some(file) => (
            file.display().to_string(),
            JobFile::read(file).map_err(Failure::input)?,
        ),
        None => ("the command".to_string(), command::job(&args.command)?),
    };
    let folder = match &args.output {
        Some(folder) => std::path::absolute(folder).map_err(Failure::input)?,
        None => folders::new_run(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let result = runtime
        .map_err(Failure::work)?
        .block_on(run(&args, common, &what, job, &folder, direct));
    tidy(&folder);
    result
}

/// Folders in which nothing was left are not worth keeping.
fn tidy(folder: &std::path::Path) {
    // Each fails when something is in there, which is the point.
    for name in ["scratch", "output"] {
        let _ = std::fs::remove_dir(folder.join(name));
    }
    let _ = std::fs::remove_dir(folder);
}

async fn run(
    args: &Run,
    common: &Common,
    what: &str,
    job: JobFile,
    folder: &PathBuf,
    direct: bool,
) -> Result<ExitCode, Failure> {
    // Before anything runs: from here on a signal is a request to end it.
    let signals = Signals::listen()?;
    let (engine, node) = engine(args, common, folder).await?;
    let me = Actor::user(user_name());
    let notices = engine.notices();
    let refused = |error: EngineError| Failure::Input(format!("{what}: {error}"));
    let (spec, tasks) = (job.spec, job.tasks);
    let id = engine.submit(&me, spec, tasks).await.map_err(refused)?;
    let impossible = engine.look(move |state, _| match state.job(id)?.error.as_deref() {
        Some(JobError::Invalid(invalid)) => Some(invalid.to_string()),
        _ => None,
    });
    if let Some(reason) = impossible.await.map_err(Failure::work)? {
        return Err(Failure::Input(format!("{what}: {reason}")));
    }

    let mut watch = Watch {
        engine: engine.clone(),
        me,
        id,
        node,
        report: report::Times::default(),
        progress: progress::Bar::new(direct),
        stream: direct.then(stream::Stream::default),
        interrupted: None,
        cancels: 0,
    };
    watch.until_ended(notices, signals).await?;
    let view = engine.job(id).await.map_err(Failure::work)?;
    let Watch {
        report,
        mut stream,
        progress,
        interrupted,
        ..
    } = watch;
    progress.finish();
    if let Some(stream) = &mut stream {
        stream.copy();
    }
    engine.shutdown(SHUTDOWN_GRACE).await;

    let finished = view.state == JobState::Finished.to_string();
    let summary = report::Summary::new(view, &report, folder);
    match args.format {
        Format::Json => println!(
            "{}",
            serde_json::to_string_pretty(&summary).map_err(Failure::work)?
        ),
        Format::Csv => print!("{}", table::csv(&summary.tasks())),
        Format::Table if direct => eprintln!("{}", summary.line()),
        Format::Table => println!("{summary}"),
    }
    Ok(match interrupted {
        Some(signal) => ExitCode::from(128 + signal),
        None if finished => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    })
}

async fn engine(
    args: &Run,
    common: &Common,
    folder: &PathBuf,
) -> Result<(Engine, String), Failure> {
    let chosen = policy::choose(&args.policy)?;
    let mut node = LocalNode::this_machine(folder);
    if let Some(cores) = args.cores {
        node.spec.cores = cores;
    }
    node.config.working_folder = std::env::current_dir().map_err(Failure::work)?;
    node.config.environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    // This process is the node's own: what detaches itself from a task is adopted, and killed with it.
    node.config.subreaper = true;
    let name = node.spec.name.clone();
    let mut builder = Engine::builder()
        .plugin_host(policy::host(common)?)
        .policy(chosen.name, chosen.bytes)
        .node(node);
    if let Some(manifest) = chosen.manifest {
        builder = builder.policy_manifest(manifest);
    }
    for (name, value) in &args.policy.settings {
        builder = builder.setting(name, value);
    }
    let engine = builder.build().await.map_err(Failure::input)?;
    Ok((engine, name))
}

fn user_name() -> String {
    let name = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "user".to_string())
}

/// Follows a job to its end, and cancels it when told to.
struct Watch {
    engine: Engine,
    me: Actor,
    id: JobId,
    node: String,
    report: report::Times,
    progress: progress::Bar,
    stream: Option<stream::Stream>,
    /// The number of the first signal.
    interrupted: Option<u8>,
    cancels: u32,
}

impl Watch {
    async fn until_ended(
        &mut self,
        mut notices: jobyard::Notices,
        mut signals: Signals,
    ) -> Result<(), Failure> {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                notice = notices.next() => match notice {
                    Some(Ok(notice)) => self.notice(notice),
                    // Too much at once: the times are not complete, the state is.
                    Some(Err(_)) => {}
                    None => return Err(Failure::Work("the engine has stopped".into())),
                },
                signal = signals.next() => self.cancel(signal).await,
                _ = beat.tick() => {}
            }
            if let Some(stream) = &mut self.stream {
                stream.copy();
            }
            if self.report.ended {
                return Ok(());
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Event(event) => {
                self.report.note(&event);
                self.progress.show(&self.report);
                if let (Some(stream), Fact::Dispatched { works, .. }) =
                    (&mut self.stream, &event.fact)
                {
                    let attempt = works.first().map(|work| work.execution);
                    stream.follow(attempt.and_then(|e| self.engine.output_files(&self.node, e)));
                }
            }
            Notice::PolicyFault(fault) => self.progress.say(&format!("jobyard: {fault}")),
            Notice::PolicyGuarded(text) => self.progress.say(&format!("jobyard: {text}")),
            Notice::PolicySwitched(switched) => self.progress.say(&format!("jobyard: {switched}")),
            Notice::ProposalRefused(refusal) => {
                self.progress.say(&format!(
                    "jobyard: a proposal of the policy was refused: {refusal}"
                ));
            }
            Notice::FilterFault(fault) => self.progress.say(&format!("jobyard: {fault}")),
            Notice::FilterLog { filter, line } => {
                self.progress
                    .say(&format!("jobyard: filter {filter}: {line}"));
            }
            Notice::PolicyLog(line) => self.progress.say(&format!("jobyard: policy: {line}")),
            Notice::Stopped(error) | Notice::SnapshotFailed(error) => {
                self.progress.say(&format!("jobyard: {error}"))
            }
            Notice::NodeLink { node, text } => {
                self.progress.say(&format!("jobyard: node {node}: {text}"));
            }
            Notice::Output { .. } | Notice::Notification(_) => {}
        }
    }

    /// The first signal cancels with grace, the second at once.
    async fn cancel(&mut self, signal: SignalKind) {
        let (number, message) = match signal == SignalKind::interrupt() {
            true => (2, "interrupted (Ctrl-C)"),
            false => (15, "terminated (SIGTERM)"),
        };
        self.interrupted.get_or_insert(number);
        let forced = self.cancels > 0;
        self.cancels += 1;
        let what = if forced {
            "killing"
        } else {
            "canceling; again to kill at once"
        };
        self.progress.say(&format!("jobyard: {message}, {what}"));
        // Refused only when it has ended or is being killed already.
        let _ = self
            .engine
            .cancel_job(&self.me, self.id, message, forced)
            .await;
    }
}
