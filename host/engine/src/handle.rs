//! The handle that callers hold: commands in, answers and notices out.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use jobyard_journal::history::Page;
use jobyard_journal::{History, JournalError, Query, Record};
use jobyard_kernel::{
    Actor, Command, Event, Execution, JobId, JobSpec, JobState, Manner, Rejection, State, TaskId,
    TaskSpec, Timestamp,
};
use jobyard_node::NodeLink;
use jobyard_plugin::PluginHost;
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};

use crate::archive::{PURGE_AT_ONCE, SharedHistory};
use crate::commit::Store;
use crate::filter_log::FilterLog;
use crate::long::Turn;
use crate::many::described;
use crate::plugins::Running;
use crate::policies::KeptPlan;
use crate::run::{Answering, Request};
use crate::shadow::ShadowLog;
use crate::waiters::{Waiter, Waiters};
use crate::{Builder, EngineError, JobView, Notice, Notices, Stats};

/// A running engine. May be cloned; when the last handle is dropped the engine stops and the nodes of this process
/// kill what runs.
#[derive(Debug, Clone)]
pub struct Engine {
    requests: mpsc::Sender<Request>,
    parts: Parts,
}

/// What a handle has beside the way to the loop; none of it keeps the engine up.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) host: PluginHost,
    pub(crate) nodes: Vec<NodeLink>,
    pub(crate) failure: Arc<OnceLock<String>>,
    pub(crate) history: SharedHistory,
    pub(crate) waiters: Waiters,
    pub(crate) store: Store,
    pub(crate) shadow: ShadowLog,
    pub(crate) filters: FilterLog,
    /// Components beside the built-in ones and the policies.
    pub(crate) running: Arc<[Running]>,
    /// Where the journal is, unless it is in memory.
    pub(crate) folder: Option<PathBuf>,
    /// Simulations cost a core: one is made at a time, and who comes meanwhile waits.
    pub(crate) simulations: Turn,
    /// The plan that was made last; held while one is made.
    pub(crate) plan: Arc<Mutex<Option<KeptPlan>>>,
    /// So do checks and proofs, for minutes: who comes meanwhile is told to come again.
    pub(crate) proofs: Turn,
}

/// A handle that does not keep the engine up.
#[derive(Debug, Clone)]
pub(crate) struct WeakEngine {
    requests: mpsc::WeakSender<Request>,
    parts: Parts,
}

impl WeakEngine {
    /// A handle, if the engine is still there.
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        let (requests, parts) = (self.requests.upgrade()?, self.parts.clone());
        Some(Engine { requests, parts })
    }
}

impl Engine {
    /// Begins to put an engine together.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(requests: mpsc::Sender<Request>, parts: Parts) -> Self {
        Engine { requests, parts }
    }

    pub(crate) fn downgrade(&self) -> WeakEngine {
        let (requests, parts) = (self.requests.downgrade(), self.parts.clone());
        WeakEngine { requests, parts }
    }

    /// Where components are loaded and compiled.
    pub fn plugin_host(&self) -> PluginHost {
        self.parts.host.clone()
    }

    /// Where the journal is, unless it is in memory.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.parts.folder.clone()
    }

    /// The plan that was made last. Who has the lock makes the next.
    pub(crate) fn plan(&self) -> &Mutex<Option<KeptPlan>> {
        &self.parts.plan
    }

    pub(crate) fn simulations(&self) -> &Turn {
        &self.parts.simulations
    }

    pub(crate) fn proofs(&self) -> &Turn {
        &self.parts.proofs
    }

    pub(crate) fn shadow_log(&self) -> &ShadowLog {
        &self.parts.shadow
    }

    pub(crate) fn running(&self) -> &[Running] {
        &self.parts.running
    }

    pub(crate) fn filter_log(&self) -> &FilterLog {
        &self.parts.filters
    }

    /// Tells those who listen.
    pub(crate) fn tell(&self, notice: Notice) {
        // An error means that nobody listens.
        let _ = self.parts.notices.send(notice);
    }

    pub(crate) async fn request(&self, request: Request) -> Result<(), EngineError> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_| self.stopped())
    }

    /// Keeps a policy component with the journal.
    pub(crate) async fn keep_component(
        &self,
        digest: &str,
        bytes: Vec<u8>,
    ) -> Result<(), EngineError> {
        let (store, digest) = (self.parts.store.clone(), digest.to_string());
        let keep = move || store.keep(&digest, &bytes);
        match tokio::task::spawn_blocking(keep).await {
            Ok(Some(kept)) => kept.map_err(|error| EngineError::Journal(error.to_string())),
            Ok(None) | Err(_) => Err(self.stopped()),
        }
    }

    /// A policy component that is kept.
    ///
    /// # Errors
    /// It cannot be read, or the engine has stopped.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let digest = digest.to_string();
        self.read_history(move |history| history.component(&digest))
            .await
    }

    /// Why there is no answer.
    pub(crate) fn stopped(&self) -> EngineError {
        match self.parts.failure.get() {
            Some(text) => EngineError::Journal(text.clone()),
            None => EngineError::Stopped,
        }
    }

    /// Carries a command out and returns its events when they are durable.
    ///
    /// # Errors
    /// The kernel's refusal, or that the engine has stopped. A command whose answer was lost may have been carried out.
    pub async fn command(&self, command: Command) -> Result<Vec<Event>, EngineError> {
        let mut answers = self.commands(vec![command]).await;
        answers.pop().unwrap_or_else(|| Err(self.stopped()))
    }

    /// Carries many commands out, in order, with one answer each; a refused one does not stop the others. What is about a
    /// job of history makes it live first, behind the others.
    pub async fn commands(&self, commands: Vec<Command>) -> Vec<Result<Vec<Event>, EngineError>> {
        let mut results = self.ask(commands.clone()).await;
        for (result, command) in results.iter_mut().zip(commands) {
            while let Err(EngineError::Rejected(Rejection::UnknownJob(id))) = *result {
                match self.recall(id).await {
                    Ok(true) => {
                        let again = self.ask(vec![command.clone()]).await.pop();
                        *result = again.unwrap_or_else(|| Err(self.stopped()));
                    }
                    Ok(false) => break,
                    Err(error) => *result = Err(error),
                }
            }
        }
        results
    }

    /// Carries out a command that is made of the state as it is at that moment: nothing comes in between. It is made again where the job
    /// that it needs has to come from history first.
    ///
    /// # Errors
    /// As [`Engine::command`], and what `make` refuses.
    pub async fn command_of(
        &self,
        make: impl Fn(&State) -> Result<Command, Rejection> + Clone + Send + 'static,
    ) -> Result<Vec<Event>, EngineError> {
        loop {
            let (reply, answer) = oneshot::channel();
            let request = Request::Made(Box::new(make.clone()), reply);
            let sent = self.requests.send(request).await;
            sent.map_err(|_| self.stopped())?;
            match answer.await.unwrap_or_else(|_| Err(self.stopped())) {
                Err(EngineError::Rejected(Rejection::UnknownJob(id))) => {
                    if !self.recall(id).await? {
                        return Err(Rejection::UnknownJob(id).into());
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Lets history forget all jobs that ended before a time. Those that are live are purged with `Command::PurgeJobs`, which also
    /// says who may.
    ///
    /// # Errors
    /// History cannot be read, or the engine has stopped.
    pub async fn purge_history(&self, ended_before: Timestamp) -> Result<(), EngineError> {
        loop {
            let bound = self
                .read_history(move |history| history.purge_bound(ended_before, PURGE_AT_ONCE))
                .await?;
            let Some(ended_before) = bound else {
                return Ok(());
            };
            self.command(Command::PurgeHistory { ended_before }).await?;
        }
    }

    async fn ask(&self, commands: Vec<Command>) -> Vec<Result<Vec<Event>, EngineError>> {
        let (mut asked, mut answers) = (Vec::new(), Vec::new());
        for command in commands {
            let (reply, answer) = oneshot::channel();
            asked.push((command, reply));
            answers.push(answer);
        }
        let mut results = Vec::with_capacity(answers.len());
        // A failed send drops the replies, which shows below.
        let _ = self.requests.send(Request::Commands(asked)).await;
        for answer in answers {
            results.push(answer.await.unwrap_or_else(|_| Err(self.stopped())));
        }
        results
    }

    /// Makes a job of history live again, so that [`Engine::look`] shows it and commands find it; they do so by themselves.
    /// False when history does not have it either.
    ///
    /// # Errors
    /// History cannot be read, or the engine has stopped.
    pub async fn recall(&self, id: JobId) -> Result<bool, EngineError> {
        while let Some(record) = self.record(id).await? {
            let (reply, answer) = oneshot::channel();
            let request = Request::Recall(record, reply);
            let sent = self.requests.send(request).await;
            sent.map_err(|_| self.stopped())?;
            if answer.await.map_err(|_| self.stopped())?? {
                return Ok(true);
            }
        }
        // It may have been recalled by somebody else meanwhile.
        self.look(move |state, _| state.job(id).is_some()).await
    }

    /// Jobs that have ended and left memory, as many as fit on a page: see [`Query`].
    ///
    /// # Errors
    /// History cannot be read.
    pub async fn history(&self, query: Query) -> Result<Page, EngineError> {
        self.read_history(move |history| history.jobs(&query)).await
    }

    /// A job of history as it was when it left memory; none when it is live, or not there.
    ///
    /// # Errors
    /// History cannot be read.
    pub async fn record(&self, id: JobId) -> Result<Option<Record>, EngineError> {
        self.read_history(move |history| history.job(id)).await
    }

    async fn read_history<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn History) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let history = self.parts.history.clone();
        let read = move || read(&**history.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(read).await {
            Ok(result) => result.map_err(|error| EngineError::Journal(error.to_string())),
            Err(_) => Err(self.stopped()),
        }
    }

    /// Adds a job; it is being configured until it is submitted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn add_job(
        &self,
        by: &Actor,
        spec: JobSpec,
        tasks: Vec<TaskSpec>,
    ) -> Result<JobId, EngineError> {
        let (by, (spec, tasks)) = (by.clone(), described(by, (spec, tasks)));
        let events = self.command(Command::AddJob { by, spec, tasks }).await?;
        let added = events.iter().find_map(|event| event.fact.job());
        added.ok_or(EngineError::Stopped)
    }

    /// Submits a job. It may fail validation and be Failed afterwards: its error message says why.
    ///
    /// # Errors
    /// It is not there, not theirs, or not being configured.
    pub async fn submit_job(&self, by: &Actor, job: JobId) -> Result<(), EngineError> {
        self.command(Command::SubmitJob {
            by: by.clone(),
            job,
        })
        .await
        .map(drop)
    }

    /// Adds and submits, in one commit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn submit(
        &self,
        by: &Actor,
        spec: JobSpec,
        tasks: Vec<TaskSpec>,
    ) -> Result<JobId, EngineError> {
        let (by, (spec, tasks)) = (by.clone(), described(by, (spec, tasks)));
        let queue = Box::new(Command::QueueJob { by, spec, tasks });
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request::Submit(queue, reply)).await;
        sent.map_err(|_| self.stopped())?;
        let added = answer.await.map_err(|_| self.stopped())??;
        added.ok_or_else(|| self.stopped())
    }

    /// Cancels a job; the message, of at most 320 characters, becomes its error message. Forced: no grace period, no
    /// node release. Returns when the cancel is durable, not when the job has ended: see [`Engine::wait`].
    ///
    /// # Errors
    /// It is not there, not theirs, not in a state that can be canceled, or the message is too long.
    pub async fn cancel_job(
        &self,
        by: &Actor,
        job: JobId,
        message: &str,
        forced: bool,
    ) -> Result<(), EngineError> {
        let message = message.to_string();
        self.command(Command::CancelJob {
            by: by.clone(),
            job,
            message,
            how: if forced {
                Manner::Forced
            } else {
                Manner::Normal
            },
        })
        .await
        .map(drop)
    }

    /// Ends a job as if it had finished.
    ///
    /// # Errors
    /// As for a cancel; only from Queued and Running.
    pub async fn finish_job(
        &self,
        by: &Actor,
        job: JobId,
        message: &str,
    ) -> Result<(), EngineError> {
        let message = message.to_string();
        self.command(Command::FinishJob {
            by: by.clone(),
            job,
            message,
            graceful: false,
        })
        .await
        .map(drop)
    }

    /// Queues a running, failed or canceled job again.
    ///
    /// # Errors
    /// It is not there, not theirs, or in another state.
    pub async fn requeue_job(&self, by: &Actor, job: JobId) -> Result<(), EngineError> {
        self.command(Command::RequeueJob {
            by: by.clone(),
            job,
        })
        .await
        .map(drop)
    }

    /// Holds a queued or running job until a time, or clears its hold.
    ///
    /// # Errors
    /// Also for a time in the past or more than a year ahead.
    pub async fn hold_job(
        &self,
        by: &Actor,
        job: JobId,
        until: Option<Timestamp>,
    ) -> Result<(), EngineError> {
        self.command(Command::HoldJob {
            by: by.clone(),
            job,
            until,
        })
        .await
        .map(drop)
    }

    /// Cancels a task, or one instance of it.
    ///
    /// # Errors
    /// It is not there, not theirs, or has ended.
    pub async fn cancel_task(
        &self,
        by: &Actor,
        job: JobId,
        task: TaskId,
        instance: Option<u32>,
        forced: bool,
    ) -> Result<(), EngineError> {
        self.command(Command::CancelTask {
            by: by.clone(),
            job,
            task,
            instance,
            message: String::new(),
            forced,
        })
        .await
        .map(drop)
    }

    /// Looks at the state. What it shows is durable when it is returned.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State, &Stats) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |state: &State, stats: &Stats| {
            let seen = look(state, stats);
            let send: Answering = Box::new(move |kept| {
                // Without an answer, the one who asked learns that the engine has stopped.
                if kept.is_ok() {
                    drop(reply.send(seen));
                }
            });
            send
        });
        self.requests
            .send(Request::Look(look))
            .await
            .map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())
    }

    /// A job.
    ///
    /// # Errors
    /// There is none of that id, or the engine has stopped.
    pub async fn job(&self, id: JobId) -> Result<JobView, EngineError> {
        loop {
            let live = self.look(move |state, _| JobView::of(state, id)).await?;
            if let Some(view) = live {
                return Ok(view);
            }
            // What `look` shows is durable, so a job that has left memory is in history.
            if let Some(record) = self.record(id).await? {
                let view = move |state: &State, _: &Stats| JobView::of_job(state, &record.job);
                return self.look(view).await;
            }
            if !self.look(move |state, _| state.job(id).is_some()).await? {
                return Err(EngineError::UnknownJob(id));
            }
        }
    }

    /// Waits until a job has ended and returns it.
    ///
    /// # Errors
    /// There is none of that id, or the engine has stopped.
    pub async fn wait(&self, id: JobId) -> Result<JobView, EngineError> {
        loop {
            let mut waiter = self.parts.waiters.join(id, true);
            let ended =
                move |state: &State, _: &Stats| state.job(id).map(|job| job.state().is_ended());
            // One that is not live any more may be in history.
            if self.look(ended).await?.unwrap_or(true) {
                return self.job(id).await;
            }
            if !waiter.woken().await {
                return Err(self.stopped());
            }
        }
    }

    /// Says whether anything happens to a job from now on: cheaper than to look again and again.
    pub fn watch(&self, id: JobId) -> Waiter {
        self.parts.waiters.join(id, false)
    }

    /// The state of a job.
    ///
    /// # Errors
    /// There is none of that id, or the engine has stopped.
    pub async fn job_state(&self, id: JobId) -> Result<JobState, EngineError> {
        let state = self
            .look(move |state, _| state.job(id).map(jobyard_kernel::Job::state))
            .await?;
        if let Some(state) = state {
            return Ok(state);
        }
        let record = self.record(id).await?;
        let state = record.map(|record| record.job.state());
        state.ok_or(EngineError::UnknownJob(id))
    }

    /// Everything that happens from now on.
    pub fn notices(&self) -> Notices {
        Notices(self.parts.notices.subscribe())
    }

    /// What has been counted since the start.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn stats(&self) -> Result<Stats, EngineError> {
        self.look(|_, stats| stats.clone()).await
    }

    /// Where the captured standard output and standard error of an attempt are, on a node of this machine. A file that
    /// would be empty is not there.
    pub fn output_files(&self, node: &str, execution: Execution) -> Option<(PathBuf, PathBuf)> {
        let node = self.parts.nodes.iter().find(|n| n.name() == node)?;
        Some(node.output_files(execution))
    }

    /// Stops: what runs on nodes of this process is ended, with this grace; then the journal is seen through. What runs in node processes
    /// goes on.
    pub async fn shutdown(self, grace: Duration) {
        let (done, is_done) = oneshot::channel();
        if self
            .requests
            .send(Request::Shutdown(grace, done))
            .await
            .is_ok()
        {
            // An error means that the loop is gone.
            let _ = is_done.await;
        }
    }
}
