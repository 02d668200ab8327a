//! What a policy may claim of itself beyond the contract. Claims add rules, scenarios and published results to what is checked.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jobyard_plugin::Plugin;

macro_rules! claims {
    ($($(#[doc = $doc:literal])+ $case:ident = $name:literal;)*) => {
        /// A promise of a policy about how it decides. The names stand in the manifest (`claims`) and after `--claim`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Claim {
            $($(#[doc = $doc])+ $case,)*
        }

        impl Claim {
            /// All of them.
            pub const ALL: &[Claim] = &[$(Claim::$case),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Claim::$case => $name,)*
                }
            }

            /// What it promises, in one sentence.
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Claim::$case => concat!($($doc),+).trim_ascii(),)*
                }
            }
        }
    };
}

claims! {
    /// No job that could run waits for ever while others of its priority come and go.
    NoStarvation = "no-starvation";
    /// More idle nodes never make fewer jobs start, where all that jobs ask for is cores.
    Monotone = "monotone";
    /// A job with a reservation starts by then, as long as none runs longer than it said and none of a higher rank comes.
    KeepsReservations = "keeps-reservations";
    /// Jobs start strictly in the order of the queue.
    Fifo = "fifo";
    /// EASY backfilling in the order of the queue.
    Easy = "easy";
    /// EASY backfilling, the shortest estimate first behind the head.
    EasySjbf = "easy-sjbf";
    /// Conservative backfilling: every job has a reservation that no later one may break.
    Conservative = "conservative";
}

impl Claim {
    /// What a policy's manifest claims: of the policy as it is without settings.
    ///
    /// # Errors
    /// It claims what this kit does not know.
    pub fn of_manifest(plugin: &Plugin) -> Result<BTreeSet<Claim>, UnknownClaim> {
        let manifest = plugin.manifest();
        let claims = manifest.into_iter().flat_map(|manifest| &manifest.claims);
        claims.map(|claim| claim.parse()).collect()
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no claim of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no claim \"{0}\"; there are {known}", known = names())]
pub struct UnknownClaim(String);

fn names() -> String {
    let names: Vec<&str> = Claim::ALL.iter().map(|claim| claim.name()).collect();
    names.join(", ")
}

impl FromStr for Claim {
    type Err = UnknownClaim;

    fn from_str(text: &str) -> Result<Self, UnknownClaim> {
        let mut all = Claim::ALL.iter();
        let found = all.find(|claim| claim.name() == text).copied();
        found.ok_or_else(|| UnknownClaim(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for &claim in Claim::ALL {
            assert_eq!(claim.to_string().parse(), Ok(claim));
            assert!(claim.sentence().ends_with('.'), "{claim}");
        }
        let unknown = "fair".parse::<Claim>().expect_err("no such claim");
        assert!(unknown.to_string().contains("no-starvation"), "{unknown}");
    }
}
