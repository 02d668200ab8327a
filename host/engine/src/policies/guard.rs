//! Puts the policy before back in force when the guard of the new one says so.

use jobyard_kernel::{ActivationCause, Actor};
use tokio::sync::mpsc;

use crate::Notice;
use crate::core::HOST;
use crate::handle::WeakEngine;

/// Runs until the engine is gone. Each message says what the guard had to say.
pub(crate) async fn watch(engine: WeakEngine, mut said: mpsc::Receiver<String>) {
    while let Some(why) = said.recv().await {
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let by = Actor::administrator(HOST);
        let outcome = match engine.earlier(None).await {
            Ok((to, setup)) => {
                let cause = ActivationCause::Guarded { to };
                engine.put_in_force(&by, setup, cause, &why, None).await
            }
            Err(error) => Err(error),
        };
        let text = match outcome {
            Ok(number) => {
                format!("the policy before is in force again (activation {number}): {why}")
            }
            Err(error) => {
                format!("the policy before cannot be put back: {error}; its guard said: {why}")
            }
        };
        engine.tell(Notice::PolicyGuarded(text));
    }
}
