//! What is on the screen, and what keys make of it. Draws nothing and asks nobody.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};

use super::seen::{Jobs, Page, Seen, Wanted};
use crate::failure::Failure;

/// Rows of a list that are no entries: its border and its header.
const FRAME_ROWS: u16 = 3;
/// Rows of the list of nodes at most, with its frame.
const NODES_ROWS_MAX: u16 = 11;

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    Nodes,
    Running,
    Queued,
}

/// Where in a list the user is: which page of it, and which row of that.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Where the pages begin that were gone through, the one that is shown last; the first page begins nowhere.
    starts: Vec<String>,
    pub(crate) row: usize,
    /// Entries of the pages before.
    pub(crate) before: usize,
}

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    /// Something else is to be seen.
    Ask,
    Cancel(u32),
    Quit,
}

/// All of it.
pub(crate) struct Screen {
    pub(crate) seen: Seen,
    pub(crate) focus: Pane,
    pub(crate) nodes: Place,
    pub(crate) running: Place,
    pub(crate) queued: Place,
    /// The job that is shown in full.
    pub(crate) job: Option<u32>,
    /// The job that is to be canceled, if the user says so once more.
    pub(crate) confirm: Option<u32>,
    /// What was done, or went wrong, last.
    pub(crate) message: String,
    pub(crate) coloured: bool,
    size: Rect,
}

/// The parts of a screen, from the top.
pub(crate) struct Parts {
    pub(crate) summary: Rect,
    pub(crate) nodes: Rect,
    pub(crate) running: Rect,
    pub(crate) queued: Rect,
    pub(crate) foot: Rect,
}

impl Screen {
    pub(crate) fn new((width, height): (u16, u16), coloured: bool) -> Screen {
        Screen {
            seen: Seen::default(),
            focus: Pane::Queued,
            nodes: Place::default(),
            running: Place::default(),
            queued: Place::default(),
            job: None,
            confirm: None,
            message: String::new(),
            coloured,
            size: Rect::new(0, 0, width, height),
        }
    }

    /// Where everything is; the size is kept for what is asked next.
    pub(crate) fn parts(&mut self, size: Rect) -> Parts {
        self.size = size;
        self.layout()
    }

    fn layout(&self) -> Parts {
        let nodes = u16::try_from(self.seen.nodes.len().max(1)).unwrap_or(u16::MAX);
        let nodes = nodes.saturating_add(FRAME_ROWS).min(NODES_ROWS_MAX);
        let [summary, nodes, running, queued, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(nodes),
            Constraint::Fill(2),
            Constraint::Fill(3),
            Constraint::Length(1),
        ])
        .areas(self.size);
        Parts {
            summary,
            nodes,
            running,
            queued,
            foot,
        }
    }

    /// What the screen has room for.
    pub(crate) fn wanted(&self) -> Wanted {
        let parts = self.layout();
        let page = |place: &Place, area: Rect| Page {
            after: place.starts.last().cloned(),
            rows: rows(area),
        };
        Wanted {
            running: page(&self.running, parts.running),
            queued: page(&self.queued, parts.queued),
            job: self.job,
        }
    }

    /// What the daemon said, or why it did not.
    pub(crate) fn take(&mut self, seen: Result<Seen, Failure>) {
        match seen {
            Ok(seen) => self.seen = seen,
            Err(failure) => self.message = failure.to_string(),
        }
        self.nodes.row = clamped(self.nodes.row, self.seen.nodes.len());
        self.running.row = clamped(self.running.row, self.seen.running.jobs.len());
        self.queued.row = clamped(self.queued.row, self.seen.queued.jobs.len());
    }

    pub(crate) fn said(&mut self, message: String) {
        self.message = message;
    }

    /// A key; none when only the size of the terminal is another.
    pub(crate) fn key(&mut self, key: Option<KeyEvent>) -> Act {
        let Some(key) = key else { return Act::Ask };
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Act::Quit;
        }
        if let Some(job) = self.confirm.take() {
            return match key.code == KeyCode::Char('y') {
                true => Act::Cancel(job),
                false => Act::Nothing,
            };
        }
        self.message.clear();
        if self.job.is_some() {
            self.key_of_job(key.code)
        } else {
            self.key_of_lists(key.code)
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing")]
    fn key_of_job(&mut self, key: KeyCode) -> Act {
        match key {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Char('q') => {
                self.job = None;
                self.seen.job = None;
            }
            KeyCode::Char('c') => self.confirm = self.job,
            _ => {}
        }
        Act::Nothing
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys do nothing")]
    fn key_of_lists(&mut self, key: KeyCode) -> Act {
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
            KeyCode::Tab => self.focus = self.focus.next(),
            KeyCode::BackTab => self.focus = self.focus.next().next(),
            KeyCode::Down | KeyCode::Char('j') => return self.down(),
            KeyCode::Up | KeyCode::Char('k') => return self.up(),
            KeyCode::PageDown => {
                self.place().row = usize::MAX - 1;
                return self.down();
            }
            KeyCode::PageUp => {
                self.place().row = 0;
                return self.up();
            }
            KeyCode::Home | KeyCode::Char('g') => {
                *self.place() = Place::default();
                return Act::Ask;
            }
            KeyCode::Enter => {
                self.job = self.selected();
                return match self.job {
                    Some(_) => Act::Ask,
                    None => Act::Nothing,
                };
            }
            KeyCode::Char('c') => self.confirm = self.selected(),
            _ => {}
        }
        Act::Nothing
    }

    /// The job that the user is at.
    fn selected(&self) -> Option<u32> {
        let (jobs, place) = match self.focus {
            Pane::Nodes => return None,
            Pane::Running => (&self.seen.running, &self.running),
            Pane::Queued => (&self.seen.queued, &self.queued),
        };
        jobs.jobs.get(place.row).map(|job| job.id)
    }

    fn place(&mut self) -> &mut Place {
        match self.focus {
            Pane::Nodes => &mut self.nodes,
            Pane::Running => &mut self.running,
            Pane::Queued => &mut self.queued,
        }
    }

    fn down(&mut self) -> Act {
        let jobs = match self.focus {
            Pane::Nodes => {
                self.nodes.row = clamped(self.nodes.row.saturating_add(1), self.seen.nodes.len());
                return Act::Nothing;
            }
            Pane::Running => &self.seen.running,
            Pane::Queued => &self.seen.queued,
        };
        let (next, count) = (jobs.next.clone(), jobs.jobs.len());
        self.place().down(next, count)
    }

    fn up(&mut self) -> Act {
        let parts = self.layout();
        let rows = match self.focus {
            Pane::Nodes => {
                self.nodes.row = self.nodes.row.saturating_sub(1);
                return Act::Nothing;
            }
            Pane::Running => rows(parts.running),
            Pane::Queued => rows(parts.queued),
        };
        self.place().up(usize::from(rows))
    }

    /// The list of a pane, for those who draw it.
    pub(crate) fn jobs(&self, pane: Pane) -> (&Jobs, &Place) {
        match pane {
            Pane::Running => (&self.seen.running, &self.running),
            Pane::Nodes | Pane::Queued => (&self.seen.queued, &self.queued),
        }
    }
}

impl Pane {
    fn next(self) -> Pane {
        match self {
            Pane::Nodes => Pane::Running,
            Pane::Running => Pane::Queued,
            Pane::Queued => Pane::Nodes,
        }
    }
}

impl Place {
    /// A row on, or to the next page if there is one.
    fn down(&mut self, next: Option<String>, count: usize) -> Act {
        if self.row.saturating_add(1) < count {
            self.row += 1;
            return Act::Nothing;
        }
        let Some(next) = next.filter(|_| count > 0) else {
            self.row = count.saturating_sub(1);
            return Act::Nothing;
        };
        self.starts.push(next);
        self.before += count;
        self.row = 0;
        Act::Ask
    }

    /// A row back, or to the last row of the page before.
    fn up(&mut self, rows: usize) -> Act {
        if self.row > 0 {
            self.row -= 1;
            return Act::Nothing;
        }
        if self.starts.pop().is_none() {
            return Act::Nothing;
        }
        self.before = match self.starts.is_empty() {
            true => 0,
            false => self.before.saturating_sub(rows),
        };
        self.row = rows.saturating_sub(1);
        Act::Ask
    }
}

/// Entries that an area has room for.
pub(crate) fn rows(area: Rect) -> u16 {
    area.height.saturating_sub(FRAME_ROWS)
}

fn clamped(row: usize, count: usize) -> usize {
    row.min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_gone_through_page_by_page_and_back() {
        let mut place = Place::default();
        let next = || Some("9".to_string());
        assert_eq!(place.down(next(), 2), Act::Nothing);
        assert_eq!((place.row, place.before), (1, 0));
        assert_eq!(place.down(next(), 2), Act::Ask);
        assert_eq!((place.row, place.before), (0, 2));
        // The end of the list.
        assert_eq!(place.down(None, 1), Act::Nothing);
        assert_eq!((place.row, place.before), (0, 2));
        assert_eq!(place.up(2), Act::Ask);
        assert_eq!((place.row, place.before), (1, 0));
        assert_eq!(place.up(2), Act::Nothing);
        assert_eq!(place.up(2), Act::Nothing);
        assert_eq!((place.row, place.before), (0, 0));
    }

    #[test]
    fn a_job_is_canceled_only_when_it_was_said_twice() {
        let mut screen = Screen::new((80, 24), false);
        let key = |c| Some(KeyEvent::from(KeyCode::Char(c)));
        assert_eq!(screen.key(key('c')), Act::Nothing);
        assert_eq!(screen.confirm, None, "there is no job to cancel");
        for (answer, expected) in [('n', Act::Nothing), ('y', Act::Cancel(7))] {
            screen.job = Some(7);
            assert_eq!(screen.key(key('c')), Act::Nothing);
            assert_eq!(screen.confirm, Some(7));
            assert_eq!(screen.key(key(answer)), expected);
            assert_eq!(screen.confirm, None);
        }
    }
}
