//! `jobyard top`: a daemon as it is now, in a terminal: nodes, what runs, what waits and why.
//!
//! Asks for what is on the screen when something has happened, and for no more: a page of each list. Here is the loop; what says that something
//! has happened is in `news`, what is asked in `seen`, what keys do in `screen`, how it looks in `draw`.

pub(crate) mod args;
mod draw;
mod news;
mod screen;
mod seen;
mod terminal;

use std::future::{Future, pending};
use std::io::IsTerminal;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jobyard_server::jobs::Words;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use self::args::Top;
use self::screen::{Act, Screen};
use self::seen::{Seen, ask};
use crate::failure::Failure;
use crate::remote::{Client, show};
use crate::signals::Signals;

/// How often it is drawn though nothing has happened: times go on.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A daemon that was slow is given so many times as long as it took.
const REST: u32 = 3;
/// The picture where there is no terminal: columns and rows.
const PICTURE: (u16, u16) = (120, 40);

/// What the verb does.
pub(crate) fn run(top: Top) -> impl AsyncFnOnce(Client) -> Result<ExitCode, Failure> {
    async move |client| {
        let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        match (top.once, is_terminal) {
            (true, _) => once(&client).await?,
            (false, true) => live(client).await?,
            (false, false) => {
                let text = "this is no terminal: --once prints one picture of what there is";
                return Err(Failure::Input(text.into()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One picture, as text.
async fn once(client: &Client) -> Result<(), Failure> {
    let (width, height) = match std::io::stdout().is_terminal() {
        true => terminal::size().unwrap_or(PICTURE),
        false => PICTURE,
    };
    let mut screen = Screen::new((width, height), false);
    let seen = ask(client, screen.wanted()).await?;
    screen.take(Ok(seen));
    let drawn = Terminal::new(TestBackend::new(width, height)).and_then(|mut terminal| {
        terminal.draw(|frame| draw::draw(frame, &mut screen))?;
        Ok(terminal.backend().buffer().clone())
    });
    let buffer = drawn.map_err(Failure::work)?;
    let rows = buffer.content.chunks(usize::from(width));
    for row in rows {
        let text: String = row.iter().map(|cell| cell.symbol()).collect();
        show::line(text.trim_end())?;
    }
    Ok(())
}

type Asking<'a> = Option<Pin<Box<dyn Future<Output = Result<Seen, Failure>> + 'a>>>;

/// Until the user has seen enough.
async fn live(client: Client) -> Result<(), Failure> {
    let client = &Arc::new(client);
    let size = terminal::size().unwrap_or(PICTURE);
    let mut screen = Screen::new(size, crate::table::is_coloured());
    // A daemon that is not there is said before the screen is taken.
    screen.take(Ok(ask(client, screen.wanted()).await?));
    let mut signals = Signals::listen()?;
    let mut terminal = terminal::Taken::take()?;
    let mut keys = terminal::keys();
    let mut news = news::listen(Arc::clone(client));
    let mut clock = tokio::time::interval(DRAW_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking: Asking<'_> = None;
    let (mut is_new, mut began, mut next) = (false, Instant::now(), Instant::now());
    loop {
        terminal.draw(&mut screen)?;
        let mut look = false;
        tokio::select! {
            key = keys.recv() => match key.map_or(Act::Quit, |key| screen.key(key)) {
                Act::Quit => return Ok(()),
                Act::Nothing => {}
                Act::Ask => look = true,
                Act::Cancel(job) => {
                    let path = format!("/jobs/{job}/cancel");
                    let done = client.post_once(&path, Words::default()).await;
                    screen.said(match done {
                        Ok(_) => format!("job {job} is being canceled"),
                        Err(failure) => failure.to_string(),
                    });
                    look = true;
                }
            },
            Some(()) = news.recv(), if !is_new => is_new = true,
            () = sleep_until(next), if is_new && asking.is_none() => look = true,
            seen = answer(&mut asking) => {
                asking = None;
                screen.take(seen);
                next = Instant::now() + ASK_EVERY.max(began.elapsed() * REST);
            }
            _ = clock.tick() => {}
            _ = signals.next() => return Ok(()),
        }
        if look {
            is_new = false;
            began = Instant::now();
            asking = Some(Box::pin(ask(client, screen.wanted())));
        }
    }
}

/// What was asked for, if anything was.
async fn answer(asking: &mut Asking<'_>) -> Result<Seen, Failure> {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}
