//! What a journal says of policies while no engine runs on it: read, never written.

use std::path::Path;
use std::sync::Arc;

use jobyard_journal::JournalError;
use jobyard_journal::sqlite::Reader;
use jobyard_kernel::{JobId, State, Timestamp};
use jobyard_plugin::PluginHost;
use jobyard_plugin::recovery::PolicyChoice;

use super::explain::explanation;
use super::{Explanation, PolicyList, PolicyView, choice_of, find, swap};
use crate::EngineError;

/// A journal at rest.
#[derive(Debug)]
pub struct AtRest {
    past: Reader,
    state: State,
    /// When the last thing happened.
    at: Timestamp,
}

impl AtRest {
    /// Opens the journal of a data folder, beside an engine too: what it shows is how things were then.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        let past = Reader::open(folder)?;
        let (state, at) = past.state()?;
        Ok(Self { past, state, at })
    }

    /// As [`Engine::policies`](crate::Engine::policies).
    pub fn policies(&self) -> PolicyList {
        PolicyList::of(&self.state)
    }

    /// As [`Engine::stored_policy`](crate::Engine::stored_policy).
    ///
    /// # Errors
    /// There is none.
    pub fn stored_policy(&self, policy: &str) -> Result<PolicyView, EngineError> {
        let policies = self.state.policies();
        let digest = find(policies, policy)?;
        Ok(PolicyView::of(policies, &policies.stored[&digest]))
    }

    /// The component of a digest, if it is kept.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.past.component(digest)
    }

    /// As [`Engine::explain`](crate::Engine::explain), as of the last thing that happened.
    ///
    /// # Errors
    /// There is no such job, or the policy cannot be run.
    pub fn explain(&self, host: &PluginHost, job: JobId) -> Result<Explanation, EngineError> {
        let choice = self.in_force(host)?;
        explanation(&self.state, self.at, job, choice.as_ref(), &Arc::default())
    }

    fn in_force(&self, host: &PluginHost) -> Result<Option<PolicyChoice>, EngineError> {
        let policies = self.state.policies();
        let Some(active) = policies.active() else {
            return Ok(None);
        };
        let setup = &active.setup;
        let Some(stored) = policies.stored.get(&setup.digest) else {
            return Ok(None);
        };
        let bytes = self.past.component(&setup.digest);
        let bytes = bytes.map_err(|error| EngineError::Journal(error.to_string()))?;
        let made = bytes.map(|bytes| choice_of(host, stored, &bytes, setup.settings.clone()));
        made.transpose().map_err(swap)
    }
}
