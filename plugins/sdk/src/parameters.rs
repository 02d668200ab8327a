//! The cluster's parameters that a policy follows: HPC Pack's names and values, which the host adds to the settings of a policy
//! that says so of itself. See `configure` in `wit/policy.wit`.
//!
//! A parameter says what the cluster allows, and the kernel refuses more; a setting says what the policy is to do. So a setting may
//! ask for less than its parameter, never for more; one that is not given is what the parameter says.

use crate::{policy::Traits, preempt::Preemption, settings::refusal};

/// What the parameters say that were given; nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parameters {
    preemption: Option<Preemption>,
    preempt_tasks: Option<bool>,
    growth: Option<bool>,
    shrink: Option<bool>,
    lookahead: Option<i64>,
    grow_by_preemption: Option<bool>,
}

/// Names of the parameters that every policy of this crate follows.
const PREEMPTION: &str = "PreemptionType";
const PREEMPT_TASKS: &str = "TaskImmediatePreemptionEnabled";
const GROWTH: &str = "AutomaticGrowthEnabled";
const SHRINK: &str = "AutomaticShrinkEnabled";
const GROW_BY_PREEMPTION: &str = "GrowByPreemptionEnabled";
/// Of those that backfill.
const LOOKAHEAD: &str = "BackfillLookahead";

impl Parameters {
    /// What a policy says of itself to be given these parameters.
    pub fn followed(with_backfill: bool) -> Traits {
        let mut names = vec![
            PREEMPTION,
            PREEMPT_TASKS,
            GROWTH,
            SHRINK,
            GROW_BY_PREEMPTION,
        ];
        if with_backfill {
            names.push(LOOKAHEAD);
        }
        vec![("follows".to_owned(), names.join(","))]
    }

    /// Takes a setting that is a parameter; false for any other.
    ///
    /// # Errors
    /// A sentence for the admin that names the parameter, the value and what would be right.
    pub fn read(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            PREEMPTION => {
                self.preemption = Some(match value {
                    "None" => Preemption::None,
                    "Graceful" => Preemption::Graceful,
                    "Immediate" => Preemption::Immediate,
                    _ => return Err(refusal(name, value, "`None`, `Graceful` or `Immediate`")),
                });
            }
            PREEMPT_TASKS => self.preempt_tasks = Some(flag(name, value)?),
            GROWTH => self.growth = Some(flag(name, value)?),
            SHRINK => self.shrink = Some(flag(name, value)?),
            GROW_BY_PREEMPTION => self.grow_by_preemption = Some(flag(name, value)?),
            LOOKAHEAD => {
                let jobs = value.parse();
                self.lookahead = Some(jobs.map_err(|_| refusal(name, value, "a number of jobs"))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What is taken from running jobs, where the setting asks for this much, if for anything; without both the default.
    pub fn preemption(&self, setting: Option<Preemption>, default: Preemption) -> Preemption {
        let most = match (self.preemption, self.preempt_tasks) {
            (Some(Preemption::Immediate), Some(false)) => Some(Preemption::WholeJobs),
            (most, _) => most,
        };
        match (setting, most) {
            (Some(setting), Some(most)) => setting.min(most),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => default,
        }
    }

    /// Whether running jobs are given more, where the setting says this.
    pub fn grow(&self, setting: bool) -> bool {
        setting && self.growth != Some(false)
    }

    /// Whether running jobs give back what they have no use for, where the setting says this.
    pub fn shrink(&self, setting: bool) -> bool {
        setting && self.shrink != Some(false)
    }

    /// How many jobs a backfill looks at, by the setting, or else the parameter, or else the default; below 0: all.
    pub fn lookahead(&self, setting: Option<i64>, default: i64) -> i64 {
        setting.or(self.lookahead).unwrap_or(default)
    }

    /// Whether running jobs take from others to grow. There is no setting for it.
    pub fn grow_by_preemption(&self) -> bool {
        self.grow_by_preemption == Some(true)
    }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(refusal(name, value, "`true` or `false`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Parameters {
        let mut parameters = Parameters::default();
        for (name, value) in given {
            assert_eq!(parameters.read(name, value), Ok(true), "{name}");
        }
        parameters
    }

    #[test]
    fn a_setting_asks_for_less_and_never_for_more() {
        use Preemption::{Graceful, Immediate, None as Nothing, WholeJobs};
        let kind = |value| read(&[("PreemptionType", value)]);
        assert_eq!(kind("Graceful").preemption(None, Nothing), Graceful);
        assert_eq!(
            kind("Graceful").preemption(Some(Immediate), Nothing),
            Graceful
        );
        assert_eq!(
            kind("Immediate").preemption(Some(Graceful), Nothing),
            Graceful
        );
        assert_eq!(
            kind("Immediate").preemption(Some(Nothing), Nothing),
            Nothing
        );
        assert_eq!(kind("None").preemption(Some(Immediate), Nothing), Nothing);
        assert_eq!(Parameters::default().preemption(None, Nothing), Nothing);
        assert_eq!(
            Parameters::default().preemption(Some(Immediate), Nothing),
            Immediate
        );
        let whole = read(&[
            ("PreemptionType", "Immediate"),
            ("TaskImmediatePreemptionEnabled", "false"),
        ]);
        assert_eq!(whole.preemption(None, Nothing), WholeJobs);
        assert_eq!(whole.preemption(Some(Immediate), Nothing), WholeJobs);

        let off = read(&[
            ("AutomaticGrowthEnabled", "false"),
            ("AutomaticShrinkEnabled", "false"),
        ]);
        assert!(!off.grow(true) && !off.shrink(true));
        let on = Parameters::default();
        assert!(on.grow(true) && !on.grow(false) && on.shrink(true) && !on.shrink(false));
        let jobs = read(&[("BackfillLookahead", "1000")]);
        assert_eq!(
            (jobs.lookahead(None, -1), jobs.lookahead(Some(0), -1)),
            (1000, 0)
        );
        assert_eq!(on.lookahead(None, -1), -1);
    }

    #[test]
    fn others_are_no_parameters_and_wrong_values_are_named() {
        let mut parameters = Parameters::default();
        assert_eq!(parameters.read("preemption", "none"), Ok(false));
        for (name, value) in [
            ("PreemptionType", "graceful"),
            ("AutomaticGrowthEnabled", "yes"),
            ("BackfillLookahead", "many"),
        ] {
            let error = parameters.read(name, value).unwrap_err();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
