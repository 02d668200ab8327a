//! What a journal answers for itself where no daemon runs on it: the verbs of `jobyard policy` that only look.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use jobyard::JobId;
use jobyard::journal::sqlite::FILE_NAME;
use jobyard::policies::{AtRest, BadBound, Bound, verify_passes};
use serde_json::Value;

use super::Client;
use super::args::PolicyVerify;
use crate::args::Common;
use crate::failure::Failure;
use crate::policy;

/// The journal of the folder, if no daemon runs on it.
pub(crate) struct Journal {
    folder: PathBuf,
    past: AtRest,
}

impl Journal {
    /// None where a daemon is to be asked, or there is no journal either.
    pub(crate) async fn of(client: &Client) -> Result<Option<Journal>, Failure> {
        // What is at an address is nobody's journal here.
        let Some(folder) = client.folder() else {
            return Ok(None);
        };
        if !folder.join(FILE_NAME).is_file() || !client.is_nobody_there().await {
            return Ok(None);
        }
        let past = AtRest::open(folder)
            .map_err(|error| Failure::Input(format!("{}: {error}", folder.display())))?;
        eprintln!(
            "jobyard: no daemon runs on {}: this is what its journal says",
            folder.display()
        );
        Ok(Some(Journal {
            folder: folder.into(),
            past,
        }))
    }

    pub(crate) fn policies(&self) -> Result<Value, Failure> {
        value(&self.past.policies())
    }

    pub(crate) fn policy(&self, named: &str) -> Result<Value, Failure> {
        value(&self.past.stored_policy(named).map_err(Failure::input)?)
    }

    pub(crate) fn component(&self, digest: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.past.component(digest).map_err(Failure::input)?;
        bytes.ok_or_else(|| Failure::Input(format!("the component {digest} is not kept")))
    }

    pub(crate) fn explain(&self, job: u32, common: &Common) -> Result<Value, Failure> {
        let explained = self.past.explain(&policy::host(common)?, JobId(job));
        value(&explained.map_err(Failure::input)?)
    }

    /// As the daemon does it.
    pub(crate) fn verify(&self, args: &PolicyVerify, common: &Common) -> Result<Value, Failure> {
        let bound = |text: &Option<String>| -> Result<Option<Bound>, Failure> {
            let bound = text.as_deref().map(str::parse).transpose();
            bound.map_err(|error: BadBound| Failure::input(error))
        };
        let (from, to) = (bound(&args.from)?, bound(&args.to)?);
        let (host, stop) = (policy::host(common)?, AtomicBool::new(false));
        let report = verify_passes(&self.folder, &host, from, to, &stop);
        value(&report.map_err(Failure::input)?)
    }
}

fn value(answer: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(Failure::work)
}
