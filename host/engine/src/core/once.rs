//! Requests that may come twice: whoever did not hear what became of theirs asks again with the same key, and is told what the first one was told.
//!
//! What comes of a request and its answer are events of one turn, so of one batch: a crash leaves both or none. The second of two that come
//! at the same time finds the answer of the first, and like any other it is given when it is durable.

use std::sync::Arc;

use jobyard_kernel::{Command, Event, KeptAnswer, Rejection, RequestKey, State, Timestamp};

use super::Core;
use crate::EngineError;

/// What makes a request known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// Who asks: each has keys of their own.
    pub by: String,
    /// What they call it.
    pub key: RequestKey,
    /// Of all that they ask for: with a key that is known, anything else is refused.
    pub digest: [u8; 16],
}

/// What a request with a key is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// It was carried out now.
    First(String),
    /// It was carried out before, and answered so.
    Again(String),
}

impl<A> Core<A> {
    /// Carries out the commands of a request, unless it has been by now. `answer` says what is told of them, and kept; with an error
    /// nothing is kept and the key is free: only for where no command was carried out.
    ///
    /// # Errors
    /// What `answer` gives, or that the key is another request's.
    pub fn once<E: From<EngineError>>(
        &mut self,
        keyed: Keyed,
        commands: &[Command],
        answer: impl FnOnce(&State, Vec<Result<Vec<Event>, EngineError>>) -> Result<String, E>,
        now: Timestamp,
    ) -> Result<Once, E> {
        let Keyed { by, key, digest } = keyed;
        if let Some(kept) = self.state.kept_answer(&by, &key, now) {
            if kept.digest == digest {
                return Ok(Once::Again(kept.text.clone()));
            }
            let key = key.as_str().into();
            let reused = Rejection::IdempotencyKeyReused { key };
            return Err(EngineError::Rejected(reused).into());
        }
        let carry_out = |command| {
            let done = self.command(command, now).map(<[Event]>::to_vec);
            done.map_err(EngineError::Rejected)
        };
        let done = commands.iter().map(carry_out).collect();
        let text = answer(&self.state, done)?;
        let kept = KeptAnswer {
            by,
            key,
            digest,
            text: text.clone(),
        };
        let keep = Command::KeepAnswer(Arc::new(kept));
        if self.command(&keep, now).is_err() {
            unreachable!("a key that is free can be taken");
        }
        Ok(Once::First(text))
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::{Actor, JobSpec, TaskSpec};

    use super::*;

    fn keyed(by: &str, key: &str, digest: u8) -> Keyed {
        Keyed {
            by: by.into(),
            key: RequestKey::new(key).unwrap(),
            digest: [digest; 16],
        }
    }

    fn queue(by: &str, command_line: &str) -> Command {
        Command::QueueJob {
            by: Actor::user(by),
            spec: Arc::new(JobSpec::default()),
            tasks: vec![Arc::new(TaskSpec {
                command_line: command_line.into(),
                ..TaskSpec::default()
            })],
        }
    }

    /// Asks, and answers with the number of the job.
    fn ask(core: &mut Core<()>, keyed: Keyed, command: Command) -> Result<Once, EngineError> {
        let answer = |_: &State, mut done: Vec<Result<Vec<Event>, EngineError>>| {
            let events = done.pop().unwrap()?;
            Ok(format!("{:?}", events[0].fact.job().unwrap()))
        };
        core.once(keyed, &[command], answer, Timestamp(1))
    }

    #[test]
    fn a_request_is_carried_out_once_and_is_one_batch_with_its_answer() {
        let mut core = Core::<()>::new(State::new(), 0, "some".into(), Timestamp(1));
        let first = ask(&mut core, keyed("ann", "k", 1), queue("ann", "a")).unwrap();
        assert!(matches!(first, Once::First(_)));
        let batch = core.batch().unwrap();
        let kinds: Vec<&str> = batch.iter().map(|event| (&event.fact).into()).collect();
        assert_eq!(
            (kinds[0], *kinds.last().unwrap()),
            ("JobAdded", "AnswerKept")
        );
        let Once::First(text) = first else {
            unreachable!("seen above")
        };

        // Again, before and after that is durable.
        for durable in [false, true] {
            if durable {
                core.durable(batch.len() as u64);
            }
            let again = ask(&mut core, keyed("ann", "k", 1), queue("ann", "a")).unwrap();
            assert_eq!(again, Once::Again(text.clone()));
            assert!(core.batch().is_none(), "nothing has happened");
        }
        let other = ask(&mut core, keyed("ann", "k", 2), queue("ann", "b"));
        let reused = Rejection::IdempotencyKeyReused { key: "k".into() };
        assert_eq!(other, Err(EngineError::Rejected(reused)));
        let bob = ask(&mut core, keyed("bob", "k", 1), queue("bob", "a")).unwrap();
        assert!(matches!(bob, Once::First(_)), "a key is that of one user");
        assert_eq!(core.state().job_count(), 2);

        // What a crash leaves are the events: the answer is among them.
        let mut replayed = State::new();
        batch.iter().for_each(|event| replayed.apply(event));
        let mut core = Core::<()>::new(replayed, batch.len() as u64, "some".into(), Timestamp(1));
        let again = ask(&mut core, keyed("ann", "k", 1), queue("ann", "a")).unwrap();
        assert_eq!(again, Once::Again(text));
        assert_eq!(core.state().job_count(), 1);
    }

    #[test]
    fn a_request_that_was_refused_leaves_its_key_free() {
        let mut core = Core::<()>::new(State::new(), 0, "some".into(), Timestamp(1));
        let refused = ask(&mut core, keyed("ann", "k", 1), queue("ann", "a\0b"));
        assert!(refused.is_err());
        assert!(core.batch().is_none());
        let done = ask(&mut core, keyed("ann", "k", 2), queue("ann", "ab")).unwrap();
        assert!(matches!(done, Once::First(_)));
    }
}
