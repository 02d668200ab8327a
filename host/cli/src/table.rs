//! Tables for people, and what stands in their cells.

use std::io::IsTerminal;

use comfy_table::{Cell, Color, LineStyle, Row, Table, TableStyle};
use jobyard::TaskView;
use serde_json::Value;

/// An empty table with a line below its header.
pub(crate) fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header);
    table
}

/// A header and a line for each row, with commas between the values, as RFC 4180 has it, but with the line ends of this system.
///
/// Jobs bear names that others gave them, and spreadsheets compute what begins with certain signs: such a value gets an apostrophe before
/// it. Whoever needs the text as it is takes JSON.
pub(crate) fn csv(table: &Table) -> String {
    let line = |row: &Row| {
        let values = row.cell_iter().map(|cell| csv_value(cell.content()));
        values.collect::<Vec<_>>().join(",") + "\n"
    };
    let rows = table.header().into_iter().chain(table.row_iter());
    rows.map(line).collect()
}

/// The same of JSON objects: a row each, a column for each key of the first whose values are no lists and no objects.
pub(crate) fn csv_of(objects: &[Value]) -> String {
    let first = objects.first().and_then(Value::as_object);
    let names = first.into_iter().flatten();
    let names = names.filter(|(_, value)| !value.is_array() && !value.is_object());
    let names: Vec<&String> = names.map(|(name, _)| name).collect();
    let mut table = Table::new();
    table.set_header(&names);
    for object in objects {
        table.add_row(names.iter().map(|name| match &object[name.as_str()] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                value.to_string()
            }
        }));
    }
    csv(&table)
}

fn csv_value(text: String) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let computes = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number && text != "-";
    let text = match computes {
        true => format!("'{text}"),
        false => text,
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A state, in colour where somebody looks at it.
pub(crate) fn state(state: &str) -> Cell {
    let cell = Cell::new(state);
    if !is_coloured() {
        return cell;
    }
    match state {
        "Running" | "Online" => cell.fg(Color::Green),
        "Failed" | "Offline" => cell.fg(Color::Red),
        "Canceled" | "Canceling" | "Draining" | "Finishing" => cell.fg(Color::Yellow),
        "Queued" => cell.fg(Color::Cyan),
        _ => cell,
    }
}

/// Whether standard output is a terminal that shows colours, and `NO_COLOR` does not say otherwise (no-color.org).
pub(crate) fn is_coloured() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_commas_are_quoted_and_formulas_are_not_computed() {
        let table = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd", "'+cmd"),
            ("-cores,x", "\"'-cores,x\""),
            ("-1", "-1"),
            ("-", "-"),
            ("+2.5", "+2.5"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(csv_value(text.into()), expected, "{text}");
        }
    }
}
