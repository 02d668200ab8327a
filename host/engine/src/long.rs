//! Work that takes a core for seconds or minutes: one at a time, and only as long as somebody waits for what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::EngineError;

/// Whose turn it is.
#[derive(Debug, Clone)]
pub(crate) struct Turn(Arc<Semaphore>);

impl Default for Turn {
    fn default() -> Self {
        Turn(Arc::new(Semaphore::new(1)))
    }
}

/// Stops the work when whoever waited has gone.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The turn that somebody has.
pub(crate) struct Begun(OwnedSemaphorePermit);

impl Turn {
    /// Whoever comes first has it, until this is dropped or its work has ended.
    ///
    /// # Errors
    /// Somebody else has it.
    pub(crate) fn begin(&self) -> Result<Begun, EngineError> {
        let turn = self.0.clone().try_acquire_owned();
        turn.map(Begun).map_err(|_| EngineError::Busy)
    }

    /// The same, once all who came before have had it.
    ///
    /// # Errors
    /// The engine has stopped.
    pub(crate) async fn wait(&self) -> Result<Begun, EngineError> {
        let turn = self.0.clone().acquire_owned().await;
        turn.map(Begun).map_err(|_| EngineError::Stopped)
    }
}

impl Begun {
    /// Does the work on a thread for such. When this is dropped the flag that the work got becomes true; the turn is over when the work has
    /// ended, and not before.
    ///
    /// # Errors
    /// The engine has stopped.
    pub(crate) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(Arc<AtomicBool>) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let Begun(turn) = self;
        let stop = Arc::new(AtomicBool::new(false));
        let _gone = Gone(stop.clone());
        let work = move || {
            let done = work(stop);
            drop(turn);
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| EngineError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_stopped_when_nobody_waits() {
        let turn = Turn::default();
        let (began, has_begun) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let work = move |stop: Arc<AtomicBool>| {
            began.send(()).unwrap();
            while !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            ended.send(()).unwrap();
        };
        let taken = turn.clone();
        let waits = tokio::spawn(async move { taken.begin()?.work(work).await });
        tokio::task::spawn_blocking(move || has_begun.recv().unwrap())
            .await
            .unwrap();
        assert_eq!(turn.begin().err(), Some(EngineError::Busy));
        waits.abort();
        tokio::task::spawn_blocking(move || has_ended.recv().unwrap())
            .await
            .unwrap();
        // The turn is over a moment after the work.
        let next = turn.wait().await.unwrap();
        assert_eq!(turn.begin().err(), Some(EngineError::Busy));
        assert_eq!(next.work(|_| 2).await, Ok(2));
    }
}
