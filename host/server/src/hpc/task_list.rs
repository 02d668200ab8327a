//! `GET /hpc/jobs/{jobId}/tasks`: tasks and sub-tasks by `$filter`, sorted by any property, some rows at a time.

use axum::extract::State;
use jobyard::kernel::{self, Execution, Job, Task, TaskKind};
use jobyard::{JobId, TaskId};

use super::answer::Answer;
use super::filter::TaskFilter;
use super::output;
use super::paging::{From, Row, part};
use super::pairs::{Object, Pair};
use super::property::{find, pair, select};
use super::query::{Query, bad};
use super::task_properties::{LISTED, OUTPUT, TASK, TaskOf, TaskProperty};
use crate::Problem;
use crate::app::App;
use crate::body::JobPath;
use crate::caller::Caller;

/// Tasks and sub-tasks that a list may have.
const LISTED_MAX: usize = 200_000;
/// Of those, how many are looked through at a time: others want to look too.
const LOOK_MAX: usize = 20_000;
/// Tasks whose properties are read at a time.
const SHOW_MAX: usize = 500;

/// What is asked of tasks, and what they are sorted by.
#[derive(Clone)]
struct Wanted {
    filter: TaskFilter,
    sorted_by: Option<&'static TaskProperty>,
    /// Sub-tasks in the place of tasks that have them.
    expand: bool,
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    query: Query,
) -> Result<Answer, Problem> {
    let selected = select(TASK, query.names("properties"), Some(LISTED))?;
    let filter = query.text("$filter").unwrap_or_default();
    let wanted = Wanted {
        filter: TaskFilter::parse(filter).map_err(|error| bad("$filter", error))?,
        // By id where there is no such property, as HPC Pack does. The order of ids is that of their rows.
        sorted_by: query.text("sortTasksBy").and_then(|name| find(TASK, name)),
        expand: query.flag("expandParametric", true)?,
    };
    let rows = rows(&app, &caller, id, &wanted).await?;
    let part = part(rows, query.flag("asc", true)?, query.from(), query.rows()?);
    let mut objects = Vec::with_capacity(part.rows.len());
    for some in part.rows.chunks(SHOW_MAX) {
        let ids = some.iter().filter_map(|row| match row.id[..] {
            [task, instance] => Some((TaskId(task), (instance > 0).then_some(instance))),
            _ => None,
        });
        let shown = show(&app, &caller, id, ids.collect(), &selected, true).await?;
        objects.extend(shown.into_iter().map(|properties| Object { properties }));
    }
    let answer = Answer::new("Object", objects);
    Ok(match query.from() {
        From::Row(_) => answer.counting(part.count),
        From::Start | From::Behind(_) => {
            let last = part.rows.last().filter(|_| part.more).cloned();
            answer.going_on_with(last.map(|row| query.cursor(row.key, row.id).text()))
        }
    })
}

/// The task, and the instance from which on to look.
type At = (usize, u32);

async fn rows(app: &App, caller: &Caller, id: JobId, wanted: &Wanted) -> Result<Vec<Row>, Problem> {
    let mut rows = Vec::new();
    let mut at = Some((0, 0));
    while let Some(from) = at {
        let (caller, wanted) = (caller.clone(), wanted.clone());
        let read = move |state: &kernel::State, job: &Job| {
            caller.may_look_at(job, "the tasks")?;
            Ok::<_, Problem>(wanted.look(state, job, from))
        };
        let (some, next) = app.job(id, read).await??;
        rows.extend(some);
        if rows.len() > LISTED_MAX {
            let detail = format!(
                "more than {LISTED_MAX} sub-tasks fit: ask with expandParametric=false, or for fewer with $filter"
            );
            return Err(Problem::bad("TooManyTasks", detail));
        }
        at = next;
    }
    Ok(rows)
}

impl Wanted {
    /// Those that fit from there on, and where to go on.
    fn look(&self, state: &kernel::State, job: &Job, from: At) -> (Vec<Row>, Option<At>) {
        let mut rows = Vec::new();
        let mut count = 0;
        for (index, task) in job.tasks.iter().enumerate().skip(from.0) {
            let id = TaskId(index as u32 + 1);
            let is = |ids: &Vec<u32>| ids.contains(&id.0);
            if !self.filter.tasks.as_ref().is_none_or(is) {
                continue;
            }
            let first = if index == from.0 { from.1 } else { 0 };
            let mut instances = self
                .instances(task)
                .skip_while(|&instance| instance < first);
            for instance in instances.by_ref() {
                if count == LOOK_MAX {
                    return (rows, Some((index, instance)));
                }
                count += 1;
                let instance = (instance > 0).then_some(instance);
                let of = TaskOf {
                    state,
                    job,
                    id,
                    task,
                    instance,
                };
                if self.takes(&of) {
                    let key = self.sorted_by.and_then(|property| (property.show)(&of));
                    rows.push(Row {
                        key,
                        id: vec![id.0, instance.unwrap_or(0)],
                    });
                }
            }
        }
        (rows, None)
    }

    /// The ids of the rows of a task, ascending: 0 for the whole.
    fn instances(&self, task: &Task) -> Box<dyn Iterator<Item = u32>> {
        if !self.expand || task.spec.kind == TaskKind::Basic {
            return Box::new(std::iter::once(0));
        }
        if let Some((first, last)) = task.spec.kind.instances() {
            return Box::new(first..=last);
        }
        // Those of services and node tasks are made as they are needed.
        let ended = task.outcomes.values().flat_map(|set| set.iter());
        let mut all: Vec<u32> = ended
            .chain(task.runs.keys().copied())
            .chain(task.queued.iter())
            .collect();
        all.sort_unstable();
        Box::new(all.into_iter())
    }

    fn takes(&self, of: &TaskOf<'_>) -> bool {
        let instance = of.instance.unwrap_or(0);
        let is = |ids: &Vec<u32>| ids.contains(&instance);
        self.filter.states & of.task_state() as u32 != 0
            && self.filter.instances.as_ref().is_none_or(is)
            && self
                .filter
                .changed_from
                .is_none_or(|from| of.changed() >= from)
    }
}

/// The properties of tasks and sub-tasks, in this order. One that is not there is left out.
pub(super) async fn show(
    app: &App,
    caller: &Caller,
    id: JobId,
    tasks: Vec<(TaskId, Option<u32>)>,
    selected: &[&'static TaskProperty],
    by_name: bool,
) -> Result<Vec<Vec<Pair>>, Problem> {
    let (caller, properties) = (caller.clone(), selected.to_vec());
    let read = move |state: &kernel::State, job: &Job| {
        caller.may_look_at(job, "the tasks")?;
        let one = |&(id, instance): &(TaskId, Option<u32>)| {
            let task = job.task(id)?;
            if instance.is_some_and(|instance| !task.has(instance)) {
                return None;
            }
            let of = TaskOf {
                state,
                job,
                id,
                task,
                instance,
            };
            let values = properties.iter().map(|property| (property.show)(&of));
            Some((values.collect::<Vec<_>>(), output_of(&of)))
        };
        Ok::<_, Problem>(tasks.iter().filter_map(one).collect::<Vec<_>>())
    };
    let mut shown = Vec::new();
    for (values, written) in app.job(id, read).await?? {
        let mut pairs = Vec::with_capacity(values.len());
        for (property, mut value) in selected.iter().zip(values) {
            if let Some((execution, runs)) = written.filter(|_| property.name == OUTPUT) {
                value = output::of(app, execution, runs).await;
            }
            pairs.extend(pair(property.name, value, by_name));
        }
        shown.push(pairs);
    }
    Ok(shown)
}

/// Which attempt's output is its output, and whether it still runs; none where there are several.
fn output_of(of: &TaskOf<'_>) -> Option<(Execution, bool)> {
    let instance = of.one()?;
    let (attempt, ended) = crate::output::latest(of.task, instance);
    let execution = Execution {
        job: of.job.id,
        task: of.id,
        instance,
        attempt,
    };
    Some((execution, !ended))
}
