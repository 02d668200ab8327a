//! The whole host under a seed: the engine's own core in virtual time, with a journal, nodes, a network and policies that fail.
//!
//! One seed is one run: the same seed gives the same run on every machine. Callers ask for anything that there is (`random.rs` of the
//! kernel's tests) all the time; messages are lost, doubled and late; processes of nodes are killed, and their successors know what was
//! lost or nothing at all; ended jobs leave for history and come back; passes of the policy (the real component) fail and come back with
//! nonsense; writes fail; the host dies between any two of decide, commit, answer and dispatch, and goes on from what the journal has.
//! After each step `oracle.rs` checks what must hold, and `promises.rs` that what became of jobs, tasks and nodes is what callers were
//! told and nodes have said. Then the faults stop, people see to jobs that do not end by themselves, and everything that was submitted
//! must come to an end. [`Coverage`] says what the runs came across.
//!
//! [`Bug`] breaks the host in one of the ways that this must find; a test sees to it that it does.

mod callers;
mod coverage;
mod disk;
#[path = "../../../host/kernel/tests/kernel/filters.rs"]
mod filters;
mod node;
#[path = "../../../host/kernel/tests/kernel/numbers.rs"]
mod numbers;
mod oracle;
mod promises;
#[path = "../../../host/kernel/tests/kernel/proposals.rs"]
mod proposals;
#[path = "../../../host/kernel/tests/kernel/random.rs"]
mod random;
#[path = "../../../host/kernel/tests/kernel/random_policies.rs"]
mod random_policies;
mod world;

pub use coverage::{Counts, Coverage, UNREACHED};
pub use world::{Failure, Summary};

/// Something wrong with the host, put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Answers and dispatches do not wait for the journal.
    AnswersBeforeDurable,
    /// The journal says that a write is durable that a crash takes away.
    WritesThatVanish,
    /// A recovery leaves a batch out.
    RecoverySkipsABatch,
    /// A snapshot says that it is of a later moment than it is.
    SnapshotOfAnEarlierMoment,
    /// What nodes are owed is not sent again.
    NothingIsSentAgain,
    /// Nodes are told to forget before the journal has their report.
    ForgetsBeforeDurable,
    /// Time limits are not looked at.
    TimeStandsStill,
    /// A new policy instance is not told everything.
    PolicyIsNotToldAgain,
    /// A report of any attempt is taken for one of the current.
    AnyAttemptCounts,
    /// A node begins what it has forgotten, when a message comes twice.
    NodeBeginsAgain,
    /// A node that is told to stop what it does not have yet begins it all the same.
    NodeForgetsStops,
    /// A node does not report again what nobody has confirmed.
    NodeReportsOnce,
    /// It is not heard what the process of a node still holds when it was killed and is back.
    NobodyAsksWhatIsHeld,
    /// History gives back what it kept of a job the first time.
    HistoryIsOutOfDate,
    /// Jobs that want nodes of all their groups get nodes of any, and the other way round.
    GroupOperatorsAreSwapped,
    /// Jobs do not wait for others.
    ParentsAreForgotten,
    /// Jobs get nodes that they excluded.
    ExcludedNodesAreForgotten,
    /// A service ends its job as an ordinary task does.
    ServiceIsATask,
    /// Nodes are given back without being released.
    ReleaseIsForgotten,
    /// A held job starts.
    HoldIsForgotten,
    /// A node that is drained or taken offline takes jobs.
    DrainingIsForgotten,
    /// A task that was stopped for another job counts as finished.
    PreemptedTasksAreDone,
    /// What filters were asked before a crash is not asked again.
    FiltersAreNotAskedAgain,
    /// A filter that fails lets the job pass.
    FaultsAreConsent,
    /// An answer that comes late is taken for one to what the job's filters are asked now.
    AnyAnswerCounts,
}

/// All of them.
pub const BUGS: &[Bug] = &[
    Bug::AnswersBeforeDurable,
    Bug::WritesThatVanish,
    Bug::RecoverySkipsABatch,
    Bug::SnapshotOfAnEarlierMoment,
    Bug::NothingIsSentAgain,
    Bug::ForgetsBeforeDurable,
    Bug::TimeStandsStill,
    Bug::PolicyIsNotToldAgain,
    Bug::AnyAttemptCounts,
    Bug::NodeBeginsAgain,
    Bug::NodeForgetsStops,
    Bug::NodeReportsOnce,
    Bug::NobodyAsksWhatIsHeld,
    Bug::HistoryIsOutOfDate,
    Bug::GroupOperatorsAreSwapped,
    Bug::ParentsAreForgotten,
    Bug::ExcludedNodesAreForgotten,
    Bug::ServiceIsATask,
    Bug::ReleaseIsForgotten,
    Bug::HoldIsForgotten,
    Bug::DrainingIsForgotten,
    Bug::PreemptedTasksAreDone,
    Bug::FiltersAreNotAskedAgain,
    Bug::FaultsAreConsent,
    Bug::AnyAnswerCounts,
];

/// Runs one seed.
///
/// # Errors
/// What did not hold, and the last of what happened before.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Summary, Failure> {
    let run = || world::World::new(seed, bug).run();
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Failure {
            seed,
            step: 0,
            reason: format!("a panic: {}", text.unwrap_or_default()),
            trace: Vec::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs are worth something only if they come across everything.
    #[test]
    fn three_hundred_seeds_hold_and_reach_everything() {
        let mut coverage = Coverage::default();
        for seed in 0..300 {
            match run(seed, None) {
                Ok(summary) => coverage.add(&summary.coverage),
                Err(failure) => panic!("{failure}"),
            }
        }
        let known = |name| UNREACHED.iter().any(|&(known, _)| known == name);
        let rows = coverage.rows();
        let missing = rows.iter().filter(|row| row.2 == 0 && !known(row.1));
        let missing: Vec<_> = missing.collect();
        assert!(missing.is_empty(), "never seen: {missing:#?}\n{coverage}");
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        assert_eq!(run(7, None).ok(), run(7, None).ok());
    }

    /// How many seeds it may take until a bug is found.
    const PATIENCE: u64 = 1_000;

    #[test]
    fn each_bug_is_found() {
        for &bug in BUGS {
            let found = (0..PATIENCE).find_map(|seed| run(seed, Some(bug)).err());
            let Some(failure) = found else {
                panic!("{bug:?} is not found in {PATIENCE} seeds");
            };
            println!("{bug:?}: seed {}: {}", failure.seed, failure.reason);
        }
    }
}
