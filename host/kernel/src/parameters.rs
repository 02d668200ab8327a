//! The cluster's parameters by HPC Pack's names, in any case: what each takes, what it is, how it is set from text.
//!
//! Names, units of bare numbers and defaults are HPC Pack's (reference 7), but for FairShareHalfLife, which is jobyard's own. A name that is not here is refused: there are no parameters of
//! a site's own.

use std::fmt;

use crate::filter;
use crate::limits::{CLUSTER_NAME_CHARS_MAX, FILTER_TIMEOUT_SECONDS_MAX, PRIORITY_BIAS_LEVEL_MAX};
use crate::{Affinity, Parameters, PreemptionType, PriorityBias, SchedulingMode, Span};

/// One of the cluster's parameters.
pub struct Parameter {
    /// Its name, as HPC Pack writes it.
    pub name: &'static str,
    /// What it may be, in words.
    pub takes: &'static str,
    get: fn(&Parameters) -> String,
    /// None for a value that it does not take.
    set: fn(&mut Parameters, &str) -> Option<()>,
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Why a parameter was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParameter {
    /// There is none of that name.
    #[error("there is no parameter \"{name}\"; there are: {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// All names.
        known: String,
    },
    /// It does not take that value.
    #[error("{name} cannot be \"{value}\"; it takes {takes}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
}

const SECOND: u64 = 1;
const DAY: u64 = 86_400;
const FLAG: &str = "true or false";
const COUNT: &str = "0 to 2147483647";
const FILTERS: &str =
    "names of filters in the order in which they are asked, with commas between; none when empty";
const FILTER_TIME: &str = "a time from 1 to 120 seconds, as 15s, or a number of seconds";
const TIME: &str = "a time, as 15s or 2m30s, or a number of seconds";

/// All of them, by name.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "ActivationFilterProgram",
        takes: FILTERS,
        get: |all| all.activation_filters.join(","),
        set: |all, text| {
            all.activation_filters = filter::names(text)?;
            Some(())
        },
    },
    Parameter {
        name: "ActivationFilterTimeout",
        takes: FILTER_TIME,
        get: |all| all.activation_filter_timeout.to_string(),
        set: |all, text| {
            all.activation_filter_timeout = filter_time(text)?;
            Some(())
        },
    },
    Parameter {
        name: "AffinityType",
        takes: "AllJobs, NonExclusiveJobs or NoJobs",
        get: |all| format!("{:?}", all.affinity),
        set: |all, text| {
            let kinds = [
                Affinity::AllJobs,
                Affinity::NonExclusiveJobs,
                Affinity::NoJobs,
            ];
            all.affinity = named(&kinds, text)?;
            Some(())
        },
    },
    Parameter {
        name: "AutomaticGrowthEnabled",
        takes: FLAG,
        get: |all| all.automatic_growth.to_string(),
        set: |all, text| {
            all.automatic_growth = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "AutomaticShrinkEnabled",
        takes: FLAG,
        get: |all| all.automatic_shrink.to_string(),
        set: |all, text| {
            all.automatic_shrink = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "BackfillLookahead",
        takes: "a number of jobs; 0 turns backfill off, -1 is the whole queue",
        get: |all| all.backfill_lookahead.to_string(),
        set: |all, text| {
            all.backfill_lookahead = text.parse().ok()?;
            Some(())
        },
    },
    Parameter {
        name: "CCP_CLUSTER_NAME",
        takes: "1 to 80 characters",
        get: |all| all.cluster_name.clone(),
        set: |all, text| {
            let fits = (1..=CLUSTER_NAME_CHARS_MAX).contains(&text.chars().count())
                && !text.contains(char::is_control);
            all.cluster_name = fits.then(|| text.to_string())?;
            Some(())
        },
    },
    Parameter {
        name: "DefaultHoldDuration",
        takes: TIME,
        get: |all| all.default_hold.to_string(),
        set: |all, text| {
            all.default_hold = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "DisableResourceValidation",
        takes: FLAG,
        get: |all| all.disable_resource_validation.to_string(),
        set: |all, text| {
            all.disable_resource_validation = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "EnablePools",
        takes: FLAG,
        get: |all| all.pools.to_string(),
        set: |all, text| {
            all.pools = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "ExcludedNodesLimit",
        takes: COUNT,
        get: |all| all.excluded_nodes_limit.to_string(),
        set: |all, text| {
            all.excluded_nodes_limit = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "FairShareHalfLife",
        takes: "a time of a second or more, as 12h, or a number of days",
        get: |all| all.fair_share_half_life.to_string(),
        set: |all, text| {
            // What is shown is what policies are told, so it must be all of it.
            let shown = span(text, DAY)?.to_string().parse().ok()?;
            all.fair_share_half_life = (shown >= Span::from_secs(SECOND)).then_some(shown)?;
            Some(())
        },
    },
    Parameter {
        name: "GrowByPreemptionEnabled",
        takes: FLAG,
        get: |all| all.grow_by_preemption.to_string(),
        set: |all, text| {
            all.grow_by_preemption = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "HeartbeatInterval",
        takes: TIME,
        get: |all| all.heartbeat_interval.to_string(),
        set: |all, text| {
            all.heartbeat_interval = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "InactivityCount",
        takes: COUNT,
        get: |all| all.inactivity_count.to_string(),
        set: |all, text| {
            all.inactivity_count = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "JobRetryCount",
        takes: COUNT,
        get: |all| all.job_retry_count.to_string(),
        set: |all, text| {
            all.job_retry_count = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "NodeReleaseTaskTimeout",
        takes: "a time, as 15s, or a number of seconds; 0 turns node release tasks off",
        get: |all| all.node_release_timeout.to_string(),
        set: |all, text| {
            all.node_release_timeout = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "PreemptionBalancedMode",
        takes: "Graceful or Immediate",
        get: |all| format!("{:?}", all.preemption_balanced),
        set: |all, text| {
            let kinds = [PreemptionType::Graceful, PreemptionType::Immediate];
            all.preemption_balanced = named(&kinds, text)?;
            Some(())
        },
    },
    Parameter {
        name: "PreemptionType",
        takes: "None, Graceful or Immediate",
        get: |all| format!("{:?}", all.preemption),
        set: |all, text| {
            let kinds = [
                PreemptionType::None,
                PreemptionType::Graceful,
                PreemptionType::Immediate,
            ];
            all.preemption = named(&kinds, text)?;
            Some(())
        },
    },
    Parameter {
        name: "PriorityBias",
        takes: "None, Medium or High, or HPC Pack's MediumBias or HighBias",
        get: |all| format!("{:?}", all.priority_bias),
        set: |all, text| {
            let kinds = [PriorityBias::None, PriorityBias::Medium, PriorityBias::High];
            let short = text.len().saturating_sub("Bias".len());
            let ends = text
                .get(short..)
                .is_some_and(|end| end.eq_ignore_ascii_case("Bias"));
            all.priority_bias = named(&kinds, if ends { &text[..short] } else { text })?;
            Some(())
        },
    },
    Parameter {
        name: "PriorityBiasLevel",
        takes: "0, for what PriorityBias says, or how many times as much a job gets for each 1000 of priority, up to 1000",
        get: |all| all.priority_bias_level.to_string(),
        set: |all, text| {
            all.priority_bias_level =
                count(text).filter(|level| *level <= PRIORITY_BIAS_LEVEL_MAX)?;
            Some(())
        },
    },
    Parameter {
        name: "RebalancingInterval",
        takes: "a time of at least a second, as 10s, or a number of seconds",
        get: |all| all.rebalancing_interval.to_string(),
        set: |all, text| {
            let span = span(text, SECOND).filter(|span| *span >= Span::from_secs(1));
            all.rebalancing_interval = span?;
            Some(())
        },
    },
    Parameter {
        name: "SchedulingMode",
        takes: "Queued or Balanced",
        get: |all| format!("{:?}", all.scheduling_mode),
        set: |all, text| {
            let kinds = [SchedulingMode::Queued, SchedulingMode::Balanced];
            all.scheduling_mode = named(&kinds, text)?;
            Some(())
        },
    },
    Parameter {
        name: "SubmissionFilterProgram",
        takes: FILTERS,
        get: |all| all.submission_filters.join(","),
        set: |all, text| {
            all.submission_filters = filter::names(text)?;
            Some(())
        },
    },
    Parameter {
        name: "SubmissionFilterTimeout",
        takes: FILTER_TIME,
        get: |all| all.submission_filter_timeout.to_string(),
        set: |all, text| {
            all.submission_filter_timeout = filter_time(text)?;
            Some(())
        },
    },
    Parameter {
        name: "TaskCancelGracePeriod",
        takes: TIME,
        get: |all| all.task_cancel_grace.to_string(),
        set: |all, text| {
            all.task_cancel_grace = span(text, SECOND)?;
            Some(())
        },
    },
    Parameter {
        name: "TaskImmediatePreemptionEnabled",
        takes: FLAG,
        get: |all| all.task_immediate_preemption.to_string(),
        set: |all, text| {
            all.task_immediate_preemption = truth(text)?;
            Some(())
        },
    },
    Parameter {
        name: "TaskRetryCount",
        takes: COUNT,
        get: |all| all.task_retry_count.to_string(),
        set: |all, text| {
            all.task_retry_count = count(text)?;
            Some(())
        },
    },
    Parameter {
        name: "TTLCompletedJobs",
        takes: "a time, as 12h, or a number of days",
        get: |all| all.ttl_completed_jobs.to_string(),
        set: |all, text| {
            all.ttl_completed_jobs = span(text, DAY)?;
            Some(())
        },
    },
];

impl Parameter {
    /// The one of that name, in any case.
    ///
    /// # Errors
    /// There is none; the error lists all names.
    pub fn find(name: &str) -> Result<&'static Parameter, BadParameter> {
        let mut all = PARAMETERS.iter();
        all.find(|p| p.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let names: Vec<_> = PARAMETERS.iter().map(|p| p.name).collect();
                BadParameter::Unknown {
                    name: name.into(),
                    known: names.join(", "),
                }
            })
    }

    /// All names and values, as they may be set: for policies that follow some of them.
    pub fn all(parameters: &Parameters) -> Vec<(String, String)> {
        let each = |p: &Parameter| (p.name.to_owned(), p.get(parameters));
        PARAMETERS.iter().map(each).collect()
    }

    /// Its value, as it may be set.
    pub fn get(&self, parameters: &Parameters) -> String {
        (self.get)(parameters)
    }

    /// Sets it; without a value to its default.
    ///
    /// # Errors
    /// It does not take that value; the parameters are as they were.
    pub fn set(
        &self,
        parameters: &mut Parameters,
        value: Option<&str>,
    ) -> Result<(), BadParameter> {
        let default = || self.get(&Parameters::default());
        let value = value.map_or_else(default, str::to_string);
        let bad = || BadParameter::Value {
            name: self.name,
            value: value.clone(),
            takes: self.takes,
        };
        (self.set)(parameters, value.trim()).ok_or_else(bad)
    }
}

fn named<T: fmt::Debug + Copy>(kinds: &[T], text: &str) -> Option<T> {
    let is = |kind: &&T| format!("{kind:?}").eq_ignore_ascii_case(text);
    kinds.iter().find(is).copied()
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|n| *n <= i32::MAX as u32)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn filter_time(text: &str) -> Option<Span> {
    let (least, most) = (SECOND, FILTER_TIMEOUT_SECONDS_MAX);
    let allowed = Span::from_secs(least)..=Span::from_secs(most);
    span(text, SECOND).filter(|time| allowed.contains(time))
}

/// With a unit, or a number of HPC Pack's, which has so many seconds.
fn span(text: &str, unit_seconds: u64) -> Option<Span> {
    match text.parse::<u64>() {
        Ok(number) => Some(Span::from_secs(number.checked_mul(unit_seconds)?)),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_takes_what_it_shows_and_has_its_default() {
        let defaults = Parameters::default();
        for parameter in PARAMETERS {
            let mut all = defaults.clone();
            let shown = parameter.get(&all);
            assert_eq!(parameter.set(&mut all, Some(&shown)), Ok(()), "{shown}");
            assert_eq!(parameter.set(&mut all, None), Ok(()), "{parameter:?}");
            assert_eq!(all, defaults, "{parameter:?}");
        }
        assert!(PARAMETERS.is_sorted_by_key(|p| p.name.to_lowercase()));
    }

    /// Names and defaults of reference 7.
    #[test]
    fn the_defaults_are_hpc_packs() {
        let all = Parameters::default();
        for (name, default) in [
            ("ActivationFilterProgram", ""),
            ("ActivationFilterTimeout", "15s"),
            ("SubmissionFilterProgram", ""),
            ("SubmissionFilterTimeout", "15s"),
            ("AffinityType", "NonExclusiveJobs"),
            ("AutomaticGrowthEnabled", "true"),
            ("AutomaticShrinkEnabled", "true"),
            ("BackfillLookahead", "1000"),
            ("DefaultHoldDuration", "15m"),
            ("DisableResourceValidation", "false"),
            ("EnablePools", "false"),
            ("ExcludedNodesLimit", "10"),
            ("FairShareHalfLife", "7d"),
            ("HeartbeatInterval", "30s"),
            ("InactivityCount", "3"),
            ("JobRetryCount", "3"),
            ("NodeReleaseTaskTimeout", "15s"),
            ("PreemptionBalancedMode", "Immediate"),
            ("PreemptionType", "Graceful"),
            ("PriorityBias", "Medium"),
            ("PriorityBiasLevel", "0"),
            ("RebalancingInterval", "10s"),
            ("SchedulingMode", "Queued"),
            ("TaskCancelGracePeriod", "15s"),
            ("TaskImmediatePreemptionEnabled", "true"),
            ("TaskRetryCount", "3"),
            ("TTLCompletedJobs", "5d"),
        ] {
            assert_eq!(
                Parameter::find(name).map(|p| p.get(&all)),
                Ok(default.into())
            );
        }
    }

    #[test]
    fn names_are_in_any_case_and_bare_numbers_have_hpc_packs_units() {
        let mut all = Parameters::default();
        let mut set = |name, value| Parameter::find(name)?.set(&mut all, Some(value));
        assert_eq!(set("taskcancelgraceperiod", "30"), Ok(()));
        assert_eq!(set("TTLCOMPLETEDJOBS", "2"), Ok(()));
        assert_eq!(set("NodeReleaseTaskTimeout", "1m30s"), Ok(()));
        assert_eq!(set("AffinityType", "nojobs"), Ok(()));
        assert_eq!(set("PriorityBias", "highbias"), Ok(()));
        assert_eq!(set("SchedulingMode", "balanced"), Ok(()));
        for (name, value) in [
            ("JobRetryCount", "-1"),
            ("JobRetryCount", "2147483648"),
            ("TaskCancelGracePeriod", "soon"),
            ("AffinityType", "some"),
            ("AutomaticGrowthEnabled", "perhaps"),
            ("PreemptionType", "Sometimes"),
            ("PreemptionBalancedMode", "None"),
            ("PriorityBias", "Bias"),
            ("PriorityBiasLevel", "1001"),
            ("RebalancingInterval", "0"),
            ("SchedulingMode", "FastBalanced"),
            ("CCP_CLUSTER_NAME", ""),
            ("SubmissionFilterTimeout", "0"),
            ("ActivationFilterTimeout", "121"),
            ("ActivationFilterProgram", "a,a"),
            ("EnablePools", "some"),
            ("FairShareHalfLife", "0.9s"),
        ] {
            let refused = set(name, value).expect_err(value).to_string();
            assert!(
                refused.contains(name) && refused.contains("takes"),
                "{refused}"
            );
        }
        let unknown = set("SpoolDir", "x").expect_err("not here").to_string();
        assert!(
            unknown.contains("SpoolDir") && unknown.contains("TaskRetryCount"),
            "{unknown}"
        );
        assert_eq!(set("FairShareHalfLife", "1d2h3m"), Ok(()));
        assert_eq!(all.fair_share_half_life, Span::from_secs(26 * 3_600));
        assert_eq!(all.task_cancel_grace, Span::from_secs(30));
        assert_eq!(all.ttl_completed_jobs, Span::from_secs(2 * DAY));
        assert_eq!(all.node_release_timeout, Span::from_secs(90));
        assert_eq!(all.priority_bias, PriorityBias::High);
        assert_eq!(all.scheduling_mode, SchedulingMode::Balanced);
    }
}
