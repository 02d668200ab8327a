//! The signals that mean stop, Ctrl-C and SIGTERM, and for a daemon the one that means: read your configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// Listens from the moment it is made: a signal is no longer the end of the process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Within a tokio runtime.
    pub(crate) fn listen() -> Result<Signals, Failure> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::work)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::work)?,
        })
    }

    /// The next one's kind.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        }
    }
}

/// SIGHUP, from the moment it is made.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Within a tokio runtime.
    pub(crate) fn listen() -> Result<Hangups, Failure> {
        let hangup = signal(SignalKind::hangup()).map_err(Failure::work)?;
        Ok(Hangups(hangup))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        // There are no others after none.
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
