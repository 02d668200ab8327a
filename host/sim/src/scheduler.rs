//! Who decides: a policy component, or native code that stands in for one.

use jobyard_kernel::{Changes, Columns, Instant, Plan, Span};
use jobyard_plugin::{LogLine, PolicyInstance};

/// Lines of a policy's log that a simulation keeps.
pub const LOG_LINES_KEPT_MAX: usize = 1_000;

/// For which new jobs a policy is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// For each.
    All,
    /// Only for those that fit into the cores that are free just now. The policy says so of itself (`arrivals` =
    /// `fitting`, see `configure` in `wit/policy.wit`): the others can not change any decision of it.
    Fitting,
}

impl Arrivals {
    /// What a policy's traits say.
    pub fn of_traits(traits: &[(String, String)]) -> Self {
        match traits
            .iter()
            .any(|(name, value)| name == "arrivals" && value == "fitting")
        {
            true => Arrivals::Fitting,
            false => Arrivals::All,
        }
    }
}

/// Why a pass failed: one line that names the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchedulerFault(pub String);

/// Decides which queued jobs run where: the contract of `wit/policy.wit`, with one instance for the whole simulation.
pub trait Scheduler {
    /// For which new jobs it is called.
    fn arrivals(&self) -> Arrivals;

    /// What it is to be told beside the rows.
    fn columns(&self) -> Columns {
        Columns::default()
    }

    /// The cluster parameter FairShareHalfLife, where the policy was given another than the cluster has.
    fn half_life(&self) -> Option<Span> {
        None
    }

    /// One pass: takes what changed since the last one (everything, the first time), answers what to do.
    ///
    /// # Errors
    ///
    /// A fault ends the simulation: what another policy would make of the rest says nothing about this one.
    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault>;
}

/// A policy component: the same that runs live.
#[derive(Debug)]
pub struct Component {
    instance: PolicyInstance,
    half_life: Option<Span>,
    log: Vec<(Instant, LogLine)>,
    log_lines_dropped: u64,
}

impl Component {
    /// Takes an instance that has had no pass yet.
    pub fn new(instance: PolicyInstance) -> Self {
        Self {
            instance,
            half_life: None,
            log: Vec::new(),
            log_lines_dropped: 0,
        }
    }

    /// Counts use with this half-life: the one that the policy was given as a setting.
    #[must_use]
    pub fn half_life(self, half_life: Option<Span>) -> Self {
        Self { half_life, ..self }
    }

    /// What the policy logged, with the virtual time of the pass: the first [`LOG_LINES_KEPT_MAX`] lines.
    pub fn log(&self) -> &[(Instant, LogLine)] {
        &self.log
    }

    /// How many lines it logged beyond those.
    pub fn log_lines_dropped(&self) -> u64 {
        self.log_lines_dropped
    }

    fn keep_log(&mut self, now: Instant) {
        for line in self.instance.take_log() {
            match self.log.len() < LOG_LINES_KEPT_MAX {
                true => self.log.push((now, line)),
                false => self.log_lines_dropped += 1,
            }
        }
    }
}

impl Scheduler for Component {
    fn arrivals(&self) -> Arrivals {
        Arrivals::of_traits(self.instance.traits())
    }

    fn columns(&self) -> Columns {
        self.instance.columns().clone()
    }

    fn half_life(&self) -> Option<Span> {
        self.half_life
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        let plan = self.instance.schedule(now, changes);
        self.keep_log(now);
        plan.map_err(|fault| SchedulerFault(fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_trait_narrows_the_calls() {
        let table: &[(&[(&str, &str)], Arrivals)] = &[
            (&[], Arrivals::All),
            (&[("arrivals", "fitting")], Arrivals::Fitting),
            (&[("arrivals", "all")], Arrivals::All),
            (&[("departures", "fitting")], Arrivals::All),
            (&[("name", "x"), ("arrivals", "fitting")], Arrivals::Fitting),
        ];
        for (traits, expected) in table {
            let traits: Vec<_> = traits
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            assert_eq!(Arrivals::of_traits(&traits), *expected, "{traits:?}");
        }
    }
}
