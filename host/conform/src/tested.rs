//! The policy under test: what makes it, with which settings, and what it claims.

use std::collections::BTreeSet;

use jobyard_kernel::{Changes, Plan, State};

use crate::recording::Pass;
use crate::subject::{Instance, NotTaken, Settings, Subject};
use crate::{Claim, yard};

/// The policy under test.
pub struct Tested<'a> {
    /// What people call it.
    pub name: String,
    /// What makes it.
    pub subject: &'a dyn Subject,
    /// All of its settings.
    pub settings: Settings,
    /// What it claims.
    pub claims: BTreeSet<Claim>,
}

impl Tested<'_> {
    /// A new instance as the host makes it: with its settings, then with those cluster parameters that it says it follows.
    pub(crate) fn instance(
        &self,
        state: &State,
    ) -> Result<(Box<dyn Instance>, Settings), NotTaken> {
        let mut instance = self.subject.fresh(&self.settings)?;
        let followed = yard::followed(instance.traits(), state);
        if !followed.is_empty() {
            instance.configure(&self.with(&followed))?;
        }
        Ok((instance, followed))
    }

    /// All settings, with these.
    fn with(&self, more: &[(String, String)]) -> Settings {
        [&self.settings, more].concat()
    }
}

/// Another instance, which goes through what a recording has.
pub(crate) struct Replay<'a> {
    tested: &'a Tested<'a>,
    pub(crate) instance: Box<dyn Instance>,
    followed: Settings,
}

impl<'a> Replay<'a> {
    /// An instance that has been told nothing, as it would be made for this pass.
    pub(crate) fn new(tested: &'a Tested<'a>, pass: &Pass) -> Result<Self, String> {
        let instance = tested.subject.fresh(&tested.settings);
        let instance = instance.map_err(|e| format!("a second instance: {e}"))?;
        let mut replay = Replay {
            tested,
            instance,
            followed: Settings::new(),
        };
        replay.follow(pass)?;
        Ok(replay)
    }

    /// One call, at the time of a pass.
    pub(crate) fn call(&mut self, pass: &Pass, changes: Changes) -> Result<Plan, String> {
        self.follow(pass)?;
        let answer = self.instance.schedule(pass.now.as_instant(), changes);
        answer.map_err(|fault| format!("a second instance: {fault}"))
    }

    fn follow(&mut self, pass: &Pass) -> Result<(), String> {
        if self.followed != pass.followed {
            let settings = self.tested.with(&pass.followed);
            let answer = self.instance.configure(&settings);
            answer.map_err(|e| format!("a second instance: {e}"))?;
            self.followed.clone_from(&pass.followed);
        }
        Ok(())
    }
}
