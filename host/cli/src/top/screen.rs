//! What is on the screen, and what keys make of it. Draws nothing and asks nobody.

use jobyard_server::queue::Part;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};

use super::seen::{Page, Seen, Wanted};
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

/// Where in a list the user is: the page that is shown, and the row of it.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Entries of the pages before.
    pub(crate) offset: usize,
    pub(crate) row: usize,
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
    /// What went wrong is that the daemon did not answer.
    is_lost: bool,
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
            is_lost: false,
            coloured,
            size: Rect::new(0, 0, width, height),
        }
    }

    /// Where everything is; the size is kept for what is asked next.
    pub(crate) fn parts(&mut self, size: Rect) -> Parts {
        self.size = size;
        self.layout()
    }

    /// Nodes have a third at most, what runs two fifths of what is left, and both no more than they need.
    fn layout(&self) -> Parts {
        let height = self.size.height;
        let needed = |count: usize| {
            let rows = u16::try_from(count.max(1)).unwrap_or(u16::MAX);
            rows.saturating_add(FRAME_ROWS)
        };
        let most = (height / 3).min(NODES_ROWS_MAX);
        let nodes = needed(self.seen.nodes.len()).min(most);
        let left = height.saturating_sub(nodes + 2);
        let running = usize::try_from(self.seen.running.total).unwrap_or(usize::MAX);
        let running = needed(running).min(left * 2 / 5);
        let [summary, nodes, running, queued, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(nodes),
            Constraint::Length(running),
            Constraint::Fill(1),
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

    /// What the screen may have room for: where the lists end is known when it is known what is in them.
    pub(crate) fn wanted(&self) -> Wanted {
        let page = |place: &Place| Page {
            offset: place.offset,
            rows: self.size.height,
        };
        Wanted {
            running: page(&self.running),
            queued: page(&self.queued),
            job: self.job,
        }
    }

    /// What the daemon said, or why it did not.
    pub(crate) fn take(&mut self, seen: Result<Seen, Failure>) {
        match seen {
            Ok(seen) => {
                self.seen = seen;
                if std::mem::take(&mut self.is_lost) {
                    self.message.clear();
                }
            }
            Err(failure) => {
                self.is_lost = true;
                self.message = failure.to_string();
            }
        }
        self.nodes.row = clamped(self.nodes.row, self.seen.nodes.len());
        self.running.follow(&self.seen.running);
        self.queued.follow(&self.seen.queued);
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
            KeyCode::Down | KeyCode::Char('j') => return self.step(1),
            KeyCode::Up | KeyCode::Char('k') => return self.step(-1),
            KeyCode::PageDown => return self.turn(1),
            KeyCode::PageUp => return self.turn(-1),
            KeyCode::Home | KeyCode::Char('g') => return self.go(0),
            KeyCode::End | KeyCode::Char('G') => return self.go(usize::MAX),
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

    /// So many rows on.
    fn step(&mut self, by: isize) -> Act {
        let place = self.place();
        let at = (place.offset + place.row).saturating_add_signed(by);
        self.go(at)
    }

    /// So many pages on.
    fn turn(&mut self, pages: isize) -> Act {
        let rows = isize::try_from(self.rows()).unwrap_or(isize::MAX);
        self.step(pages.saturating_mul(rows))
    }

    /// To an entry, or to the last one.
    fn go(&mut self, at: usize) -> Act {
        let rows = self.rows();
        let all = match self.focus {
            Pane::Nodes => {
                self.nodes.row = clamped(at, self.seen.nodes.len());
                return Act::Nothing;
            }
            Pane::Running => self.seen.running.total,
            Pane::Queued => self.seen.queued.total,
        };
        let at = clamped(at, usize::try_from(all).unwrap_or(usize::MAX));
        let place = self.place();
        let offset = at / rows * rows;
        let is_here = offset == place.offset;
        (place.offset, place.row) = (offset, at - offset);
        match is_here {
            true => Act::Nothing,
            false => Act::Ask,
        }
    }

    /// How many entries of the list that keys go to are seen at one time.
    fn rows(&self) -> usize {
        let parts = self.layout();
        let area = match self.focus {
            Pane::Nodes => parts.nodes,
            Pane::Running => parts.running,
            Pane::Queued => parts.queued,
        };
        usize::from(rows(area)).max(1)
    }

    /// The list of a pane, for those who draw it.
    pub(crate) fn jobs(&self, pane: Pane) -> (&Part, &Place) {
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
    /// Stays on what there is.
    fn follow(&mut self, part: &Part) {
        self.offset = usize::try_from(part.offset).unwrap_or(usize::MAX);
        self.row = clamped(self.row, part.jobs.len());
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
        let mut screen = Screen::new((80, 24), false);
        screen.seen.queued.total = 25;
        let rows = screen.rows();
        assert_eq!(rows, 11);
        for (key, offset, row, act) in [
            (KeyCode::Up, 0, 0, Act::Nothing),
            (KeyCode::Down, 0, 1, Act::Nothing),
            (KeyCode::PageDown, 11, 1, Act::Ask),
            (KeyCode::Home, 0, 0, Act::Ask),
            (KeyCode::End, 22, 2, Act::Ask),
            (KeyCode::Down, 22, 2, Act::Nothing),
            (KeyCode::Up, 22, 1, Act::Nothing),
            (KeyCode::PageUp, 11, 1, Act::Ask),
            (KeyCode::Up, 11, 0, Act::Nothing),
            (KeyCode::Up, 0, 10, Act::Ask),
            (KeyCode::Down, 11, 0, Act::Ask),
            (KeyCode::PageUp, 0, 0, Act::Ask),
            (KeyCode::PageUp, 0, 0, Act::Nothing),
        ] {
            assert_eq!(screen.key(Some(KeyEvent::from(key))), act, "{key}");
            let place = (screen.queued.offset, screen.queued.row);
            assert_eq!(place, (offset, row), "{key}");
        }
        // The list has become shorter meanwhile.
        screen.key(Some(KeyEvent::from(KeyCode::End)));
        let mut seen = Seen::default();
        (seen.queued.total, seen.queued.offset) = (12, 11);
        screen.take(Ok(seen));
        assert_eq!((screen.queued.offset, screen.queued.row), (11, 0));
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
