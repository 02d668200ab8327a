//! How it looks.

use jiff::Timestamp;
use jobyard::JobView;
use jobyard::kernel::Span as Length;
use jobyard_server::nodes::NodeView;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::screen::{Pane, Screen, rows as rows_of};

const KEYS: &str = " Tab list  ↑↓ row  PgUp/PgDn page  Home/End  Enter job  c cancel  q end";
const KEYS_OF_JOB: &str = " Esc back  c cancel  q back";
/// Columns of the bar of a node and of a job.
const NODE_BAR: usize = 20;
const JOB_BAR: usize = 10;
/// A screen of fewer columns shows less of each: names and reasons need the place.
const WIDE: u16 = 110;

/// All of it.
pub(crate) fn draw(frame: &mut Frame<'_>, screen: &mut Screen) {
    let parts = screen.parts(frame.area());
    frame.render_widget(summary(screen), parts.summary);
    match screen.job {
        Some(job) => {
            let mut area = frame.area();
            area.y += 1;
            area.height = area.height.saturating_sub(2);
            in_full(frame, screen, job, area);
        }
        None => {
            nodes(frame, screen, parts.nodes);
            running(frame, screen, parts.running);
            queue(frame, screen, parts.queued);
        }
    }
    frame.render_widget(foot(screen), parts.foot);
}

fn summary(screen: &Screen) -> Line<'static> {
    let numbers = &screen.seen.numbers;
    let nodes = &screen.seen.nodes;
    let cores: u64 = nodes.iter().map(|node| u64::from(node.cores)).sum();
    let free: u64 = nodes.iter().map(|node| u64::from(node.free_cores)).sum();
    let online = nodes.iter().filter(|node| is_well(node)).count();
    // What matters most comes first: narrow screens cut the rest.
    Line::from(format!(
        " {} of {cores} cores busy, {online} of {} nodes online; {} running, {} queued; policy {}; {} finished, {} failed, {} canceled",
        cores - free,
        nodes.len(),
        numbers.running,
        numbers.queued,
        numbers.policy,
        numbers.finished,
        numbers.failed,
        numbers.canceled,
    ))
    .style(Modifier::BOLD)
}

fn foot(screen: &Screen) -> Line<'static> {
    let bold = Style::from(Modifier::BOLD);
    match (screen.confirm, screen.message.as_str(), screen.job) {
        (Some(job), _, _) => Line::styled(format!(" cancel job {job}? y for yes"), bold),
        (None, "", Some(_)) => Line::from(KEYS_OF_JOB),
        (None, "", None) => Line::from(KEYS),
        (None, message, _) => Line::styled(format!(" {message}"), bold),
    }
}

fn nodes(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let all = &screen.seen.nodes;
    let has_gpus = all.iter().any(|node| node.gpus > 0);
    let columns = match area.width < WIDE {
        true => NODE_BAR / 2,
        false => NODE_BAR,
    };
    let rows = all.iter().map(|node| {
        let busy = node.cores - node.free_cores.min(node.cores);
        let gpus = node.gpus - node.free_gpus.min(node.gpus);
        let gpus = has_gpus.then(|| match node.gpus {
            0 => String::new(),
            all => format!("{gpus} of {all}"),
        });
        let state = match node.reachable {
            true => node.state.as_str(),
            false => "Unreachable",
        };
        let mut cells = vec![
            Cell::from(node.name.clone()),
            state_cell(screen, state),
            Cell::from(bar(u64::from(busy), u64::from(node.cores), columns)),
            right(format!("{busy} of {}", node.cores)),
        ];
        cells.extend(gpus.map(right));
        cells.push(right(node.jobs.len().to_string()));
        cells.push(Cell::from(node.groups.join(", ")));
        Row::new(cells)
    });
    let columns = u16::try_from(columns).unwrap_or(u16::MAX);
    let mut table = Columns::default();
    table.add("node", Constraint::Fill(2));
    table.add("state", Constraint::Length(11));
    table.add("cores", Constraint::Length(columns));
    table.add("", Constraint::Length(10));
    if has_gpus {
        table.add("GPUs", Constraint::Length(8));
    }
    table.add("jobs", Constraint::Length(5));
    table.add("groups", Constraint::Fill(2));
    let (row, count) = (screen.nodes.row, all.len());
    let room = usize::from(rows_of(area)).max(1);
    // The row stays in sight in a list that is longer than its place.
    let first = row.saturating_sub(room - 1);
    let title = match count > room {
        true => format!("nodes: {} to {} of {count}", first + 1, first + room),
        false => "nodes".into(),
    };
    let table = list(screen, Pane::Nodes, rows, table, title);
    let mut state = TableState::new().with_selected(selected(screen, Pane::Nodes, row));
    *state.offset_mut() = first;
    frame.render_stateful_widget(table, area, &mut state);
}

fn running(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let now = Timestamp::now();
    let is_wide = area.width >= WIDE;
    let rows = screen.seen.running.jobs.iter().map(|job| {
        let counts = job.counts;
        let done = counts.finished + counts.failed + counts.canceled;
        let all = done + counts.running + counts.queued;
        let (part, whole) = match job.progress {
            0 => (done, all),
            percent => (u64::from(percent), 100),
        };
        let bar = is_wide.then(|| Cell::from(bar(part, whole, JOB_BAR)));
        let on = job.allocation.iter().map(|a| a.node.as_str());
        let mut cells = vec![
            right(job.id.to_string()),
            Cell::from(job.name.clone()),
            Cell::from(job.owner.clone()),
            state_cell(screen, &job.state),
        ];
        cells.extend(bar);
        cells.push(right(format!("{done}/{all}")));
        cells.push(right(since(job, now)));
        cells.push(Cell::from(on.collect::<Vec<_>>().join(", ")));
        Row::new(cells)
    });
    let mut table = Columns::default();
    table.add("job", Constraint::Length(7));
    table.add("name", Constraint::Fill(2));
    table.add("owner", Constraint::Length(if is_wide { 12 } else { 8 }));
    table.add("state", Constraint::Length(9));
    if is_wide {
        table.add("tasks done", Constraint::Length(JOB_BAR as u16));
        table.add("", Constraint::Length(11));
    } else {
        table.add("done", Constraint::Length(7));
    }
    table.add("for", Constraint::Length(9));
    table.add("on", Constraint::Fill(3));
    jobs(frame, screen, Pane::Running, (rows, table), area);
}

fn queue(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let now = Timestamp::now();
    let is_wide = area.width >= WIDE;
    let first = screen.queued.offset + 1;
    let rows = screen.seen.queued.jobs.iter().enumerate().map(|(at, job)| {
        let why = job.waiting.as_ref().map(|waiting| waiting.text.clone());
        Row::new([
            right((first + at).to_string()),
            right(job.id.to_string()),
            Cell::from(job.name.clone()),
            Cell::from(job.owner.clone()),
            right(job.priority.to_string()),
            right(starts(job, now)),
            Cell::from(why.unwrap_or_default()),
        ])
    });
    let mut table = Columns::default();
    table.add("", Constraint::Length(6));
    table.add("job", Constraint::Length(7));
    table.add("name", Constraint::Fill(2));
    table.add("owner", Constraint::Length(if is_wide { 12 } else { 8 }));
    table.add("prio", Constraint::Length(4));
    table.add("starts", Constraint::Length(if is_wide { 12 } else { 8 }));
    table.add("why it waits", Constraint::Fill(5));
    jobs(frame, screen, Pane::Queued, (rows, table), area);
}

fn jobs<'a>(
    frame: &mut Frame<'_>,
    screen: &Screen,
    pane: Pane,
    (rows, table): (impl Iterator<Item = Row<'a>>, Columns),
    area: Rect,
) {
    let (part, place) = screen.jobs(pane);
    let what = match pane {
        Pane::Running => "running, newest first",
        Pane::Queued | Pane::Nodes => "queue, next first",
    };
    let short = what.split(',').next().unwrap_or_default();
    let room = usize::from(rows_of(area));
    let shown = part.jobs.len().min(room);
    let title = match part.total {
        0 => format!("{short}: no jobs"),
        total if total == shown as u64 => what.into(),
        total => {
            let (from, to) = (place.offset + 1, place.offset + shown);
            format!("{what}: {from} to {to} of {total}")
        }
    };
    let rows = rows.take(room);
    let table = list(screen, pane, rows, table, title);
    let mut state = TableState::new().with_selected(selected(screen, pane, place.row));
    frame.render_stateful_widget(table, area, &mut state);
}

fn in_full(frame: &mut Frame<'_>, screen: &Screen, job: u32, area: Rect) {
    let text = screen.seen.job.as_deref().unwrap_or("…");
    let block = Block::bordered().title(format!(" job {job} "));
    let text = Paragraph::new(Text::from(text)).wrap(Wrap { trim: false });
    frame.render_widget(text.block(block), area);
}

/// The columns of a table.
#[derive(Default)]
struct Columns {
    names: Vec<&'static str>,
    widths: Vec<Constraint>,
}

impl Columns {
    fn add(&mut self, name: &'static str, width: Constraint) {
        self.names.push(name);
        self.widths.push(width);
    }
}

fn list<'a>(
    screen: &Screen,
    pane: Pane,
    rows: impl Iterator<Item = Row<'a>>,
    columns: Columns,
    title: String,
) -> Table<'a> {
    let is_focus = screen.focus == pane;
    let style = match is_focus {
        true => Style::from(Modifier::BOLD),
        false => Style::default(),
    };
    let header = Row::new(columns.names);
    Table::new(rows, columns.widths)
        .header(header.style(Modifier::UNDERLINED))
        .row_highlight_style(Modifier::REVERSED)
        .block(
            Block::bordered()
                .title(format!(" {title} "))
                .title_style(style)
                .border_style(style),
        )
}

/// The row that stands out: only in the list that keys go to.
fn selected(screen: &Screen, pane: Pane, row: usize) -> Option<usize> {
    (screen.focus == pane).then_some(row)
}

fn is_well(node: &NodeView) -> bool {
    node.reachable && node.state == "Online"
}

fn state_cell(screen: &Screen, state: &str) -> Cell<'static> {
    let cell = Cell::from(state.to_string());
    if !screen.coloured {
        return cell;
    }
    match state {
        "Running" | "Online" => cell.style(Color::Green),
        "Offline" | "Unreachable" => cell.style(Color::Red),
        "Draining" | "Canceling" | "Finishing" => cell.style(Color::Yellow),
        "Queued" => cell.style(Color::Cyan),
        _ => cell,
    }
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(Alignment::Right))
}

/// How much of the whole, in so many columns.
fn bar(part: u64, whole: u64, columns: usize) -> String {
    let filled = match whole {
        0 => 0,
        whole => (part.min(whole) * columns as u64).div_ceil(whole) as usize,
    };
    "█".repeat(filled) + &"░".repeat(columns - filled)
}

/// When it is expected to start, seen from now.
fn starts(job: &JobView, now: Timestamp) -> String {
    let at = job.expected_start.as_deref();
    let at = at.and_then(|at| at.parse::<Timestamp>().ok());
    at.map_or(String::new(), |at| {
        match u64::try_from(at.as_second() - now.as_second()) {
            Ok(seconds @ 1..) => format!("in {}", short(seconds)),
            Ok(0) | Err(_) => "now".into(),
        }
    })
}

/// A length of time in eight columns at most, with the word before it.
fn short(seconds: u64) -> String {
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6_000 => format!("{} m", seconds / 60),
        6_000..360_000 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// How long it has been running.
fn since(job: &JobView, now: Timestamp) -> String {
    let started = job
        .started
        .as_deref()
        .and_then(|at| at.parse::<Timestamp>().ok());
    let seconds = started.map_or(0, |at| now.as_second() - at.as_second());
    Length::from_secs(u64::try_from(seconds).unwrap_or_default()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_said_in_eight_columns() {
        for (seconds, expected) in [
            (1, "1 s"),
            (99, "99 s"),
            (100, "1 m"),
            (5_999, "99 m"),
            (6_000, "1 h"),
            (359_999, "99 h"),
            (360_000, "4 d"),
        ] {
            assert_eq!(short(seconds), expected, "{seconds}");
            assert!(format!("in {}", short(seconds)).len() <= 8);
        }
    }

    #[test]
    fn bars_are_empty_only_at_nothing() {
        let table = [
            (0, 4, "░░░░"),
            (1, 100, "█░░░"),
            (2, 4, "██░░"),
            (4, 4, "████"),
            (9, 4, "████"),
            (0, 0, "░░░░"),
        ];
        for (part, whole, expected) in table {
            assert_eq!(bar(part, whole, 4), expected, "{part} of {whole}");
        }
    }
}
