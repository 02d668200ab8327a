//! Requests that may come twice, from the handle's side: see `core/once.rs`.

use jobyard_kernel::{Command, Event, JobId, State};
use tokio::sync::oneshot;

use crate::core::{Keyed, Once};
use crate::run::{Answering, Request};
use crate::{Engine, EngineError};

impl Engine {
    /// Carries out the commands of a request with a key, unless that has been done by now; then the answer is the one that it had. The request, what came of it and its
    /// answer are durable together: whoever did not get the answer may ask again, also after a crash. Two at the same time get one answer.
    ///
    /// `about` are the jobs that the commands name, which history may have; `answer` says what is told and kept. With an error of its own nothing is kept:
    /// only for where no command was carried out. Kept for a day, within `limits::ANSWERS_KEPT_MAX` and `limits::ANSWERS_BYTES_MAX`.
    ///
    /// # Errors
    /// What `answer` gives, that the key is another request's, or that the engine has stopped.
    pub async fn once<E: From<EngineError> + Send + 'static>(
        &self,
        keyed: Keyed,
        about: &[JobId],
        commands: Vec<Command>,
        answer: impl FnOnce(&State, Vec<Result<Vec<Event>, EngineError>>) -> Result<String, E>
        + Send
        + 'static,
    ) -> Result<Once, E> {
        let ids = about.to_vec();
        let missing = move |state: &State, _: &_| {
            let missing = ids.into_iter().filter(|&id| state.job(id).is_none());
            missing.collect::<Vec<JobId>>()
        };
        if !about.is_empty() {
            for id in self.look(missing).await? {
                self.recall(id).await?;
            }
        }
        let (reply, answered) = oneshot::channel();
        let turn = Request::Once(Box::new(move |core, now| {
            let once = core.once(keyed, &commands, answer, now);
            let send: Answering = Box::new(move |kept| {
                drop(reply.send(match kept {
                    Ok(()) => once,
                    Err(error) => Err(error.clone().into()),
                }));
            });
            send
        }));
        self.request(turn).await?;
        match answered.await {
            Ok(once) => once,
            Err(_) => Err(self.stopped().into()),
        }
    }
}
