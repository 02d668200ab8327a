//! Measures how long a guest has really run, which is what the deadline of node-side work counts: not the
//! time that it sleeps in `process.next`, nor the time that others have the thread.

use std::time::{Duration, Instant};

use crate::limits::{Limits, TICK};
use crate::ticker::Ticker;

/// The stopwatch of one call. Keeps the ticker awake while it runs.
pub(crate) struct Meter {
    ticker: Ticker,
    deadline: Duration,
    used: Duration,
    running: Option<Stretch>,
}

/// A stretch of time in which the guest may have run.
struct Stretch {
    since: Instant,
    /// It began with a yield, so it contains a wait for the thread that nobody measured.
    yielded: bool,
}

impl Meter {
    /// Stands still until the first [`Meter::resume`].
    pub(crate) fn new(ticker: Ticker, limits: &Limits) -> Self {
        Self {
            ticker,
            deadline: limits.deadline,
            used: Duration::ZERO,
            running: None,
        }
    }

    /// The guest runs on.
    pub(crate) fn resume(&mut self) {
        if self
            .running
            .replace(Stretch {
                since: Instant::now(),
                yielded: false,
            })
            .is_none()
        {
            self.ticker.enter();
        }
    }

    /// The guest waits, or has ended.
    pub(crate) fn pause(&mut self) {
        if let Some(stretch) = self.running.take() {
            self.ticker.leave();
            self.used += stretch.length();
        }
    }

    /// A tick of the clock was noticed in guest code, which is about to yield: whether it may go on.
    pub(crate) fn tick(&mut self) -> bool {
        if let Some(stretch) = &mut self.running {
            self.used += stretch.length();
            *stretch = Stretch {
                since: Instant::now(),
                yielded: true,
            };
        }
        self.used < self.deadline
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.pause();
    }
}

impl Stretch {
    /// After a yield the guest gets the thread back at an unknown time, and keeps it for a tick at most.
    fn length(&self) -> Duration {
        let elapsed = self.since.elapsed();
        if self.yielded {
            elapsed.min(TICK)
        } else {
            elapsed
        }
    }
}
