//! When there is something new to see: the daemon's events say so at once, and where nothing happens nothing is asked.
//!
//! What has happened is not read here: that it has is enough. Who may not follow the events of all jobs has the number of the last one looked at
//! once a second instead.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use jobyard_server::summary::Summary;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::failure::Failure;
use crate::remote::{Client, show};

/// Between two looks of those who have no stream, and before a daemon that has gone is asked for again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A daemon that says nothing for so long has gone: it sends something every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// There is one in the channel whenever something may have changed. It ends with whoever listens.
pub(crate) fn listen(client: Arc<Client>) -> mpsc::Receiver<()> {
    let (sender, news) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = follow(&client, &sender) => {}
            () = sender.closed() => {}
        }
    });
    news
}

async fn follow(client: &Client, news: &mpsc::Sender<()>) {
    let tell = || {
        // One that is not taken yet says the same.
        let _ = news.try_send(());
    };
    // The last event where there is a daemon; nothing while that is not known.
    let mut known = None;
    loop {
        if stream(client, tell).await.is_ok() {
            known = None;
            sleep(ASK_EVERY).await;
            continue;
        }
        // Where the daemon answers all the same, this user may not follow it.
        loop {
            let now = Some(events(client).await.ok());
            if now != known {
                tell();
            }
            known = now;
            sleep(ASK_EVERY).await;
            if known == Some(None) {
                break;
            }
        }
    }
}

/// Until the daemon ends it.
///
/// # Errors
/// There is no stream for this user, or no daemon.
async fn stream(client: &Client, tell: impl Fn()) -> Result<(), Failure> {
    let mut body = client.stream("/events", ()).await?.into_body();
    // What happened before it was followed.
    tell();
    while let Ok(Some(Ok(frame))) = timeout(SILENCE_MAX, body.frame()).await {
        if frame.data_ref().is_some_and(|text| !is_silence(text)) {
            tell();
        }
    }
    tell();
    Ok(())
}

/// What is sent so that the connection is known to be there: comments.
fn is_silence(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.all(|line| line.is_empty() || line.starts_with(b":"))
}

async fn events(client: &Client) -> Result<u64, Failure> {
    let summary: Summary = show::read(client.get("/summary", ()).await?)?;
    Ok(summary.events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_news() {
        for (text, expected) in [
            (": here\n\n", true),
            (":\n\n: here\n\n", true),
            ("", true),
            ("id: 7\nevent: JobQueued\ndata: {}\n\n", false),
            (": here\n\nid: 7\n", false),
        ] {
            assert_eq!(is_silence(text.as_bytes()), expected, "{text}");
        }
    }
}
