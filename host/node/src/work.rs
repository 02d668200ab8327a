//! One piece of work, from its assignment to the moment when nothing of it is left.
//!
//! One tokio task each, made by the desk. What the plugin does in between is the plugin's; what stops it, and what is cleaned
//! up after it, is here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jobyard_kernel::{Assignment, Ending, WorkKind};
use jobyard_plugin::{WorkExit, WorkFailure};
use tokio::sync::watch;

use crate::account::{Account, AccountError, RunAs};
use crate::capture::Capture;
use crate::failure;
use crate::leftovers::{Claim, Groups};
use crate::node::Shared;
use crate::processes::{self, WorkProcesses};
use crate::stop::Stopping;

/// Environment variable with the path of the job's scratch folder on this node.
const SCRATCH: &str = "JOBYARD_SCRATCH";

/// A piece of work that is to be done.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    pub(crate) assignment: Box<Assignment>,
    pub(crate) stopping: Stopping,
    /// Older attempts of it, each closed when it is gone.
    pub(crate) before: Vec<watch::Receiver<()>>,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) ending: Ending,
    pub(crate) output_tail: String,
}

/// How the plugin's call ended.
enum Outcome {
    Returned {
        result: Result<WorkExit, WorkFailure>,
        asked_to_stop: bool,
    },
    Forced,
    OverLimit,
}

impl Work {
    pub(crate) async fn run(mut self) -> Done {
        for older in &mut self.before {
            // Nothing is ever sent: an error says that it is closed.
            while older.changed().await.is_ok() {}
        }
        let Assignment {
            kind,
            ref plugin,
            execution,
            ..
        } = *self.assignment;
        let shared = self.shared.clone();
        let Some((plugin, &limits)) = shared.plugins.get(kind, plugin) else {
            return Done::failed(failure::NOT_GRANTED, self.no_such_plugin());
        };

        let account = match self.account().await {
            Ok(account) => account.map(Arc::new),
            Err(error) => return Done::failed(failure::NOT_GRANTED, error.to_string()),
        };
        self.complete(account.as_deref());
        let scratch = shared.scratch_folder(execution.job);
        if let (WorkKind::Prepare, Some(account)) = (kind, &account)
            && let Err(error) = account.make_folder(&scratch)
        {
            let text = format!(
                "scratch folder `{}` can not be made: {error}",
                scratch.display()
            );
            return Done::failed(failure::INPUT_OUTPUT, text);
        }
        let capture = shared.capture(execution);
        let claim = Claim::new(&shared.run, execution, capture.clone());
        let groups = Arc::new(Groups::new(claim, shared.config.subreaper));
        let Some(_entered) = shared.enter(&groups) else {
            return Done {
                ending: Ending::Stopped { code: None },
                output_tail: String::new(),
            };
        };
        let processes = WorkProcesses {
            spawner: shared.spawner.clone(),
            cpus: match (self.assignment.pinned, self.assignment.shares.first()) {
                (true, Some(share)) => shared.cpus.set(&share.cores),
                (true, None) | (false, _) => shared.cpus.everything(),
            },
            marks: processes::marks(&shared.run, execution),
            groups: groups.clone(),
            capture: capture.clone(),
            folders: vec![scratch.clone()],
            account,
            stopping: self.stopping.clone(),
            told: false,
            waiting: Vec::new(),
        };
        let mut stopping = self.stopping.clone();
        let outcome = tokio::select! {
            biased;
            () = stopping.over() => Outcome::Forced,
            (result, _) = plugin.run(&self.assignment, &scratch, limits, processes) => {
                Outcome::Returned { result, asked_to_stop: self.stopping.is_asked() }
            }
            () = limit(self.assignment.limit_ms) => Outcome::OverLimit,
        };
        let certain = groups.clear().await;
        let output_tail = finish(capture, certain).await;
        Done {
            ending: outcome.ending(self.assignment.limit_ms),
            output_tail,
        }
    }

    /// As whom it runs. Names may come over the network, so a thread asks that may wait.
    async fn account(&self) -> Result<Option<Account>, AccountError> {
        let run_as = self.shared.config.run_as.clone();
        if run_as == RunAs::Node {
            return Ok(None);
        }
        let owner = self.assignment.owner.clone();
        let name = owner.clone();
        let asked = tokio::task::spawn_blocking(move || run_as.account(&owner)).await;
        asked.unwrap_or_else(|error| {
            let source = std::io::Error::other(error);
            Err(AccountError::Lookup { name, source })
        })
    }

    /// Fills in what the node adds: its environment below the job's, the scratch folder, a working folder.
    fn complete(&mut self, account: Option<&Account>) {
        let config = &self.shared.config;
        let scratch = self.shared.scratch_folder(self.assignment.execution.job);
        let assignment = &mut *self.assignment;
        let mut environment: BTreeMap<_, _> = config.environment.iter().cloned().collect();
        if let Some(account) = account {
            let own = account.environment();
            environment.extend(own.map(|(name, value)| (name.to_string(), value)));
        }
        environment.extend(std::mem::take(&mut assignment.environment));
        environment.insert(SCRATCH.to_owned(), scratch.display().to_string());
        assignment.environment = environment.into_iter().collect();
        if assignment.working_folder.is_empty() {
            let folder = match account {
                None => &*config.working_folder,
                Some(account) if account.home.is_dir() => &*account.home,
                Some(_) => Path::new("/"),
            };
            assignment.working_folder = folder.display().to_string();
        }
    }

    fn no_such_plugin(&self) -> String {
        let Assignment { kind, plugin, .. } = &*self.assignment;
        let kind_name = match kind {
            WorkKind::Execute => "executor",
            WorkKind::Prepare => "prepare task",
            WorkKind::Release => "release task",
        };
        let names = self.shared.plugins.names(*kind);
        let there = match names.is_empty() {
            true => "none".to_owned(),
            false => names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let node = &self.shared.config.name;
        format!("node `{node}` has no {kind_name} plugin `{plugin}`; it has {there}")
    }
}

impl Done {
    fn failed(code: u32, text: String) -> Done {
        Done {
            ending: Ending::Failed { code, text },
            output_tail: String::new(),
        }
    }
}

impl Outcome {
    fn ending(self, limit_ms: u64) -> Ending {
        match self {
            Outcome::Returned {
                result: Ok(exit),
                asked_to_stop: true,
            } => Ending::Stopped {
                code: Some(exit.code),
            },
            Outcome::Returned {
                result: Err(_),
                asked_to_stop: true,
            }
            | Outcome::Forced => Ending::Stopped { code: None },
            Outcome::Returned {
                result: Ok(exit),
                asked_to_stop: false,
            } => Ending::Exited { code: exit.code },
            Outcome::Returned {
                result: Err(WorkFailure::Reported { code, text }),
                ..
            } => Ending::Failed { code, text },
            Outcome::Returned {
                result: Err(WorkFailure::Fault(fault)),
                ..
            } => Ending::Failed {
                code: failure::PLUGIN_FAULT,
                text: fault.to_string(),
            },
            Outcome::OverLimit => {
                let text = format!("ran over its limit of {limit_ms} ms and was killed");
                Ending::Failed {
                    code: failure::OVER_LIMIT,
                    text,
                }
            }
        }
    }
}

async fn limit(limit_ms: u64) {
    match limit_ms {
        0 => std::future::pending().await,
        ms => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
}

/// The last of the captured output; files are touched only where there are some.
async fn finish(capture: Arc<Capture>, certain: bool) -> String {
    let tail = match capture.is_silent() {
        true => capture.finish(certain),
        false => {
            let finish = tokio::task::spawn_blocking(move || capture.finish(certain));
            finish
                .await
                .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        }
    };
    tail.unwrap_or_else(|error| format!("[jobyard: the output can not be read: {error}]"))
}
