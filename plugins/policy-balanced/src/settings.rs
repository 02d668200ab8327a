//! The settings of the policy, the parameters that it follows, and what they may be.

use jobyard_plugin_sdk::{
    packing::{COLUMN_GROUPS, Packing},
    parameters::Parameters,
    policy::{Span, Traits},
    preempt::Preemption,
    settings::{each_once, refusal, unknown, yes_or_no},
};

use crate::pools;

/// Pools at the most, their weight, and the characters of their names: HPC Pack's limits.
const POOLS_MAX: usize = 100;
const POOL_WEIGHT_MAX: u32 = 999_999;
const POOL_CHARS_MAX: usize = 64;
/// How many times as much for each 1,000 of priority at the most.
const BIAS_MAX: u64 = 1_000;
const SECOND: f64 = 1e6;

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `bias`: how many times as much a job gets for each 1,000 of priority; 1: the same.
    pub bias: u64,
    /// `interval`: how often running jobs are given more and less.
    pub interval: Span,
    /// `preemption` = `none` | `graceful` | `immediate`: how what is above the minimum of a job is taken back.
    pub preemption: Preemption,
    /// Whether running jobs may be given more, and give back: always in balanced mode.
    pub grow: bool,
    /// Likewise.
    pub shrink: bool,
    /// `pools`: their weights by name; empty: there are none.
    pub pools: Vec<(String, u32)>,
    /// `packing`, `topology`: which nodes jobs are put on.
    pub packing: Packing,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bias: 2,
            interval: 10.0 * SECOND,
            preemption: Preemption::Immediate,
            grow: true,
            shrink: true,
            pools: Vec::new(),
            packing: Packing::Pack,
        }
    }
}

const NAMES: &[&str] = &[
    "bias",
    "interval",
    "preemption",
    "pools",
    "packing",
    "topology",
];
/// Parameters of balanced mode.
const FOLLOWED: &str = "SchedulingMode,PreemptionBalancedMode,PriorityBias,PriorityBiasLevel,RebalancingInterval,EnablePools";

impl Settings {
    /// Reads all settings; of what is not given what a cluster parameter says, or the default.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(given: &[(String, String)]) -> Result<Settings, String> {
        each_once(given)?;
        let default = Settings::default();
        let mut queued = Parameters::default();
        let mut balanced = true;
        let (mut asked, mut allowed) = (None, None);
        let (mut bias, mut of_cluster, mut level) = (None, None, 0);
        let (mut interval, mut own_interval) = (None, None);
        let (mut pools, mut enabled) = (Vec::new(), true);
        let (mut packing, mut topology) = (None, None);
        for (name, value) in given {
            match name.as_str() {
                "bias" => bias = Some(read_bias(name, value)?),
                "interval" => own_interval = Some(read_span(name, value)?),
                "preemption" => match Preemption::read(name, value)? {
                    Preemption::WholeJobs => {
                        return Err(refusal(name, value, "`none`, `graceful` or `immediate`"));
                    }
                    kind @ (Preemption::None | Preemption::Graceful | Preemption::Immediate) => {
                        asked = Some(kind);
                    }
                },
                "pools" => pools = read_pools(name, value)?,
                "packing" => packing = Some(value.as_str()),
                "topology" => topology = Some(value.as_str()),
                "SchedulingMode" => balanced = value == "Balanced",
                "PreemptionBalancedMode" => {
                    allowed = Some(match value.as_str() {
                        "Graceful" => Preemption::Graceful,
                        "Immediate" => Preemption::Immediate,
                        _ => return Err(refusal(name, value, "`Graceful` or `Immediate`")),
                    });
                }
                "PriorityBias" => of_cluster = Some(read_bias(name, &value.to_lowercase())?),
                "PriorityBiasLevel" => {
                    let right = "a number from 0 to 1000";
                    let number = value.parse().ok().filter(|level| *level <= BIAS_MAX);
                    level = number.ok_or_else(|| refusal(name, value, right))?;
                }
                "RebalancingInterval" => interval = Some(read_span(name, value)?),
                "EnablePools" => enabled = yes_or_no(name, truth(value))?,
                _ if queued.read(name, value)? => {}
                _ => return Err(unknown(name, NAMES)),
            }
        }
        // In queued mode its parameters bind, and the kernel refuses more.
        let allowed = match balanced {
            true => allowed.unwrap_or(default.preemption),
            false => queued.preemption(None, Preemption::None),
        };
        Ok(Settings {
            bias: bias
                .or((level > 0).then_some(level))
                .or(of_cluster)
                .unwrap_or(default.bias),
            interval: own_interval.or(interval).unwrap_or(default.interval),
            preemption: asked.unwrap_or(allowed).min(allowed),
            grow: balanced || queued.grow(true),
            shrink: balanced || queued.shrink(true),
            pools: if enabled { pools } else { Vec::new() },
            packing: Packing::read(packing, topology)?,
        })
    }

    /// What the policy says of itself.
    pub(crate) fn traits(&self) -> Traits {
        let mut traits = Parameters::followed(false);
        for (name, followed) in &mut traits {
            if name == "follows" {
                *followed = format!("{followed},{FOLLOWED}");
            }
        }
        let mut columns = Vec::new();
        if !self.pools.is_empty() {
            columns.push(pools::COLUMN);
        }
        if let Packing::Groups(_) = self.packing {
            columns.push(COLUMN_GROUPS);
        }
        if !columns.is_empty() {
            traits.push(("columns".to_owned(), columns.join(",")));
        }
        traits
    }

    /// What a job's part of what is divided weighs: for each whole 1,000 of priority so many times as much, in proportion between.
    pub(crate) fn weight(&self, priority: u32) -> u64 {
        let whole = self.bias.saturating_pow(priority / 1000);
        let part = 1000 + (self.bias - 1) * u64::from(priority % 1000);
        whole.saturating_mul(part)
    }
}

/// A parameter's truth as a setting says it.
fn truth(value: &str) -> &str {
    match value {
        "true" => "yes",
        "false" => "no",
        other => other,
    }
}

fn read_bias(name: &str, value: &str) -> Result<u64, String> {
    let number = || {
        value
            .parse()
            .ok()
            .filter(|bias| (1..=BIAS_MAX).contains(bias))
    };
    let bias = match value {
        "none" => Some(1),
        "medium" => Some(2),
        "high" => Some(10),
        _ => number(),
    };
    bias.ok_or_else(|| {
        let right = "`none`, `medium`, `high`, or how many times as much for each 1000 of priority, from 1 to 1000";
        refusal(name, value, right)
    })
}

/// A number of seconds, or numbers with units.
fn read_span(name: &str, value: &str) -> Result<Span, String> {
    let bad = || refusal(name, value, "a time of at least a second, as 10s or 1m30s");
    let (mut span, mut number) = (0.0, String::new());
    for letter in value.chars() {
        let unit = match letter {
            '0'..='9' | '.' => {
                number.push(letter);
                continue;
            }
            's' => 1.0,
            'm' => 60.0,
            'h' => 3_600.0,
            'd' => 86_400.0,
            _ => return Err(bad()),
        };
        let count: f64 = number.parse().map_err(|_| bad())?;
        span += count * unit;
        number.clear();
    }
    if !number.is_empty() {
        span += number.parse::<f64>().map_err(|_| bad())?;
    }
    let span = (span * SECOND).round();
    (SECOND..=1e6 * SECOND)
        .contains(&span)
        .then_some(span)
        .ok_or_else(bad)
}

fn read_pools(name: &str, value: &str) -> Result<Vec<(String, u32)>, String> {
    let right = "names and weights, as `physics=60,chemistry=40`: at most 100 names of at most 64 characters, each once, weights from 0 to 999999";
    let bad = || refusal(name, value, right);
    let mut pools: Vec<(String, u32)> = Vec::new();
    for part in value.split(',').filter(|part| !part.trim().is_empty()) {
        let (pool, weight) = part.split_once('=').ok_or_else(bad)?;
        let pool = pool.trim();
        let weight = weight.trim().parse().ok();
        let weight = weight
            .filter(|weight| *weight <= POOL_WEIGHT_MAX)
            .ok_or_else(bad)?;
        let fits = !pool.is_empty() && pool.chars().count() <= POOL_CHARS_MAX;
        if !fits || pools.iter().any(|(other, _)| other == pool) {
            return Err(bad());
        }
        pools.push((pool.to_owned(), weight));
    }
    if pools.len() > POOLS_MAX {
        return Err(bad());
    }
    Ok(pools)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(&given.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn weights_follow_the_bias() {
        let rows = [
            ("none", [1_000, 1_000, 1_000, 1_000]),
            ("medium", [1_000, 2_000, 3_000, 16_000]),
            ("high", [1_000, 10_000, 55_000, 10_000_000]),
            ("3", [1_000, 3_000, 6_000, 81_000]),
        ];
        for (bias, expected) in rows {
            let settings = read(&[("bias", bias)]).unwrap();
            let weights = [0, 1_000, 1_500, 4_000].map(|priority| settings.weight(priority));
            assert_eq!(weights, expected, "{bias}");
        }
        assert_eq!(
            read(&[("bias", "1000")]).unwrap().weight(4_000),
            1_000_u64.pow(5)
        );
    }

    #[test]
    fn parameters_of_the_mode_bind() {
        let balanced = [
            ("SchedulingMode", "Balanced"),
            ("PreemptionType", "None"),
            ("AutomaticGrowthEnabled", "false"),
            ("PreemptionBalancedMode", "Graceful"),
            ("PriorityBias", "High"),
            ("RebalancingInterval", "1m30s"),
        ];
        let settings = read(&balanced).unwrap();
        assert_eq!(settings.preemption, Preemption::Graceful);
        assert!(settings.grow && settings.shrink);
        assert_eq!((settings.bias, settings.interval), (10, 90e6));
        let mut queued = balanced;
        queued[0].1 = "Queued";
        let settings = read(&queued).unwrap();
        assert_eq!(settings.preemption, Preemption::None);
        assert!(!settings.grow && settings.shrink);
        // A level overrides the bias of the cluster, a setting both; no setting allows more.
        let level = read(&[("PriorityBias", "High"), ("PriorityBiasLevel", "3")]);
        assert_eq!(level.unwrap().bias, 3);
        let own = [
            ("PriorityBiasLevel", "3"),
            ("bias", "none"),
            ("preemption", "immediate"),
        ];
        let settings = read(&[&own[..], &balanced[3..4]].concat()).unwrap();
        assert_eq!(
            (settings.bias, settings.preemption),
            (1, Preemption::Graceful)
        );
    }

    #[test]
    fn pools_are_names_with_weights() {
        let pools = read(&[("pools", "physics=60, chemistry=40")])
            .unwrap()
            .pools;
        assert_eq!(
            pools,
            [("physics".to_owned(), 60), ("chemistry".to_owned(), 40)]
        );
        let off = read(&[("pools", "physics=60"), ("EnablePools", "false")]);
        assert!(off.unwrap().pools.is_empty());
        for bad in ["physics", "physics=-1", "a=1,a=2", "=1", "a=1000000"] {
            let error = read(&[("pools", bad)]).unwrap_err();
            assert!(error.contains(bad), "{error}");
        }
        for (name, bad) in [
            ("bias", "0"),
            ("interval", "0"),
            ("interval", "soon"),
            ("preemption", "whole-jobs"),
        ] {
            let error = read(&[(name, bad)]).unwrap_err();
            assert!(error.contains(name) && error.contains(bad), "{error}");
        }
    }
}
