//! What every policy does beside starting jobs, and the settings for it: growth, shrinking, preemption, packing.
//!
//! Which job starts when is the policy's; so is for whom something is taken ([`crate::preempt`]).

use crate::{
    mirror::Mirror,
    packing::Packing,
    parameters::Parameters,
    pass::Pass,
    policy::Traits,
    preempt::{Preemption, grow_by_preemption},
    settings::yes_or_no,
};

/// The rules that are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `grow` = `yes` | `no`: whether running jobs that may grow get free cores before queued jobs start.
    pub grow: bool,
    /// `shrink` = `yes` | `no`: whether running jobs that may shrink give back what they have no use for.
    pub shrink: bool,
    /// `preemption` = `none` | `graceful` | `whole-jobs` | `immediate`: what is taken from running jobs for one of higher priority.
    pub preemption: Preemption,
    /// The parameter `GrowByPreemptionEnabled`: whether running jobs take from others of lower priority to grow.
    pub grow_by_preemption: bool,
    /// `packing`, `topology`: which nodes jobs are put on.
    pub packing: Packing,
}

impl Default for Rules {
    /// HPC Pack's, but nothing is preempted.
    fn default() -> Rules {
        Rules {
            grow: true,
            shrink: true,
            preemption: Preemption::None,
            grow_by_preemption: false,
            packing: Packing::Pack,
        }
    }
}

impl Rules {
    /// The names of the settings.
    pub const SETTINGS: &[&str] = &["grow", "shrink", "preemption", "packing", "topology"];

    /// What a policy says of itself by these rules.
    pub fn traits(&self, with_backfill: bool) -> Traits {
        let mut traits = Parameters::followed(with_backfill);
        self.packing.ask(&mut traits);
        traits
    }

    /// Has the mirror keep what the rules need. To be called when the settings have changed.
    pub fn prepare(&self, mirror: &mut Mirror) {
        mirror.keep_ranks(self.preemption != Preemption::None);
        mirror.set_packing(&self.packing);
    }

    /// What a pass begins with: running jobs give back what they have no use for, and grow, at the cost of others if that is
    /// wanted.
    pub fn begin(&self, pass: &mut Pass<'_>) {
        if self.shrink {
            pass.shrink();
        }
        match (self.grow, self.preemption) {
            (false, _) => {}
            (true, Preemption::None) => pass.grow(),
            (true, Preemption::Graceful | Preemption::WholeJobs | Preemption::Immediate) => {
                pass.grow_unless_waited_for();
                if self.grow_by_preemption {
                    grow_by_preemption(pass, self.preemption);
                }
            }
        }
    }
}

/// Reads the settings and the cluster's parameters, one by one.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// What the parameters say.
    pub parameters: Parameters,
    grow: Option<bool>,
    shrink: Option<bool>,
    preemption: Option<Preemption>,
    packing: Option<String>,
    topology: Option<String>,
}

impl Reader {
    /// Takes a setting that is one of [`Rules::SETTINGS`], or a parameter; false for any other.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "grow" => self.grow = Some(yes_or_no(name, value)?),
            "shrink" => self.shrink = Some(yes_or_no(name, value)?),
            "preemption" => self.preemption = Some(Preemption::read(name, value)?),
            "packing" => self.packing = Some(value.to_owned()),
            "topology" => self.topology = Some(value.to_owned()),
            _ => return self.parameters.read(name, value),
        }
        Ok(true)
    }

    /// What is in force: of what was not given what a parameter says, or the default.
    ///
    /// # Errors
    /// A sentence for the admin about settings that do not go together.
    pub fn rules(&self, default: Rules) -> Result<Rules, String> {
        let packing = match (&self.packing, &self.topology) {
            (None, None) => default.packing,
            (packing, topology) => Packing::read(packing.as_deref(), topology.as_deref())?,
        };
        Ok(Rules {
            grow: self.parameters.grow(self.grow.unwrap_or(default.grow)),
            shrink: (self.parameters).shrink(self.shrink.unwrap_or(default.shrink)),
            preemption: (self.parameters).preemption(self.preemption, default.preemption),
            grow_by_preemption: self.parameters.grow_by_preemption(),
            packing,
        })
    }
}
