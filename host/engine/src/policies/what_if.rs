//! What would have happened under other policies: the jobs that this host has recorded, run again in virtual time.
//!
//! The rules of it are those of `jobyard_sim::workload`; the journal is read beside the loop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jobyard_kernel::{Parameter, Parameters, Span};
use jobyard_plugin::recovery::PolicyChoice;
use jobyard_plugin::{Manifest, World};
use jobyard_sim::compare::page;
use jobyard_sim::{Comparison, Estimate, Options, Run, Window, Workload, compare, rerun};

use super::virtual_time::InVirtualTime;
use crate::{Engine, EngineError, builtin};

/// Jobs that are run again: a shorter time has fewer of them.
pub const SIMULATED_JOBS_MAX: usize = 20_000;
/// The setting of policies that count use with a half-life of their own.
const HALF_LIFE: &str = "FairShareHalfLife";

/// A policy that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// One that is kept, by name, digest or the beginning of one, or a built-in one.
    pub policy: String,
    /// All of its settings.
    pub settings: Vec<(String, String)>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// What really happened, and each candidate against it.
    pub comparison: Comparison,
    /// The same as a page for people, all in one file.
    pub page: String,
}

impl Engine {
    /// Runs the jobs that were submitted in a time again, once for each candidate. Takes seconds of a core; one is made at a time. It ends when this is
    /// dropped, at the next pass.
    ///
    /// # Errors
    /// A candidate is not there or does not take its settings, there is nothing to simulate or too much, or a policy failed.
    pub async fn what_if(
        &self,
        candidates: Vec<Candidate>,
        window: Window,
        estimate: Estimate,
    ) -> Result<WhatIf, EngineError> {
        let unkept = || EngineError::Forecast("a journal in memory has no record of jobs".into());
        let folder = self.folder().ok_or_else(unkept)?;
        let turn = self.simulations().wait().await?;
        let mut choices = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let choice = self.candidate(&candidate).await?;
            choices.push((candidate, choice));
        }
        let made = turn.work(move |stop| simulate(&folder, &choices, window, estimate, &stop));
        made.await?.map_err(EngineError::Forecast)
    }

    /// A policy that is kept, or a built-in one, ready to make instances of.
    pub(super) async fn candidate(
        &self,
        candidate: &Candidate,
    ) -> Result<PolicyChoice, EngineError> {
        let Candidate { policy, settings } = candidate;
        match self.setup(policy, settings.clone()).await {
            Ok(setup) => self.choice(&setup).await,
            Err(unknown) => {
                let (host, settings) = (self.plugin_host(), settings.clone());
                let name = policy.clone();
                let load = move || {
                    let own = builtin::whole_policy(&name)?;
                    let manifest = Manifest::parse(&own.manifest);
                    let manifest = manifest.map_err(|error| error.to_string());
                    let load = |manifest| {
                        let world = World::SchedulingPolicy;
                        let plugin = builtin::load(&host, &name, &own.bytes, world, Some(manifest));
                        plugin.map_err(|error| error.to_string())
                    };
                    Some(manifest.and_then(load))
                };
                let plugin = self.beside(load).await?.ok_or(unknown)?;
                let plugin = plugin.map_err(EngineError::Forecast)?;
                Ok(PolicyChoice {
                    limits: plugin.limits(),
                    plugin,
                    settings,
                    number: 0,
                })
            }
        }
    }
}

fn simulate(
    folder: &Path,
    choices: &[(Candidate, PolicyChoice)],
    window: Window,
    estimate: Estimate,
    stop: &Arc<AtomicBool>,
) -> Result<WhatIf, String> {
    let mut workload = Workload::of_journal(folder, window).map_err(|error| error.to_string())?;
    workload.name = "recorded jobs".into();
    let jobs = workload.jobs.len();
    if jobs > SIMULATED_JOBS_MAX {
        return Err(format!(
            "{jobs} jobs ran in that time; {SIMULATED_JOBS_MAX} at most are simulated here: choose a shorter time, or use `jobyard policy simulate`"
        ));
    }
    let mut runs = vec![workload.recorded()];
    for (candidate, choice) in choices {
        runs.push(run(&workload, candidate, choice, estimate, stop)?);
    }
    let basis = workload.basis(estimate);
    let comparison = compare(&basis, &runs).map_err(|error| error.to_string())?;
    let page = page(&comparison, &basis, &runs).map_err(|error| error.to_string())?;
    Ok(WhatIf { comparison, page })
}

fn run(
    workload: &Workload,
    candidate: &Candidate,
    choice: &PolicyChoice,
    estimate: Estimate,
    stop: &Arc<AtomicBool>,
) -> Result<Run, String> {
    let settings = &candidate.settings;
    let words = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let words: Vec<String> = std::iter::once(candidate.policy.clone())
        .chain(words)
        .collect();
    let policy = words.join(" ");
    let said = |error: String| format!("{policy}: {error}");
    let instance = InVirtualTime::new(choice, &workload.parameters(), stop);
    let instance = instance.map_err(|error| said(error.to_string()))?;
    let mut instance = instance.half_life(half_life(settings).map_err(said)?);
    let options = Options {
        policy: policy.clone(),
        estimate,
    };
    rerun(workload, &options, &mut instance).map_err(|error| said(error.to_string()))
}

/// The half-life that a policy is given for itself.
fn half_life(settings: &[(String, String)]) -> Result<Option<Span>, String> {
    let own = |name: &str| name.strip_prefix("ranker.").unwrap_or(name) == HALF_LIFE;
    let Some((_, value)) = settings.iter().find(|(name, _)| own(name)) else {
        return Ok(None);
    };
    let mut parameters = Parameters::default();
    let parameter = Parameter::find(HALF_LIFE).map_err(|error| error.to_string())?;
    let set = parameter.set(&mut parameters, Some(value));
    set.map_err(|error| error.to_string())?;
    Ok(Some(parameters.fair_share_half_life))
}
