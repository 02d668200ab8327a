//! The wish that a piece of work ends, on its way from the host's message to the work.
//!
//! A wish can only become more urgent. Sent by the node's desk, heard by `work` (which enforces it) and by `processes` (which
//! tells the plugin).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long after the end of the grace the node waits for a plugin that kills by itself, so that it can still
/// say how the work ended.
pub const STOP_SLACK: Duration = Duration::from_millis(500);

/// When work is to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    grace_ends: Instant,
    forced: bool,
}

/// The sending side.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<Option<Stop>>);

/// The hearing side.
#[derive(Debug, Clone)]
pub(crate) struct Stopping(watch::Receiver<Option<Stop>>);

pub(crate) fn stop() -> (Stopper, Stopping) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Stopping(receiver))
}

impl Stopper {
    /// Asks for an end within `grace`; at once if that is zero. Later wishes only shorten.
    pub(crate) fn stop(&self, grace: Duration) {
        let wish = Stop {
            grace_ends: Instant::now() + grace,
            forced: grace.is_zero(),
        };
        self.0.send_if_modified(|current| match current {
            Some(before) if before.forced || before.grace_ends <= wish.grace_ends => false,
            Some(_) | None => {
                *current = Some(wish);
                true
            }
        });
    }
}

impl Stopping {
    /// Whether an end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until an end with a grace is asked for; returns what is left of it. Work that is to end at once is not asked.
    pub(crate) async fn asked(&mut self) -> Duration {
        let stop = self
            .0
            .wait_for(|stop| stop.is_some_and(|stop| !stop.forced))
            .await
            .ok()
            .and_then(|stop| *stop);
        match stop {
            Some(stop) => stop.grace_ends.saturating_duration_since(Instant::now()),
            // Nobody can ask any more.
            None => std::future::pending().await,
        }
    }

    /// Waits until the work must not go on: the grace is over, or none was given.
    pub(crate) async fn over(&mut self) {
        loop {
            let stop = *self.0.borrow_and_update();
            if stop.is_some_and(|stop| stop.forced) {
                return;
            }
            let deadline = stop.map(|stop| stop.grace_ends + STOP_SLACK);
            let wait = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => return,
                changed = self.0.changed() => if changed.is_err() {
                    // Nobody can ask any more; what was asked stands.
                    return match deadline {
                        Some(deadline) => tokio::time::sleep_until(deadline).await,
                        None => std::future::pending().await,
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn later_wishes_only_shorten() {
        let (stopper, mut stopping) = stop();
        let began = Instant::now();
        assert!(!stopping.is_asked());
        stopper.stop(Duration::from_secs(1000));
        stopper.stop(Duration::from_secs(2000));
        assert!(stopping.asked().await <= Duration::from_secs(1000));
        stopper.stop(Duration::from_millis(20));
        stopping.over().await;
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(20) + STOP_SLACK, "{took:?}");
        assert!(took < Duration::from_secs(900), "{took:?}");
    }

    #[tokio::test]
    async fn no_grace_is_at_once_and_stays() {
        let (stopper, mut stopping) = stop();
        stopper.stop(Duration::from_secs(1000));
        let waiting = tokio::spawn(async move { stopping.over().await });
        stopper.stop(Duration::ZERO);
        stopper.stop(Duration::from_secs(1000));
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .unwrap()
            .unwrap();
    }
}
