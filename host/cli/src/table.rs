//! Tables for people, and what stands in their cells.

use comfy_table::{LineStyle, Table, TableStyle};
use jobyard::TaskView;

/// An empty table with a line below its header.
pub(crate) fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header);
    table
}

/// `200 finished, 3 failed`.
pub(crate) fn instances(task: &TaskView) -> String {
    let counts = task.counts;
    let all = [
        (counts.finished, "finished"),
        (counts.failed, "failed"),
        (counts.canceled, "canceled"),
        (counts.running, "running"),
        (counts.queued, "queued"),
    ];
    let some = all
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"));
    some.collect::<Vec<_>>().join(", ")
}

/// The different ones, each once.
pub(crate) fn exit_codes(task: &TaskView) -> String {
    let mut codes: Vec<i32> = task.outcomes.iter().filter_map(|o| o.exit_code).collect();
    codes.sort_unstable();
    codes.dedup();
    let (shown, more) = (codes.iter().take(8), codes.len().saturating_sub(8));
    let mut text = shown.map(i32::to_string).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    if text.is_empty() { "-".into() } else { text }
}

/// A line for each way in which instances did not finish.
pub(crate) fn endings(tasks: &[TaskView]) -> String {
    let mut text = String::new();
    for task in tasks {
        for bad in task.outcomes.iter().filter(|o| o.state != "Finished") {
            let error = task
                .last_error
                .as_ref()
                .map_or(String::new(), |e| format!(": {e}"));
            let of = if bad.instances == "0" {
                String::new()
            } else {
                format!(" instances {}", bad.instances)
            };
            text.push_str(&format!(
                "\ntask {}{of}: {}, {}{error}",
                task.id, bad.state, bad.text
            ));
        }
    }
    text
}
