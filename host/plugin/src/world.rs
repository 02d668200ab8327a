//! The worlds that this host serves, and the names by which a component's imports and exports are known.

use std::fmt;

/// The WIT package that this host serves.
pub const PACKAGE: &str = "jobyard:plugin";

/// The version of [`PACKAGE`] that this host serves.
pub const PACKAGE_VERSION: &str = "0.1.0";

/// The interface that ranked policies import and rankers export.
pub(crate) const RANKER: &str = "ranker";

/// What a component can be to the host: a world of `wit/worlds.wit`. Displays as its WIT name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum World {
    /// Decides which jobs run where and when.
    SchedulingPolicy,
    /// The same, but for the order in which jobs are tried: a part, which is composed with a ranker to a scheduling policy.
    RankedPolicy,
    /// Puts queued jobs in order: the part that a ranked policy is composed with.
    JobRanker,
    /// Looks at jobs that are submitted, or about to start or grow: one of the three worlds of filters.
    JobFilter,
    /// Runs tasks on a node.
    TaskExecutor,
    /// Makes a node ready for a job.
    PrepareTask,
    /// Cleans a node up after a job.
    ReleaseTask,
}

impl World {
    /// All of them.
    pub const ALL: [World; 7] = [
        World::SchedulingPolicy,
        World::RankedPolicy,
        World::JobRanker,
        World::JobFilter,
        World::TaskExecutor,
        World::PrepareTask,
        World::ReleaseTask,
    ];

    /// The interface that a component of this world exports.
    pub fn export(self) -> &'static str {
        match self {
            World::SchedulingPolicy | World::RankedPolicy => "policy",
            World::JobRanker => RANKER,
            World::JobFilter => "filter",
            World::TaskExecutor => "executor",
            World::PrepareTask => "prepare",
            World::ReleaseTask => "release",
        }
    }

    /// The interfaces that a component of this world may import and that hold functions.
    pub fn imports(self) -> &'static [&'static str] {
        match self {
            World::SchedulingPolicy | World::JobRanker | World::JobFilter => &["log"],
            World::RankedPolicy => &["log", RANKER],
            World::TaskExecutor | World::PrepareTask | World::ReleaseTask => {
                &["log", "process", "files"]
            }
        }
    }

    /// Whether components of this world run on a node, where they may wait.
    pub fn is_node_side(self) -> bool {
        match self {
            World::SchedulingPolicy | World::RankedPolicy | World::JobRanker | World::JobFilter => {
                false
            }
            World::TaskExecutor | World::PrepareTask | World::ReleaseTask => true,
        }
    }

    /// The world that exports this interface; of the two that export `policy` the one that is whole.
    pub(crate) fn exporting(interface: &str) -> Option<World> {
        World::ALL
            .into_iter()
            .find(|world| world.export() == interface)
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::SchedulingPolicy => "scheduling-policy",
            World::RankedPolicy => "ranked-policy",
            World::JobRanker => "job-ranker",
            World::JobFilter => "job-filter",
            World::TaskExecutor => "task-executor",
            World::PrepareTask => "prepare-task",
            World::ReleaseTask => "release-task",
        })
    }
}

/// `jobyard:plugin/policy@0.1.0`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceName<'a> {
    pub(crate) interface: &'a str,
    /// Empty when the name has none.
    pub(crate) version: &'a str,
}

impl<'a> InterfaceName<'a> {
    /// `None` for a name of another package, or one that is not an interface's.
    pub(crate) fn of_our_package(name: &'a str) -> Option<Self> {
        let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        Some(Self { interface, version })
    }

    /// Whether a component built against this version may fit: the same first two numbers while the
    /// first is 0. What it really uses is compared type by type afterwards.
    pub(crate) fn may_fit(&self) -> bool {
        fn generation(version: &str) -> Option<&str> {
            version.rsplit_once('.').map(|(generation, _)| generation)
        }
        !self.version.contains('-') && generation(self.version) == generation(PACKAGE_VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name = InterfaceName::of_our_package("jobyard:plugin/policy@0.1.0").unwrap();
        assert_eq!(
            name,
            InterfaceName {
                interface: "policy",
                version: "0.1.0"
            }
        );
        assert_eq!(InterfaceName::of_our_package("wasi:io/streams@0.2.6"), None);
        assert_eq!(
            InterfaceName::of_our_package("jobyard:plugins/policy@0.1.0"),
            None
        );
        assert_eq!(InterfaceName::of_our_package("memory"), None);
    }

    #[test]
    fn only_the_same_generation_may_fit() {
        let fits = |version| {
            InterfaceName {
                interface: "policy",
                version,
            }
            .may_fit()
        };
        assert!(fits("0.1.0"));
        assert!(fits("0.1.7"));
        for other in [
            "0.2.0",
            "1.1.0",
            "1.0.0",
            "",
            "0.1",
            "0.1.0-draft",
            "0.10.0",
        ] {
            assert!(!fits(other), "{other:?}");
        }
    }

    #[test]
    fn each_world_has_an_export_of_its_own_but_for_policies() {
        for world in World::ALL {
            let whole = match world {
                World::RankedPolicy => World::SchedulingPolicy,
                other @ (World::SchedulingPolicy
                | World::JobRanker
                | World::JobFilter
                | World::TaskExecutor
                | World::PrepareTask
                | World::ReleaseTask) => other,
            };
            assert_eq!(World::exporting(world.export()), Some(whole));
        }
    }
}
