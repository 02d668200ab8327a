//! The terminal: taken whole, and given back as it was however the program ends.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::crossterm::terminal;
use tokio::sync::mpsc;

use super::draw;
use super::screen::Screen;
use crate::failure::Failure;

/// Keys that wait to be heeded.
const KEYS_MAX: usize = 64;
/// How soon the thread that reads keys sees that nobody wants any more.
const LOOK: Duration = Duration::from_millis(100);

/// Columns and rows.
pub(crate) fn size() -> io::Result<(u16, u16)> {
    terminal::size()
}

/// The terminal as long as it is ours. A panic gives it back too, before it is said.
pub(crate) struct Taken(DefaultTerminal);

impl Taken {
    pub(crate) fn take() -> Result<Taken, Failure> {
        ratatui::try_init().map(Taken).map_err(Failure::work)
    }

    pub(crate) fn draw(&mut self, screen: &mut Screen) -> Result<(), Failure> {
        let drawn = self.0.draw(|frame| draw::draw(frame, screen));
        drawn.map(|_| ()).map_err(Failure::work)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What is pressed. Another size of the terminal comes as no key.
pub(crate) fn keys() -> mpsc::Receiver<Option<KeyEvent>> {
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let key = match event::poll(LOOK) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let key = match key {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Some(key),
                Ok(Event::Resize(..)) => None,
                Ok(_) => continue,
                // The terminal has gone.
                Err(_) => return,
            };
            if sender.blocking_send(key).is_err() {
                return;
            }
        }
    });
    keys
}
