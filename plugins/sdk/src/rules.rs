//! What every policy does beside starting jobs, and the settings for it: growth, shrinking, preemption.
//!
//! Which job starts when is the policy's; so is for whom something is taken ([`crate::preempt`]).

use crate::{
    mirror::Mirror, parameters::Parameters, pass::Pass, preempt::Preemption, settings::yes_or_no,
};

/// The rules that are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `grow` = `yes` | `no`: whether running jobs that may grow get free cores before queued jobs start.
    pub grow: bool,
    /// `shrink` = `yes` | `no`: whether running jobs that may shrink give back what they have no use for.
    pub shrink: bool,
    /// `preemption` = `none` | `graceful` | `whole-jobs` | `immediate`: what is taken from running jobs for one of higher priority.
    pub preemption: Preemption,
}

impl Default for Rules {
    /// HPC Pack's, but nothing is preempted.
    fn default() -> Rules {
        Rules {
            grow: true,
            shrink: true,
            preemption: Preemption::None,
        }
    }
}

impl Rules {
    /// The names of the settings.
    pub const SETTINGS: &[&str] = &["grow", "shrink", "preemption"];

    /// Has the mirror keep what the rules need. To be called when the settings have changed.
    pub fn prepare(&self, mirror: &mut Mirror) {
        mirror.keep_ranks(self.preemption != Preemption::None);
    }

    /// What a pass begins with: running jobs give back what they have no use for, and grow.
    pub fn begin(&self, pass: &mut Pass<'_>) {
        if self.shrink {
            pass.shrink();
        }
        match (self.grow, self.preemption) {
            (false, _) => {}
            (true, Preemption::None) => pass.grow(),
            (true, Preemption::Graceful | Preemption::WholeJobs | Preemption::Immediate) => {
                pass.grow_unless_waited_for();
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
            _ => return self.parameters.read(name, value),
        }
        Ok(true)
    }

    /// What is in force: of what was not given the default, or what a parameter says.
    pub fn rules(&self) -> Rules {
        let default = Rules::default();
        Rules {
            grow: self.parameters.grow(self.grow.unwrap_or(default.grow)),
            shrink: self
                .parameters
                .shrink(self.shrink.unwrap_or(default.shrink)),
            preemption: self.parameters.preemption(self.preemption),
        }
    }
}
