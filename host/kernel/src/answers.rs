//! Answers that are kept for requests that may come twice: somebody who did not hear what became of theirs asks again with the same key.
//!
//! What stands in an answer is the host's matter: here it is a text. An answer is an event like what it tells of, and in one batch with that:
//! whoever finds the one finds the other. Written by `apply` alone, which also forgets: what is too old, and the oldest where there
//! are too many. So it is nobody's task to clean up, and replay forgets the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{
    ANSWERS_BYTES_MAX, ANSWERS_KEPT_MAX, ANSWERS_KEPT_SECONDS, REQUEST_KEY_CHARS_MAX,
};
use crate::{Rejection, Span, Timestamp};

/// What somebody calls a request of theirs: 1 to 255 visible characters of ASCII, no spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestKey(String);

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has 1 to {REQUEST_KEY_CHARS_MAX} visible characters of ASCII and no spaces")]
pub struct BadRequestKey;

impl RequestKey {
    /// # Errors
    /// It is too long, empty, or has other characters.
    pub fn new(text: &str) -> Result<RequestKey, BadRequestKey> {
        let fits = (1..=REQUEST_KEY_CHARS_MAX).contains(&text.len());
        match fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(RequestKey(text.into())),
            false => Err(BadRequestKey),
        }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was answered to a request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Who asked: keys of others are others.
    pub by: String,
    /// What they called the request.
    pub key: RequestKey,
    /// Of all that they asked for.
    pub digest: [u8; 16],
    /// What they were answered.
    pub text: String,
}

impl KeptAnswer {
    /// What it counts for.
    fn bytes(&self) -> usize {
        self.by.len() + self.key.0.len() + self.text.len()
    }
}

/// Those that are kept, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    last: u64,
    kept: BTreeMap<u64, (Timestamp, Arc<KeptAnswer>)>,
    /// Derived: by who asked and by their key.
    of: BTreeMap<String, BTreeMap<RequestKey, u64>>,
    /// Derived: of all that are kept.
    bytes: usize,
}

impl Answers {
    /// What somebody was answered to the request that they call so, unless that is too long ago.
    pub(crate) fn find(
        &self,
        by: &str,
        key: &RequestKey,
        now: Timestamp,
    ) -> Option<&Arc<KeptAnswer>> {
        let number = self.of.get(by)?.get(key)?;
        let (at, answer) = self.kept.get(number)?;
        (!is_over(*at, now)).then_some(answer)
    }

    /// Whether one may be kept: the key is not another request's.
    pub(crate) fn may_keep(&self, answer: &KeptAnswer, now: Timestamp) -> Result<(), Rejection> {
        match self.find(&answer.by, &answer.key, now) {
            None => Ok(()),
            Some(_) => Err(Rejection::IdempotencyKeyReused {
                key: answer.key.as_str().into(),
            }),
        }
    }

    /// Keeps one, and forgets what is too old or too much; this one stays whatever its size.
    pub(crate) fn keep(&mut self, at: Timestamp, answer: &Arc<KeptAnswer>) {
        while let Some((&oldest, (since, _))) = self.kept.first_key_value()
            && (is_over(*since, at)
                || self.kept.len() >= ANSWERS_KEPT_MAX
                || self.bytes + answer.bytes() > ANSWERS_BYTES_MAX)
        {
            self.forget(oldest);
        }
        self.last += 1;
        self.bytes += answer.bytes();
        self.kept.insert(self.last, (at, answer.clone()));
        let of = self.of.entry(answer.by.clone()).or_default();
        of.insert(answer.key.clone(), self.last);
    }

    fn forget(&mut self, number: u64) {
        let Some((_, answer)) = self.kept.remove(&number) else {
            return;
        };
        self.bytes -= answer.bytes();
        if let Some(of) = self.of.get_mut(&answer.by) {
            of.remove(&answer.key);
            if of.is_empty() {
                self.of.remove(&answer.by);
            }
        }
    }

    /// What follows from those that are kept, made from scratch.
    pub(crate) fn derived(&self) -> Answers {
        let mut derived = Answers {
            last: self.last,
            kept: self.kept.clone(),
            ..Answers::default()
        };
        for (&number, (_, answer)) in &self.kept {
            derived.bytes += answer.bytes();
            let of = derived.of.entry(answer.by.clone()).or_default();
            of.insert(answer.key.clone(), number);
        }
        derived
    }
}

fn is_over(at: Timestamp, now: Timestamp) -> bool {
    now >= at + Span::from_secs(ANSWERS_KEPT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(by: &str, key: &str, bytes: usize) -> Arc<KeptAnswer> {
        Arc::new(KeptAnswer {
            by: by.into(),
            key: RequestKey::new(key).expect("a key"),
            digest: [0; 16],
            text: "x".repeat(bytes),
        })
    }

    fn is_kept(answers: &Answers, by: &str, key: &str, seconds: u64) -> bool {
        let key = RequestKey::new(key).expect("a key");
        answers.find(by, &key, at(seconds)).is_some()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn a_key_is_visible_ascii() {
        let longest = "k".repeat(REQUEST_KEY_CHARS_MAX);
        for good in ["a", "!~", "0b6e-77", &longest] {
            assert_eq!(RequestKey::new(good).unwrap().as_str(), good);
        }
        let too_long = format!("{longest}k");
        for bad in ["", " ", "a b", "tab\t", "\u{7f}", "ä", &too_long] {
            assert_eq!(RequestKey::new(bad), Err(BadRequestKey), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_those_of_one_person_and_are_forgotten_after_a_day() {
        let mut answers = Answers::default();
        answers.keep(at(10), &answer("ann", "k1", 5));
        answers.keep(at(20), &answer("bob", "k1", 5));
        let day = ANSWERS_KEPT_SECONDS;
        for (by, key, seconds, kept) in [
            ("ann", "k1", 10, true),
            ("ann", "k1", day + 9, true),
            ("ann", "k1", day + 10, false),
            ("bob", "k1", day + 10, true),
            ("ann", "k2", 10, false),
            ("eve", "k1", 10, false),
        ] {
            assert_eq!(is_kept(&answers, by, key, seconds), kept, "{by} {seconds}");
        }
        // What is over is gone as soon as another one comes, which may have the same name.
        answers.keep(at(day + 10), &answer("ann", "k1", 5));
        assert_eq!(answers.kept.len(), 2);
        assert!(is_kept(&answers, "ann", "k1", day + 10));
        assert_eq!(answers, answers.derived());
    }

    #[test]
    fn the_oldest_makes_room_and_the_newest_always_stays() {
        let mut answers = Answers::default();
        for number in 0..ANSWERS_KEPT_MAX {
            answers.keep(at(1), &answer("ann", &format!("k{number}"), 1));
        }
        assert!(is_kept(&answers, "ann", "k0", 1));
        answers.keep(at(1), &answer("ann", "one-more", 1));
        assert_eq!(answers.kept.len(), ANSWERS_KEPT_MAX);
        assert!(!is_kept(&answers, "ann", "k0", 1));
        assert!(is_kept(&answers, "ann", "k1", 1));
        // It takes the place of as many as it is large.
        answers.keep(at(2), &answer("bob", "large", ANSWERS_BYTES_MAX + 1));
        assert_eq!(answers.kept.len(), 1);
        assert!(is_kept(&answers, "bob", "large", 2));
        answers.keep(at(3), &answer("ann", "small", 1));
        assert_eq!(answers.kept.len(), 1);
        assert_eq!(answers, answers.derived());
    }
}
