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

use super::screen::{Pane, Screen};
use crate::remote::show;

const KEYS: &str = " Tab list  ↑↓ row  PgUp/PgDn page  Enter job  c cancel  q end";
const KEYS_OF_JOB: &str = " Esc back  c cancel  q back";
/// Columns of the bar of a node and of a job.
const NODE_BAR: usize = 20;
const JOB_BAR: usize = 10;

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
            jobs(frame, screen, Pane::Running, parts.running);
            jobs(frame, screen, Pane::Queued, parts.queued);
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
    Line::from(format!(
        " {} of {cores} cores busy, {online} of {} nodes online; jobs: {} queued, {} finished, {} failed, {} canceled; policy {}",
        cores - free,
        nodes.len(),
        numbers.queued,
        numbers.finished,
        numbers.failed,
        numbers.canceled,
        numbers.policy.trim_start_matches("policy-"),
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
    let rows = all.iter().map(|node| {
        let busy = node.cores - node.free_cores.min(node.cores);
        let gpus = match node.gpus {
            0 => String::new(),
            gpus => format!("{} of {gpus}", gpus - node.free_gpus.min(gpus)),
        };
        let state = match node.reachable {
            true => node.state.as_str(),
            false => "Unreachable",
        };
        Row::new([
            Cell::from(node.name.clone()),
            state_cell(screen, state),
            Cell::from(bar(u64::from(busy), u64::from(node.cores), NODE_BAR)),
            right(format!("{busy} of {}", node.cores)),
            right(gpus),
            right(node.jobs.len().to_string()),
            Cell::from(node.groups.join(", ")),
        ])
    });
    let widths = [
        Constraint::Max(24),
        Constraint::Length(11),
        Constraint::Length(NODE_BAR as u16),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(5),
        Constraint::Fill(1),
    ];
    let header = ["node", "state", "cores", "", "GPUs", "jobs", "groups"];
    let table = list(screen, Pane::Nodes, rows, widths, header, "nodes".into());
    let mut state =
        TableState::new().with_selected(selected(screen, Pane::Nodes, screen.nodes.row));
    // The row stays in sight in a list that is longer than its place.
    *state.offset_mut() = screen
        .nodes
        .row
        .saturating_sub(usize::from(area.height.saturating_sub(4)));
    frame.render_stateful_widget(table, area, &mut state);
}

fn jobs(frame: &mut Frame<'_>, screen: &Screen, pane: Pane, area: Rect) {
    let (page, place) = screen.jobs(pane);
    let is_running = pane == Pane::Running;
    let now = Timestamp::now();
    let rows = page.jobs.iter().map(|job| {
        let counts = job.counts;
        let done = counts.finished + counts.failed + counts.canceled;
        let all = done + counts.running + counts.queued;
        let mut cells = vec![
            right(job.id.to_string()),
            Cell::from(job.name.clone()),
            Cell::from(job.owner.clone()),
            state_cell(screen, &job.state),
            right(job.priority.to_string()),
        ];
        match is_running {
            true => {
                let (part, whole) = match job.progress {
                    0 => (done, all),
                    percent => (u64::from(percent), 100),
                };
                cells.push(Cell::from(bar(part, whole, JOB_BAR)));
                cells.push(right(format!("{done}/{all}")));
                cells.push(right(since(job, now)));
                let on = job.allocation.iter().map(|a| a.node.as_str());
                cells.push(Cell::from(on.collect::<Vec<_>>().join(", ")));
            }
            false => {
                cells.push(Cell::from(show::time(&job.expected_start)));
                let why = job.waiting.as_ref().map(|waiting| waiting.text.clone());
                cells.push(Cell::from(why.unwrap_or_default()));
            }
        }
        Row::new(cells)
    });
    let first = [
        Constraint::Length(8),
        Constraint::Fill(2),
        Constraint::Max(12),
        Constraint::Length(10),
        Constraint::Length(8),
    ];
    let (rest, header): (&[Constraint], &[&str]) = match is_running {
        true => (
            &[
                Constraint::Length(JOB_BAR as u16),
                Constraint::Length(11),
                Constraint::Length(12),
                Constraint::Fill(2),
            ],
            &[
                "job", "name", "owner", "state", "priority", "done", "", "for", "on",
            ],
        ),
        false => (
            &[Constraint::Length(19), Constraint::Fill(5)],
            &[
                "job",
                "name",
                "owner",
                "state",
                "priority",
                "expected start",
                "why it waits",
            ],
        ),
    };
    let widths: Vec<Constraint> = first.iter().chain(rest).copied().collect();
    let what = if is_running { "running" } else { "queue" };
    let title = match (page.jobs.len(), page.next.is_some() || place.before > 0) {
        (0, _) => format!("{what}: no jobs"),
        (_, false) => format!("{what}, newest first"),
        (count, true) => {
            let (from, to) = (place.before + 1, place.before + count);
            format!("{what}, newest first: {from} to {to}")
        }
    };
    let table = list(screen, pane, rows, widths, header.iter().copied(), title);
    let mut state = TableState::new().with_selected(selected(screen, pane, place.row));
    frame.render_stateful_widget(table, area, &mut state);
}

fn in_full(frame: &mut Frame<'_>, screen: &Screen, job: u32, area: Rect) {
    let text = screen.seen.job.as_deref().unwrap_or("…");
    let block = Block::bordered().title(format!(" job {job} "));
    let text = Paragraph::new(Text::from(text)).wrap(Wrap { trim: false });
    frame.render_widget(text.block(block), area);
}

fn list<'a>(
    screen: &Screen,
    pane: Pane,
    rows: impl Iterator<Item = Row<'a>>,
    widths: impl IntoIterator<Item = Constraint>,
    header: impl IntoIterator<Item = &'a str>,
    title: String,
) -> Table<'a> {
    let is_focus = screen.focus == pane;
    let style = match is_focus {
        true => Style::from(Modifier::BOLD),
        false => Style::default(),
    };
    let header = Row::new(header.into_iter().map(Cell::from));
    Table::new(rows, widths.into_iter().collect::<Vec<_>>())
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
