//! What came of a check.

mod junit;

use std::fmt;

use serde::Serialize;

pub use junit::junit;

use crate::growth::PassTime;
use crate::{Claim, Options, Tested};

/// What came of a check, as one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Report {
    /// The policy.
    pub policy: String,
    /// Its settings, as NAME=VALUE.
    pub settings: Vec<String>,
    /// What it claims.
    pub claims: Vec<String>,
    /// The first seed of random cases.
    pub first_seed: u64,
    /// Random cases of each kind.
    pub seeds: u64,
    /// One for each rule, scenario and published result.
    pub results: Vec<Checked>,
    /// The time of passes, where it was measured.
    pub measured: Vec<PassTime>,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// A rule, on random cases.
    Rule,
    /// A scenario with expected starts, or one that was given.
    Scenario,
    /// A published result.
    Published,
}

/// One rule, scenario or published result.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Checked {
    /// What it is.
    pub sort: Sort,
    /// Its name.
    pub name: String,
    /// Of a rule: what must hold.
    pub sentence: String,
    /// How many cases it was tried with.
    pub cases: u64,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed {
        /// What is wrong, in one line.
        what: String,
        /// The seed of the random case that showed it.
        seed: Option<u64>,
        /// The smallest case that shows it, as a scenario.
        case: Option<String>,
    },
    /// It was not tried.
    Skipped {
        /// Why not.
        why: String,
    },
}

impl Report {
    pub(crate) fn new(tested: &Tested<'_>, options: &Options) -> Self {
        let setting = |(name, value): &(String, String)| format!("{name}={value}");
        Report {
            policy: tested.name.clone(),
            settings: tested.settings.iter().map(setting).collect(),
            claims: tested.claims.iter().map(Claim::to_string).collect(),
            first_seed: options.first_seed,
            seeds: options.seeds,
            results: Vec::new(),
            measured: Vec::new(),
        }
    }

    /// Those that do not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Checked> {
        self.results
            .iter()
            .filter(|checked| matches!(checked.outcome, Outcome::Failed { .. }))
    }
}

impl Outcome {
    pub(crate) fn unclaimed(claims: &[Claim]) -> Self {
        let names: Vec<&str> = claims.iter().map(|claim| claim.name()).collect();
        Outcome::Skipped {
            why: format!("for policies that claim {}", names.join(", ")),
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Sort::Rule => "rule",
            Sort::Scenario => "scenario",
            Sort::Published => "published",
        })
    }
}
