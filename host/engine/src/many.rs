//! Many jobs in one call with one answer each, under the names that Compute Cluster Pack gave the calls; and what a job can be asked for besides
//! being run.
//!
//! Each call hands all its commands to the loop at once: they share one commit. A refused one does not stop the others.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, Event, Fact, JobId, JobSpec, JobStatus, Manner, TaskId, TaskSpec,
};

use crate::{Engine, EngineError, JobView};

/// A job to be added, with its tasks.
pub type NewJob = (JobSpec, Vec<TaskSpec>);

/// Which jobs are listed; the default lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these coarse states; all when empty.
    pub status: Vec<JobStatus>,
    /// Only jobs of this owner.
    pub owner: Option<String>,
    /// Only jobs with higher ids.
    pub after: Option<JobId>,
    /// At most so many; as many as there are when none.
    pub limit: Option<usize>,
}

/// A job as its command takes it. Whose it is, is said here: for the kernel to say it would take a copy of all the rest.
pub(crate) fn described(
    by: &Actor,
    (mut spec, tasks): NewJob,
) -> (Arc<JobSpec>, Vec<Arc<TaskSpec>>) {
    if spec.owner.is_empty() {
        spec.owner.clone_from(&by.name);
    }
    let tasks = tasks.into_iter().map(Arc::new).collect();
    (Arc::new(spec), tasks)
}

/// The command that adds a job, and that submits it too.
pub fn adding(by: &Actor, new: NewJob, submit: bool) -> Command {
    let (spec, tasks) = described(by, new);
    let by = by.clone();
    match submit {
        true => Command::QueueJob { by, spec, tasks },
        false => Command::AddJob { by, spec, tasks },
    }
}

impl Engine {
    /// AddJobs: adds jobs, which are being configured until they are submitted.
    pub async fn add_jobs(
        &self,
        by: &Actor,
        jobs: impl IntoIterator<Item = NewJob>,
    ) -> Vec<Result<JobId, EngineError>> {
        let add = |new| adding(by, new, false);
        self.ids(jobs.into_iter().map(add).collect()).await
    }

    /// QueueJobs: adds jobs and submits them, in one commit.
    pub async fn queue_jobs(
        &self,
        by: &Actor,
        jobs: impl IntoIterator<Item = NewJob>,
    ) -> Vec<Result<JobId, EngineError>> {
        let queue = |new| adding(by, new, true);
        self.ids(jobs.into_iter().map(queue).collect()).await
    }

    /// SubmitJobs: submits jobs that were added.
    pub async fn submit_jobs(
        &self,
        by: &Actor,
        jobs: impl IntoIterator<Item = JobId>,
    ) -> Vec<Result<(), EngineError>> {
        let submit = |job| Command::SubmitJob {
            by: by.clone(),
            job,
        };
        self.done(jobs.into_iter().map(submit).collect()).await
    }

    /// CancelJobs: cancels jobs, all with one message of at most 320 characters.
    pub async fn cancel_jobs(
        &self,
        by: &Actor,
        jobs: impl IntoIterator<Item = JobId>,
        message: &str,
        how: Manner,
    ) -> Vec<Result<(), EngineError>> {
        let cancel = |job| Command::CancelJob {
            by: by.clone(),
            job,
            message: message.into(),
            how,
        };
        self.done(jobs.into_iter().map(cancel).collect()).await
    }

    /// ListJobs: jobs by id, without their tasks.
    ///
    /// # Errors
    /// The engine has stopped.
    pub async fn list_jobs(&self, filter: JobFilter) -> Result<Vec<JobView>, EngineError> {
        self.look(move |state, _| {
            let jobs = state.jobs_after(filter.after.unwrap_or(JobId(0)));
            let wanted = jobs.filter(|job| {
                (filter.status.is_empty() || filter.status.contains(&job.status()))
                    && filter.owner.as_ref().is_none_or(|o| *o == job.spec.owner)
            });
            wanted
                .take(filter.limit.unwrap_or(usize::MAX))
                .map(|job| JobView::without_tasks(state, job))
                .collect()
        })
        .await
    }

    /// A new job that asks for what another does; it is being configured.
    ///
    /// # Errors
    /// The other is not there, or not theirs.
    pub async fn clone_job(&self, by: &Actor, job: JobId) -> Result<JobId, EngineError> {
        let by = by.clone();
        added(self.command(Command::CloneJob { by, job }).await)
    }

    /// Takes a job out of the queue, or a failed or canceled one up again, to edit it.
    ///
    /// # Errors
    /// It is not there, not theirs, or in another state.
    pub async fn configure_job(&self, by: &Actor, job: JobId) -> Result<(), EngineError> {
        let by = by.clone();
        let done = self.command(Command::ConfigureJob { by, job }).await;
        done.map(drop)
    }

    /// Changes what a job asks for: all of its properties, as they shall be.
    ///
    /// # Errors
    /// It is not there, not theirs, or a property may not change in its state or cannot be that.
    pub async fn modify_job(
        &self,
        by: &Actor,
        job: JobId,
        spec: JobSpec,
    ) -> Result<(), EngineError> {
        let (by, spec) = (by.clone(), Arc::new(spec));
        let done = self.command(Command::ModifyJob { by, job, spec }).await;
        done.map(drop)
    }

    /// Takes away a job that was never submitted.
    ///
    /// # Errors
    /// It is not there, not theirs, or was submitted.
    pub async fn delete_job(&self, by: &Actor, job: JobId) -> Result<(), EngineError> {
        let by = by.clone();
        let done = self.command(Command::DeleteJob { by, job }).await;
        done.map(drop)
    }

    /// Adds tasks to a job that has not finished, and returns their ids. In a job that is in the queue or runs they run once
    /// they are submitted: at once, or with `Command::SubmitTask`.
    ///
    /// # Errors
    /// The job is not there, not theirs, has finished, or a task does not fit it.
    pub async fn add_tasks(
        &self,
        by: &Actor,
        job: JobId,
        tasks: Vec<TaskSpec>,
        submit: bool,
    ) -> Result<Vec<TaskId>, EngineError> {
        let count = tasks.len() as u32;
        let tasks = tasks.into_iter().map(Arc::new).collect();
        let by = by.clone();
        let add = Command::AddTasks {
            by,
            job,
            tasks,
            submit,
        };
        let events = self.command(add).await?;
        let first = events.iter().find_map(|event| {
            if let Fact::TasksAdded { first, .. } = &event.fact {
                Some(first.0)
            } else {
                None
            }
        });
        let first = first.unwrap_or(1);
        Ok((first..first + count).map(TaskId).collect())
    }

    async fn ids(&self, commands: Vec<Command>) -> Vec<Result<JobId, EngineError>> {
        let answers = self.commands(commands).await;
        answers.into_iter().map(added).collect()
    }

    async fn done(&self, commands: Vec<Command>) -> Vec<Result<(), EngineError>> {
        let answers = self.commands(commands).await;
        answers.into_iter().map(|answer| answer.map(drop)).collect()
    }
}

/// The job that the first event is about: the one that was added.
fn added(answer: Result<Vec<Event>, EngineError>) -> Result<JobId, EngineError> {
    let job = answer?.iter().find_map(|event| event.fact.job());
    job.ok_or(EngineError::Stopped)
}
