//! The rule of recovery, without any plugin: how many faults in a row, and what is left to fall back to.

use std::fmt;

/// So many faults in a row, without a good pass in between, and a policy is given up.
pub const FAULTS_MAX: u32 = 3;

/// Which policy of a slot decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// The one that the admin chose.
    Chosen,
    /// The one that was chosen before and had good passes.
    LastGood,
    /// The one that the host brings along.
    BuiltIn,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rung::Chosen => "chosen",
            Rung::LastGood => "last good",
            Rung::BuiltIn => "built-in",
        })
    }
}

/// What to do after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new instance of the same policy.
    Again,
    /// A new instance of another.
    Switch(Rung),
    /// The built-in policy has failed too: nothing for now, then the same one again.
    Wait,
}

/// Where a slot stands in its recovery.
#[derive(Debug, Clone)]
pub struct Ladder {
    rung: Rung,
    faults_in_a_row: u32,
    good_passes: u64,
    /// There is nothing to fall back to.
    alone: bool,
}

impl Ladder {
    /// At the top, with a policy that has not been called yet.
    pub fn new() -> Self {
        Self {
            rung: Rung::Chosen,
            faults_in_a_row: 0,
            good_passes: 0,
            alone: false,
        }
    }

    /// The same for a policy that is only tried: with it the trial ends.
    pub fn alone() -> Self {
        Self {
            alone: true,
            ..Self::new()
        }
    }

    /// Which policy decides now.
    pub fn rung(&self) -> Rung {
        self.rung
    }

    /// Faults since the last good pass of the policy that decides now.
    pub fn faults_in_a_row(&self) -> u32 {
        self.faults_in_a_row
    }

    /// Whether the policy that decides now has ever answered well.
    pub fn is_proven(&self) -> bool {
        self.good_passes > 0
    }

    /// The policy answered.
    pub fn good(&mut self) {
        self.faults_in_a_row = 0;
        self.good_passes += 1;
    }

    /// The policy faulted; `last_good` is whether there is one to go back to.
    pub fn fault(&mut self, last_good: bool) -> Step {
        self.faults_in_a_row += 1;
        if self.faults_in_a_row < FAULTS_MAX {
            return Step::Again;
        }
        self.faults_in_a_row = 0;
        let next = match self.rung {
            Rung::Chosen if self.alone => return Step::Wait,
            Rung::Chosen if last_good => Rung::LastGood,
            Rung::Chosen | Rung::LastGood => Rung::BuiltIn,
            Rung::BuiltIn => return Step::Wait,
        };
        self.rung = next;
        self.good_passes = 0;
        Step::Switch(next)
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_alone_has_nobody_to_fall_back_to() {
        let mut ladder = Ladder::alone();
        let steps = [(); 3].map(|()| ladder.fault(true));
        assert_eq!(steps, [Step::Again, Step::Again, Step::Wait]);
        assert_eq!(ladder.rung(), Rung::Chosen);
    }

    #[test]
    fn a_policy_gets_two_more_instances() {
        let mut ladder = Ladder::new();
        assert_eq!(ladder.fault(true), Step::Again);
        assert_eq!(ladder.fault(true), Step::Again);
        assert_eq!(ladder.fault(true), Step::Switch(Rung::LastGood));
    }

    #[test]
    fn a_good_pass_forgives() {
        let mut ladder = Ladder::new();
        for _ in 0..10 {
            assert_eq!(ladder.fault(false), Step::Again);
            assert_eq!(ladder.fault(false), Step::Again);
            ladder.good();
            assert_eq!(ladder.faults_in_a_row(), 0);
        }
        assert_eq!(ladder.rung(), Rung::Chosen);
    }

    #[test]
    fn the_way_down_ends_at_the_built_in_policy() {
        let down = |last_good: bool| {
            let mut ladder = Ladder::new();
            let steps: Vec<Step> = (0..12).map(|_| ladder.fault(last_good)).collect();
            steps
                .into_iter()
                .filter(|step| *step != Step::Again)
                .collect::<Vec<_>>()
        };
        let built_in = Step::Switch(Rung::BuiltIn);
        assert_eq!(
            down(true),
            [
                Step::Switch(Rung::LastGood),
                built_in,
                Step::Wait,
                Step::Wait
            ]
        );
        assert_eq!(down(false), [built_in, Step::Wait, Step::Wait, Step::Wait]);
    }

    #[test]
    fn a_policy_that_just_came_to_decide_is_not_proven() {
        let mut ladder = Ladder::new();
        assert!(!ladder.is_proven());
        ladder.good();
        assert!(ladder.is_proven());
        (0..FAULTS_MAX).for_each(|_| {
            ladder.fault(false);
        });
        assert!(!ladder.is_proven());
    }
}
