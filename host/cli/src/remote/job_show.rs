//! Jobs as text for people.

use comfy_table::{Cell, CellAlignment, Table};
use jobyard::kernel::limits::UNITS_MAX;
use jobyard::{JobView, TaskView};

use super::show::{Shown, time};
use crate::table::{self, exit_codes, instances};

/// `job 7 primes: Failed: task 1 failed: exit code 3`.
pub(crate) fn line(job: &JobView) -> String {
    let name = spaced(&job.name);
    let error = match job.error_message.is_empty() {
        true => String::new(),
        false => format!(": {}", job.error_message),
    };
    format!("job {}{name}: {}{error}", job.id, job.state)
}

/// With a space before it, if there is any.
pub(super) fn spaced(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!(" {text}"),
    }
}

/// A job on one line, or as a row.
pub(crate) fn one(job: &JobView) -> Shown {
    Shown::from(list(std::slice::from_ref(job))).saying(line(job))
}

/// A table with a row for each job.
pub(crate) fn list(jobs: &[JobView]) -> Table {
    let mut table = table::new(&[
        "job",
        "name",
        "owner",
        "state",
        "priority",
        "cores",
        "done",
        "submitted",
        "why",
    ]);
    for job in jobs {
        let counts = job.counts;
        let done = counts.finished + counts.failed + counts.canceled;
        let all = done + counts.queued + counts.running;
        let why = match &job.waiting {
            Some(waiting) => waiting.text.clone(),
            None => job.error_message.clone(),
        };
        table.add_row([
            number(job.id),
            Cell::new(&job.name),
            Cell::new(&job.owner),
            table::state(&job.state),
            number(job.priority),
            Cell::new(cores(job)),
            Cell::new(format!("{done}/{all}")).set_alignment(CellAlignment::Right),
            Cell::new(time(&job.submitted)),
            Cell::new(why),
        ]);
    }
    table
}

/// What it asked for, with what it counts where that is not cores; a dash before it is known.
fn cores(job: &JobView) -> String {
    let range = match (job.min_cores, job.max_cores) {
        (_, 0) => return "-".into(),
        (min, max) if min == max => max.to_string(),
        // As many as there are.
        (min, UNITS_MAX) => format!("{min}-*"),
        (min, max) => format!("{min}-{max}"),
    };
    match job.unit.as_str() {
        "" | "core" => range,
        "gpu" => format!("{range} GPUs"),
        unit => format!("{range} {unit}s"),
    }
}

fn number(value: impl ToString) -> Cell {
    Cell::new(value.to_string()).set_alignment(CellAlignment::Right)
}

/// All of a job, with its first tasks; as rows, its tasks.
pub(crate) fn view(job: &JobView, more_tasks: bool) -> Shown {
    let mut lines = vec![line(job)];
    let mut say = |what: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{what:<12}{text}"));
        }
    };
    let on = |a: &jobyard::AllocationView| format!("{} cores {}", a.node, a.cores);
    say("owner", job.owner.clone());
    say("project", job.project.clone());
    say("template", job.template.clone());
    say("pool", job.pool.clone());
    say("priority", job.priority.to_string());
    let message = spaced(&job.progress_message);
    say("progress", format!("{} %{message}", job.progress));
    let told = [
        (job.notify_on_start, "start"),
        (job.notify_on_completion, "end"),
    ];
    let told: Vec<&str> = told
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| *what)
        .collect();
    if !told.is_empty() {
        say(
            "told of",
            format!("{}{}", told.join(" and "), spaced(&job.email)),
        );
    }
    say("cores", cores(job));
    say(
        "on",
        job.allocation.iter().map(on).collect::<Vec<_>>().join(", "),
    );
    for (what, at) in [
        ("created", &job.created),
        ("submitted", &job.submitted),
        ("started", &job.started),
        ("ended", &job.ended),
        ("held until", &job.hold_until),
        ("expected", &job.expected_start),
    ] {
        say(what, at.clone().unwrap_or_default());
    }
    if let Some(waiting) = &job.waiting {
        say("waiting", waiting.text.clone());
    }
    if job.requeue_count > 0 {
        say("requeued", format!("{} times", job.requeue_count));
    }
    let mut text = lines.join("\n");
    if !job.tasks.is_empty() {
        text.push('\n');
        text.push_str(&tasks(job.id, &job.tasks).text);
    }
    if more_tasks {
        text.push_str("\n… and more tasks: see `jobyard task list`");
    }
    let rows = tasks(job.id, &job.tasks);
    rows.saying(text).called([job.id.to_string()])
}

/// A table with a row for each task, and what did not finish below it.
pub(crate) fn tasks(job: u32, tasks: &[TaskView]) -> Shown {
    let mut table = table::new(&["task", "name", "kind", "state", "instances", "exit codes"]);
    for task in tasks {
        table.add_row([
            number(task.id),
            Cell::new(&task.name),
            Cell::new(&task.kind),
            table::state(&task.state),
            Cell::new(instances(task)),
            Cell::new(exit_codes(task)),
        ]);
    }
    let text = format!("{table}{}", table::endings(tasks));
    let ids = tasks.iter().map(|task| format!("{job}.{}", task.id));
    Shown::from(table).saying(text).called(ids)
}
