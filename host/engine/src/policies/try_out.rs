//! What a policy that is kept would do: under the conformance kit, and with the jobs that were.

use std::collections::BTreeSet;

use jobyard_conform::{Claim, Component as Subject, Options as CheckOptions, Report, Tested};
use jobyard_sim::compare::{Comparison, compare};
use jobyard_sim::{Component, Estimate, Options, Run, SchedulerFault, Window, Workload, rerun};

use super::Candidate;
use crate::{Engine, EngineError};

impl Engine {
    /// Runs the conformance kit on a policy that is kept, or a built-in one: it is held to what every policy must do and, without settings, to
    /// what its manifest claims. Takes seconds to minutes of a core; one policy is checked or proved at a time. It ends when this is dropped, at
    /// the next call of the policy.
    ///
    /// # Errors
    /// There is no such policy, it does not take the settings, or another is at it.
    pub async fn check_policy(
        &self,
        policy: &str,
        settings: Vec<(String, String)>,
        mut options: CheckOptions,
    ) -> Result<Report, EngineError> {
        let turn = self.proofs().begin()?;
        let name = policy.to_string();
        let policy = name.clone();
        let choice = self.candidate(&Candidate { policy, settings }).await?;
        let checked = turn.work(move |stop| {
            options.stop = stop;
            let claims = match choice.settings.is_empty() {
                true => Claim::of_manifest(&choice.plugin).map_err(|e| e.to_string())?,
                false => BTreeSet::new(),
            };
            let tested = Tested {
                name,
                subject: &Subject::new(choice.plugin, choice.limits),
                settings: choice.settings,
                claims,
            };
            jobyard_conform::check(&tested, &options).map_err(|error| error.to_string())
        });
        checked.await?.map_err(EngineError::Swap)
    }

    /// What would have happened with a policy that is kept: the jobs of the journal that were submitted in this window, with the run times that they
    /// had, beside what did happen.
    ///
    /// # Errors
    /// The engine has no folder, there is nothing in that window, there is no such policy, or it failed.
    pub async fn simulate_policy(
        &self,
        policy: &str,
        settings: Vec<(String, String)>,
        window: Window,
    ) -> Result<Comparison, EngineError> {
        let choice = self.choice(&self.setup(policy, settings).await?).await?;
        let folder = self.folder().ok_or_else(|| {
            EngineError::Forecast("the journal is in memory: there is no past to simulate".into())
        })?;
        let name = policy.to_string();
        let simulate = move || -> Result<Comparison, String> {
            let said = |error: &dyn std::fmt::Display| error.to_string();
            let workload = Workload::of_journal(&folder, window).map_err(|e| said(&e))?;
            let instance = choice.instance(&workload.parameters());
            let instance = instance.map_err(|error| SchedulerFault(error.to_string()));
            let mut component = Component::new(instance.map_err(|e| said(&e))?);
            let options = Options {
                policy: name,
                estimate: Estimate::Requested,
            };
            let run: Run = rerun(&workload, &options, &mut component).map_err(|e| said(&e))?;
            let basis = workload.basis(options.estimate);
            compare(&basis, &[workload.recorded(), run]).map_err(|e| said(&e))
        };
        let compared = self.beside(simulate).await?;
        compared.map_err(EngineError::Forecast)
    }
}
