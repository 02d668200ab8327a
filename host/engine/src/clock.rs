//! The one place that asks what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jobyard_kernel::Timestamp;

/// Wall-clock time that never goes back: after the system's clock was set back it stands still until that has caught up.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Timestamp,
}

impl Clock {
    pub(crate) fn now(&mut self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.last = self.last.max(Timestamp(micros).min(Timestamp::MAX));
        self.last
    }

    /// How long until a time; nothing if it is over.
    pub(crate) fn until(&mut self, at: Timestamp) -> Duration {
        Duration::from_micros(at.since(self.now()).0)
    }

    /// Never before a time that was seen elsewhere, as in a journal.
    pub(crate) fn at_least(&mut self, at: Timestamp) {
        self.last = self.last.max(at);
    }
}
