//! What a node knows of its work: which attempts run, how others ended, what is to be reported.
//!
//! Pure: no processes, no channels, no clock. The desk asks it about every message and does what it says. Here is
//! what makes messages idempotent: each may come twice, late or never.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jobyard_kernel::{Assignment, Ending, Execution, FromNode, InstanceId};

use crate::config::{FORGOTTEN_MAX, WORK_MAX};
use crate::failure;

/// All work of one node. `S`: what stops a running one.
#[derive(Debug)]
pub(crate) struct Table<S> {
    work: BTreeMap<Execution, Entry<S>>,
    running: usize,
    /// What is to be reported, oldest first; each at most once at a time.
    due: VecDeque<Report>,
    due_index: BTreeSet<Report>,
    forgotten: Forgotten,
}

#[derive(Debug)]
enum Entry<S> {
    Running(S),
    Ended { ending: Ending, output_tail: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Report {
    Started(Execution),
    Ended(Execution),
    Lost(Execution),
}

/// Whether and how to begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Do it, but not before these are over: older attempts of the same instance, which must be stopped at once.
    Yes {
        /// Attempts that the host has given up.
        after: Vec<Execution>,
    },
    /// There is nothing to do; what is to be said is in the reports.
    No,
}

impl<S> Table<S> {
    pub(crate) fn new() -> Table<S> {
        Table {
            work: BTreeMap::new(),
            running: 0,
            due: VecDeque::new(),
            due_index: BTreeSet::new(),
            forgotten: Forgotten::default(),
        }
    }

    /// The host wants this done. If the answer is yes, [`begun`](Self::begun) must follow.
    pub(crate) fn start(&mut self, assignment: &Assignment) -> Begin {
        let execution = assignment.execution;
        if let Some(entry) = self.work.get(&execution) {
            self.report(match entry {
                Entry::Running(_) => Report::Started(execution),
                Entry::Ended { .. } => Report::Ended(execution),
            });
            return Begin::No;
        }
        let others = self.attempts(execution.of());
        if self.forgotten.holds(&execution)
            || others
                .iter()
                .any(|(other, _)| other.attempt > execution.attempt)
        {
            self.report(Report::Lost(execution));
            return Begin::No;
        }
        if self.work.len() >= WORK_MAX {
            let text = format!("the node holds {WORK_MAX} pieces of work and takes no more");
            let ending = Ending::Failed {
                code: failure::NOT_STARTED,
                text,
            };
            self.work.insert(
                execution,
                Entry::Ended {
                    ending,
                    output_tail: String::new(),
                },
            );
            self.report(Report::Ended(execution));
            return Begin::No;
        }
        let after = others
            .into_iter()
            .filter(|(_, running)| *running)
            .map(|(other, _)| other);
        Begin::Yes {
            after: after.collect(),
        }
    }

    pub(crate) fn begun(&mut self, execution: Execution, stopper: S) {
        let before = self.work.insert(execution, Entry::Running(stopper));
        assert!(before.is_none(), "{execution} was begun twice");
        self.running += 1;
        self.report(Report::Started(execution));
    }

    /// The host wants this ended: what stops it, if it runs. Otherwise what is to be said is in the reports.
    pub(crate) fn stop(&mut self, execution: Execution) -> Option<&S> {
        match self.work.get(&execution) {
            Some(Entry::Ended { .. }) => self.report(Report::Ended(execution)),
            Some(Entry::Running(_)) => {}
            None => {
                // Its start may still be on its way, and must not begin what was reported lost.
                self.forgotten.add(execution);
                self.report(Report::Lost(execution));
            }
        }
        match self.work.get(&execution) {
            Some(Entry::Running(stopper)) => Some(stopper),
            Some(Entry::Ended { .. }) | None => None,
        }
    }

    /// The host knows how this ended. Nothing if it runs.
    pub(crate) fn forget(&mut self, execution: Execution) {
        if let Some(Entry::Ended { .. }) = self.work.get(&execution) {
            self.work.remove(&execution);
            self.forgotten.add(execution);
        }
    }

    /// A piece of work is over and nothing of it is left.
    pub(crate) fn ended(&mut self, execution: Execution, ending: Ending, output_tail: String) {
        let before = self.work.insert(
            execution,
            Entry::Ended {
                ending,
                output_tail,
            },
        );
        assert!(
            matches!(before, Some(Entry::Running(_))),
            "{execution} ended without running"
        );
        self.running -= 1;
        self.report(Report::Ended(execution));
    }

    /// All that is held: what runs, and what has ended and was not forgotten. Where each of them stands is said (again).
    pub(crate) fn holds(&mut self) -> Vec<Execution> {
        let reports: Vec<_> = self
            .work
            .iter()
            .map(|(&execution, entry)| match entry {
                Entry::Running(_) => Report::Started(execution),
                Entry::Ended { .. } => Report::Ended(execution),
            })
            .collect();
        reports.into_iter().for_each(|report| self.report(report));
        self.work.keys().copied().collect()
    }

    /// What stops each piece of work that runs.
    pub(crate) fn stoppers(&self) -> impl Iterator<Item = &S> {
        self.work.values().filter_map(|entry| match entry {
            Entry::Running(stopper) => Some(stopper),
            Entry::Ended { .. } => None,
        })
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn reports_waiting(&self) -> usize {
        self.due.len()
    }

    /// The next thing to tell the host.
    pub(crate) fn next_report(&mut self) -> Option<FromNode> {
        loop {
            let report = self.due.pop_front()?;
            self.due_index.remove(&report);
            match report {
                Report::Started(execution) => return Some(FromNode::Started { execution }),
                Report::Lost(execution) => {
                    let ending = Ending::Lost;
                    return Some(FromNode::Ended {
                        execution,
                        ending,
                        output_tail: String::new(),
                    });
                }
                Report::Ended(execution) => match self.work.get(&execution) {
                    Some(Entry::Ended {
                        ending,
                        output_tail,
                    }) => {
                        return Some(FromNode::Ended {
                            execution,
                            ending: ending.clone(),
                            output_tail: output_tail.clone(),
                        });
                    }
                    // Forgotten before it could be said again.
                    Some(Entry::Running(_)) | None => {}
                },
            }
        }
    }

    fn report(&mut self, report: Report) {
        if self.due_index.insert(report) {
            self.due.push_back(report);
        }
    }

    /// The attempts of an instance that are known, and whether they run.
    fn attempts(&self, instance: InstanceId) -> Vec<(Execution, bool)> {
        let InstanceId {
            job,
            task,
            instance,
        } = instance;
        let of = |attempt| Execution {
            job,
            task,
            instance,
            attempt,
        };
        self.work
            .range(of(0)..=of(u32::MAX))
            .map(|(&execution, entry)| (execution, matches!(entry, Entry::Running(_))))
            .collect()
    }
}

/// The executions that were forgotten last.
#[derive(Debug, Default)]
struct Forgotten {
    order: VecDeque<Execution>,
    index: BTreeSet<Execution>,
}

impl Forgotten {
    fn holds(&self, execution: &Execution) -> bool {
        self.index.contains(execution)
    }

    fn add(&mut self, execution: Execution) {
        if !self.index.insert(execution) {
            return;
        }
        self.order.push_back(execution);
        if self.order.len() > FORGOTTEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.index.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use jobyard_kernel::{JobId, TaskId, WorkKind};

    use super::*;

    fn attempt(attempt: u32) -> Execution {
        Execution {
            job: JobId(1),
            task: TaskId(1),
            instance: 0,
            attempt,
        }
    }

    fn assignment(execution: Execution) -> Assignment {
        Assignment {
            execution,
            owner: "ann".into(),
            kind: WorkKind::Execute,
            plugin: "command".into(),
            command_line: "true".into(),
            working_folder: String::new(),
            standard_input: None,
            standard_output: None,
            standard_error: None,
            environment: Vec::new(),
            shares: Vec::new(),
            pinned: false,
            attributes: Vec::new(),
            limit_ms: 0,
        }
    }

    fn reports(table: &mut Table<u32>) -> Vec<FromNode> {
        std::iter::from_fn(|| table.next_report()).collect()
    }

    fn ended(execution: Execution, ending: Ending) -> FromNode {
        FromNode::Ended {
            execution,
            ending,
            output_tail: String::new(),
        }
    }

    /// A table in which attempt `n` runs, and its start was reported.
    fn running(n: u32) -> Table<u32> {
        let mut table = Table::new();
        assert_eq!(
            table.start(&assignment(attempt(n))),
            Begin::Yes { after: vec![] }
        );
        table.begun(attempt(n), n);
        let execution = attempt(n);
        assert_eq!(reports(&mut table), [FromNode::Started { execution }]);
        table
    }

    #[test]
    fn a_start_that_comes_again_is_answered_with_where_it_stands() {
        let mut table = running(1);
        for _ in 0..3 {
            assert_eq!(table.start(&assignment(attempt(1))), Begin::No);
        }
        assert_eq!(
            reports(&mut table),
            [FromNode::Started {
                execution: attempt(1)
            }]
        );
        let ending = Ending::Exited { code: 3 };
        table.ended(attempt(1), ending.clone(), String::new());
        assert_eq!(reports(&mut table), [ended(attempt(1), ending.clone())]);
        assert_eq!(table.start(&assignment(attempt(1))), Begin::No);
        assert!(table.stop(attempt(1)).is_none());
        assert_eq!(reports(&mut table), [ended(attempt(1), ending)]);
        assert_eq!(table.running(), 0);
    }

    #[test]
    fn what_was_forgotten_is_not_begun_again() {
        let mut table = running(1);
        table.forget(attempt(1));
        assert_eq!(
            table.stop(attempt(1)),
            Some(&1),
            "running work is not forgotten"
        );
        table.ended(attempt(1), Ending::Exited { code: 0 }, String::new());
        table.forget(attempt(1));
        assert_eq!(
            reports(&mut table),
            [],
            "nothing is said of what the host has forgotten"
        );
        assert_eq!(table.start(&assignment(attempt(1))), Begin::No);
        assert_eq!(reports(&mut table), [ended(attempt(1), Ending::Lost)]);
    }

    #[test]
    fn to_a_host_that_comes_back_everything_is_said_again() {
        let mut table = running(1);
        let mut other = assignment(attempt(1));
        other.execution.instance = 1;
        assert_eq!(table.start(&other), Begin::Yes { after: vec![] });
        table.begun(other.execution, 2);
        let ending = Ending::Exited { code: 0 };
        table.ended(other.execution, ending.clone(), String::new());
        while table.next_report().is_some() {}
        assert_eq!(table.holds(), [attempt(1), other.execution]);
        let again = [
            FromNode::Started {
                execution: attempt(1),
            },
            ended(other.execution, ending),
        ];
        assert_eq!(reports(&mut table), again);
        table.forget(other.execution);
        assert_eq!(table.holds(), [attempt(1)]);
    }

    #[test]
    fn a_stop_that_overtakes_its_start_wins() {
        let mut table = Table::<u32>::new();
        assert_eq!(table.stop(attempt(1)), None);
        assert_eq!(reports(&mut table), [ended(attempt(1), Ending::Lost)]);
        assert_eq!(table.start(&assignment(attempt(1))), Begin::No);
        assert_eq!(reports(&mut table), [ended(attempt(1), Ending::Lost)]);
    }

    #[test]
    fn a_newer_attempt_waits_for_the_older_and_an_older_never_begins() {
        let mut table = running(2);
        assert_eq!(table.start(&assignment(attempt(1))), Begin::No);
        assert_eq!(reports(&mut table), [ended(attempt(1), Ending::Lost)]);
        let next = assignment(attempt(3));
        assert_eq!(
            table.start(&next),
            Begin::Yes {
                after: vec![attempt(2)]
            }
        );
        let mut other = assignment(attempt(1));
        other.execution.instance = 1;
        assert_eq!(table.start(&other), Begin::Yes { after: vec![] });
    }

    #[test]
    fn memory_of_what_was_forgotten_is_bounded() {
        let mut forgotten = Forgotten::default();
        let nth = |n| Execution {
            instance: n,
            ..attempt(1)
        };
        let count = u32::try_from(FORGOTTEN_MAX).unwrap();
        for n in 0..count + 10 {
            forgotten.add(nth(n));
        }
        assert_eq!(
            (forgotten.order.len(), forgotten.index.len()),
            (FORGOTTEN_MAX, FORGOTTEN_MAX)
        );
        assert!(!forgotten.holds(&nth(9)) && forgotten.holds(&nth(10)));
    }
}
