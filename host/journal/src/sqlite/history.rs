//! The tables `jobs` and `tasks`: written in the transaction of the event that they show, read on a connection of their own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use jobyard_kernel::{Event, Fact, Job, JobId, JobState, Task, TaskState, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};

use super::codec::Codec;
use super::failure::{Failure, damaged};
use super::{components, connect, verify};
use crate::format::encode;
use crate::history::{History, Page, Query, Record, Summary};
use crate::{JournalError, Sequence};

/// What a row of `jobs` has before its checksum and record, in their order.
const COLUMNS: &str = "id, name, project, owner, state, priority, created, submitted, started, ended, error, \
                       error_code, requeues, finished, failed, canceled, archived, format, checksum, record";

/// A row of `jobs`.
#[derive(Debug)]
pub(super) struct JobRow {
    pub(super) summary: Summary,
    pub(super) archived: Sequence,
    format: i64,
    checksum: u32,
    record: Vec<u8>,
}

impl JobRow {
    fn new(job: &Job, archived: Sequence, codec: &Codec) -> Result<Self, JournalError> {
        let record = encode(job, Vec::with_capacity(512));
        let mut row = JobRow {
            summary: Summary::of(job),
            archived,
            format: codec.id(),
            checksum: 0,
            record: record.map_err(|error| JournalError::Storage(error.to_string()))?,
        };
        row.checksum = row.sum();
        Ok(row)
    }

    fn of(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let state: u32 = row.get(4)?;
        let time = |index| -> Result<_, rusqlite::Error> {
            Ok(row.get::<_, Option<u64>>(index)?.map(Timestamp))
        };
        Ok(JobRow {
            summary: Summary {
                id: JobId(row.get(0)?),
                name: row.get(1)?,
                project: row.get(2)?,
                owner: row.get(3)?,
                // Another number makes the checksum wrong.
                state: ended_state(state).unwrap_or(JobState::Configuring),
                priority: row.get(5)?,
                created: Timestamp(row.get(6)?),
                submitted: time(7)?,
                started: time(8)?,
                ended: Timestamp(row.get(9)?),
                error: row.get(10)?,
                error_code: row.get(11)?,
                requeues: row.get(12)?,
                instances: [row.get(13)?, row.get(14)?, row.get(15)?],
            },
            archived: row.get(16)?,
            format: row.get(17)?,
            checksum: row.get(18)?,
            record: row.get(19)?,
        })
    }

    fn sum(&self) -> u32 {
        let job = &self.summary;
        let mut sum = crc32fast::Hasher::new();
        for text in [&job.name, &job.project, &job.owner, &job.error] {
            sum.update(&(text.len() as u64).to_le_bytes());
            sum.update(text.as_bytes());
        }
        let time = |at: Option<Timestamp>| at.map_or(u64::MAX, |at| at.0);
        let numbers = [
            u64::from(job.id.0),
            u64::from(job.state as u32),
            u64::from(job.priority),
            job.created.0,
            time(job.submitted),
            time(job.started),
            job.ended.0,
            job.error_code.map_or(u64::MAX, u64::from),
            u64::from(job.requeues),
            self.archived,
            self.format as u64,
        ];
        for number in numbers.iter().chain(&job.instances) {
            sum.update(&number.to_le_bytes());
        }
        sum.update(&self.record);
        sum.finalize()
    }

    /// Its summary, when it is what was written.
    fn checked(self, path: &Path) -> Result<Self, JournalError> {
        match self.checksum == self.sum() {
            true => Ok(self),
            false => Err(damaged(
                path,
                format!(
                    "job {} of history: the checksum does not fit",
                    self.summary.id
                ),
            )),
        }
    }

    /// The job itself; [`JobRow::checked`] came before.
    pub(super) fn job(
        &self,
        connection: &Connection,
        path: &Path,
        codec: &Codec,
    ) -> Result<Job, JournalError> {
        let place = || format!("job {} of history", self.summary.id);
        let job = codec.decode(connection, path, self.format, &self.record, &place)?;
        // Words and numbers of errors change from version to version: the columns have what theirs said.
        let summary = Summary {
            error: self.summary.error.clone(),
            error_code: self.summary.error_code,
            ..Summary::of(&job)
        };
        match summary == self.summary {
            true => Ok(job),
            false => Err(damaged(
                path,
                format!("{}: its columns are not those of its record", place()),
            )),
        }
    }
}

fn ended_state(number: u32) -> Option<JobState> {
    let ended = [JobState::Finished, JobState::Failed, JobState::Canceled];
    ended.into_iter().find(|&state| state as u32 == number)
}

/// Does to the tables what a batch says. Its first event has this number.
pub(super) fn keep(
    connection: &Connection,
    path: &Path,
    codec: &Codec,
    first: Sequence,
    batch: &[Event],
) -> Result<(), JournalError> {
    let failed = |error: rusqlite::Error| error.at(path);
    for (event, number) in batch.iter().zip(first..) {
        // Events that history shows are few among the others: the rest is not looked at here.
        if let Fact::JobArchived { job } = &event.fact {
            let row = JobRow::new(job, number, codec)?;
            forget(connection, job.id).map_err(failed)?;
            insert(connection, job, &row).map_err(failed)?;
        } else if let Fact::JobRecalled { job } = &event.fact {
            forget(connection, job.id).map_err(failed)?;
        } else if let Fact::HistoryPurged { ended_before } = &event.fact {
            purge(connection, *ended_before).map_err(failed)?;
        }
    }
    Ok(())
}

fn insert(connection: &Connection, job: &Job, row: &JobRow) -> Result<(), rusqlite::Error> {
    let statement = format!(
        "INSERT INTO jobs ({COLUMNS}) VALUES \
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
    );
    let summary = &row.summary;
    connection.prepare_cached(&statement)?.execute(params![
        summary.id.0,
        summary.name,
        summary.project,
        summary.owner,
        summary.state as u32,
        summary.priority,
        summary.created.0,
        summary.submitted.map(|at| at.0),
        summary.started.map(|at| at.0),
        summary.ended.0,
        summary.error,
        summary.error_code,
        summary.requeues,
        summary.instances[0],
        summary.instances[1],
        summary.instances[2],
        row.archived,
        row.format,
        row.checksum,
        row.record,
    ])?;
    let statement = "INSERT INTO tasks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let mut statement = connection.prepare_cached(statement)?;
    for (task, number) in job.tasks.iter().zip(1_u32..) {
        let task = TaskRow::of(task);
        statement.execute(params![
            job.id.0,
            number,
            task.name,
            task.kind,
            task.state,
            task.command_line,
            task.finished,
            task.failed,
            task.canceled,
            task.exit_code,
            task.error,
        ])?;
    }
    Ok(())
}

/// A row of `tasks`, after its job and number: for people, who ask with `sqlite3`. The program itself reads records.
#[derive(Debug, PartialEq, Eq)]
struct TaskRow {
    name: String,
    kind: String,
    state: u32,
    command_line: String,
    finished: String,
    failed: String,
    canceled: String,
    exit_code: Option<i32>,
    error: String,
}

impl TaskRow {
    fn of(task: &Task) -> Self {
        TaskRow {
            name: task.spec.name.clone(),
            kind: kind(task),
            state: task.state(false) as u32,
            command_line: task.spec.command_line.clone(),
            finished: instances(task, TaskState::Finished),
            failed: instances(task, TaskState::Failed),
            canceled: instances(task, TaskState::Canceled),
            exit_code: exit_code(task),
            error: task.last_error.clone().unwrap_or_default(),
        }
    }
}

fn read_task(
    connection: &Connection,
    job: JobId,
    number: u32,
) -> Result<Option<TaskRow>, rusqlite::Error> {
    let row = "SELECT name, kind, state, command_line, finished, failed, canceled, exit_code, error \
               FROM tasks WHERE job = ?1 AND task = ?2";
    let read = |row: &Row<'_>| {
        Ok(TaskRow {
            name: row.get(0)?,
            kind: row.get(1)?,
            state: row.get(2)?,
            command_line: row.get(3)?,
            finished: row.get(4)?,
            failed: row.get(5)?,
            canceled: row.get(6)?,
            exit_code: row.get(7)?,
            error: row.get(8)?,
        })
    };
    let mut statement = connection.prepare_cached(row)?;
    statement.query_row(params![job.0, number], read).optional()
}

/// Its kind, by the name that it has in job files.
fn kind(task: &Task) -> String {
    use serde_json::Value;
    match serde_json::to_value(task.spec.kind) {
        Ok(Value::String(name)) => name,
        Ok(Value::Object(kind)) => kind
            .into_iter()
            .next()
            .map(|(name, _)| name)
            .unwrap_or_default(),
        Ok(_) | Err(_) => String::new(),
    }
}

/// Instances that ended so, as ranges.
fn instances(task: &Task, state: TaskState) -> String {
    let sets = task.outcomes.iter().filter(|(o, _)| o.state() == state);
    let mut all = jobyard_kernel::RangeSet::new();
    sets.for_each(|(_, set)| all.extend(set));
    all.to_string()
}

fn exit_code(task: &Task) -> Option<i32> {
    let mut codes = task.outcomes.keys().map(|outcome| outcome.exit_code());
    let first = codes.next()??;
    codes.all(|code| code == Some(first)).then_some(first)
}

fn forget(connection: &Connection, job: JobId) -> Result<(), rusqlite::Error> {
    let job = [job.0];
    if connection
        .prepare_cached("DELETE FROM jobs WHERE id = ?1")?
        .execute(job)?
        > 0
    {
        connection
            .prepare_cached("DELETE FROM tasks WHERE job = ?1")?
            .execute(job)?;
    }
    Ok(())
}

fn purge(connection: &Connection, ended_before: Timestamp) -> Result<(), rusqlite::Error> {
    let before = [ended_before.0];
    let tasks = "DELETE FROM tasks WHERE job IN (SELECT id FROM jobs WHERE ended < ?1)";
    connection.prepare_cached(tasks)?.execute(before)?;
    let jobs = "DELETE FROM jobs WHERE ended < ?1";
    connection.prepare_cached(jobs)?.execute(before)?;
    Ok(())
}

/// Reads history beside the writer.
#[derive(Debug)]
pub(super) struct SqliteHistory {
    path: PathBuf,
    connection: Connection,
    codec: Codec,
    check: Mutex<Check>,
}

/// Damage to an index could hide a job: before the first list, SQLite compares all indexes with their tables.
#[derive(Debug)]
enum Check {
    Running(JoinHandle<Result<(), JournalError>>),
    Done(Option<String>),
}

impl SqliteHistory {
    pub(super) fn open(path: &Path) -> Result<Self, JournalError> {
        let reader = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            connect(path, flags)
        };
        let connection = reader()?;
        let mut codec = Codec::of::<Job>()?;
        codec.find(&connection).map_err(|error| error.at(path))?;
        let (checker, checked) = (reader()?, path.to_path_buf());
        let check = std::thread::Builder::new()
            .name("jobyard-check".into())
            .spawn(move || verify::structure(&checker, &checked))
            .map_err(|error| JournalError::Io {
                path: path.to_path_buf(),
                error,
            })?;
        Ok(SqliteHistory {
            path: path.to_path_buf(),
            connection,
            codec,
            check: Mutex::new(Check::Running(check)),
        })
    }

    /// Waits for the check, once.
    fn is_sound(&self) -> Result<(), JournalError> {
        let mut check = self.check.lock().unwrap_or_else(|lock| lock.into_inner());
        if let Check::Running(_) = &*check
            && let Check::Running(thread) = std::mem::replace(&mut *check, Check::Done(None))
        {
            let panicked = || JournalError::Storage("the check of history panicked".into());
            let result = thread.join().unwrap_or_else(|_| Err(panicked()));
            *check = Check::Done(result.err().map(|error| error.to_string()));
        }
        match &*check {
            Check::Done(Some(text)) => Err(JournalError::Storage(text.clone())),
            Check::Done(None) | Check::Running(_) => Ok(()),
        }
    }
}

/// A row by the job's id.
pub(super) fn find(
    connection: &Connection,
    path: &Path,
    id: JobId,
) -> Result<Option<JobRow>, JournalError> {
    let statement = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    let row = connection.prepare_cached(&statement).and_then(|mut all| {
        let row = all.query_row([id.0], JobRow::of);
        row.optional()
    });
    let row = row.map_err(|error| error.at(path))?;
    row.map(|row| row.checked(path)).transpose()
}

/// Every row, checked, with its tasks; `fits` says whether it may be there. How many there are.
pub(super) fn all(
    connection: &Connection,
    path: &Path,
    codec: &Codec,
    mut fits: impl FnMut(JobId, Sequence) -> Result<(), String>,
) -> Result<usize, JournalError> {
    let failed = |error: rusqlite::Error| error.at(path);
    let statement = format!("SELECT {COLUMNS} FROM jobs ORDER BY id");
    let mut statement = connection.prepare(&statement).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let (mut count, mut tasks) = (0, 0);
    while let Some(row) = rows.next().map_err(failed)? {
        let row = JobRow::of(row).map_err(failed)?.checked(path)?;
        let job = row.job(connection, path, codec)?;
        fits(job.id, row.archived).map_err(|what| damaged(path, what))?;
        for (task, number) in job.tasks.iter().zip(1_u32..) {
            if read_task(connection, job.id, number).map_err(failed)? != Some(TaskRow::of(task)) {
                let what = format!("task {}.{number} of history is not that of its job", job.id);
                return Err(damaged(path, what));
            }
        }
        tasks += job.tasks.len();
        count += 1;
    }
    let listed: usize = connection
        .query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))
        .map_err(failed)?;
    match listed == tasks {
        true => Ok(count),
        false => Err(damaged(path, "history has tasks without a job")),
    }
}

impl History for SqliteHistory {
    fn job(&self, id: JobId) -> Result<Option<Record>, JournalError> {
        let Some(row) = find(&self.connection, &self.path, id)? else {
            return Ok(None);
        };
        Ok(Some(Record {
            job: Arc::new(row.job(&self.connection, &self.path, &self.codec)?),
            archived: row.archived,
        }))
    }

    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        components::get(&self.connection, &self.path, digest)
    }

    fn jobs(&self, query: &Query) -> Result<Page, JournalError> {
        self.is_sound()?;
        let (condition, values) = condition(query);
        let size = query.page_size();
        let statement = format!(
            "SELECT {COLUMNS} FROM jobs WHERE {condition} ORDER BY ended DESC, id DESC LIMIT {}",
            size + 1
        );
        let rows = self
            .connection
            .prepare_cached(&statement)
            .and_then(|mut all| {
                let rows = all.query_map(params_from_iter(values), JobRow::of)?;
                rows.collect::<Result<Vec<_>, _>>()
            });
        let rows = rows.map_err(|error| error.at(&self.path))?;
        let jobs = rows
            .into_iter()
            .map(|row| row.checked(&self.path).map(|row| row.summary));
        Ok(Page::of(jobs.collect::<Result<_, _>>()?, size))
    }

    fn purge_bound(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Option<Timestamp>, JournalError> {
        let rows = "SELECT ended FROM jobs WHERE ended < ?1 ORDER BY ended, id LIMIT ?2";
        let ended = self.connection.prepare_cached(rows).and_then(|mut all| {
            let rows = all.query_map(params![until.0, limit.max(1)], |row| row.get::<_, u64>(0))?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        let ended = ended.map_err(|error| error.at(&self.path))?;
        let bound = ended.last().map(|&last| Timestamp(last + 1).min(until));
        Ok(bound)
    }
}

fn condition(query: &Query) -> (String, Vec<Value>) {
    let mut parts = vec!["1".to_string()];
    let mut values = Vec::new();
    let mut and = |part: &str, value: Value| {
        values.push(value);
        parts.push(part.replace('?', &format!("?{}", values.len())));
    };
    let number = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    if let Some(owner) = &query.owner {
        and("owner = ?", Value::Text(owner.clone()));
    }
    if let Some(name) = &query.name {
        and("name = ?", Value::Text(name.clone()));
    }
    if let Some(state) = query.state {
        and("state = ?", number(u64::from(state as u32)));
    }
    if let Some(from) = query.ended_from {
        and("ended >= ?", number(from.0));
    }
    if let Some(before) = query.ended_before {
        and("ended < ?", number(before.0));
    }
    if let Some(place) = query.after {
        and("ended <= ?", number(place.ended.0));
        let (ended, job) = (place.ended.0, place.job.0);
        parts.push(format!("(ended < {ended} OR id < {job})"));
    }
    (parts.join(" AND "), values)
}
