//! The whole check of a policy: rules on random cases, scenarios, published results, and the time of a pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobyard_sim::Trace;

use crate::Tested;
use crate::case::Case;
use crate::generate::{Kind, generate};
use crate::goldens::{GOLDENS, is_kth};
use crate::growth;
use crate::recording::{Broken, Recording};
use crate::report::{Checked, Outcome, Report, Sort};
use crate::rules::{Examined, RULES, Rule, Verdict};
use crate::shrink::shrink;
use crate::stop::Stoppable;
use crate::vectors::{expectations, scenarios};
use crate::yard::{Calls, Unplayable, record};

/// What to check, and how much.
#[derive(Debug, Default)]
pub struct Options {
    /// Random cases of each kind.
    pub seeds: u64,
    /// The first seed: the same seeds give the same cases.
    pub first_seed: u64,
    /// Where given: only the rules of these names, and none of the kit's own scenarios.
    pub rules: Vec<String>,
    /// Where given: only these, under all rules; nothing random, and none of the kit's own scenarios.
    pub only: Vec<Case>,
    /// The KTH log, for published results.
    pub trace: Option<Trace>,
    /// Whether the time of passes is measured.
    pub measure: bool,
    /// Becomes true when nobody waits for the report any more: looked at before each call of the policy.
    pub stop: Arc<AtomicBool>,
}

impl Options {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn wants(&self, rule: &Rule) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|name| name == rule.name)
    }
}

/// Why a policy cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum NotChecked {
    /// A case cannot be played.
    #[error("case \"{case}\": {reason}")]
    Case {
        /// Its name.
        case: String,
        /// Why not.
        reason: Unplayable,
    },
    /// It is another trace than the one with published results.
    #[error(
        "the trace has {jobs} jobs on {procs} processors; published results are of the KTH log, which has 28481 on 100"
    )]
    NotKth {
        /// Jobs of the trace.
        jobs: usize,
        /// Its processors.
        procs: u32,
    },
    /// Nobody waits for the report any more.
    #[error("the check was stopped")]
    Stopped,
}

/// Checks a policy.
///
/// Deterministic: the same policy and options give the same report, but for what is measured.
///
/// # Errors
/// It does not take its settings; a case or the trace is not one; it was stopped. A rule that is broken is no error but part of the report.
pub fn check(tested: &Tested<'_>, options: &Options) -> Result<Report, NotChecked> {
    let subject = Stoppable {
        subject: tested.subject,
        stop: &options.stop,
    };
    let tested = Tested {
        name: tested.name.clone(),
        subject: &subject,
        settings: tested.settings.clone(),
        claims: tested.claims.clone(),
    };
    let checked = all(&tested, options);
    // What a policy did that was called no more is not its own doing.
    match options.is_stopped() {
        true => Err(NotChecked::Stopped),
        false => checked,
    }
}

fn all(tested: &Tested<'_>, options: &Options) -> Result<Report, NotChecked> {
    let mut report = Report::new(tested, options);
    if options.only.is_empty() {
        for &kind in Kind::ALL {
            random(tested, options, kind, &mut report)?;
        }
        let own = if options.rules.is_empty() {
            scenarios()
        } else {
            Vec::new()
        };
        for case in own {
            report.results.push(scenario(tested, &case, &[])?);
        }
    }
    for case in &options.only {
        let rules: Vec<&Rule> = RULES.iter().filter(|rule| options.wants(rule)).collect();
        report.results.push(scenario(tested, case, &rules)?);
    }
    if let Some(trace) = &options.trace {
        published(tested, trace, &mut report)?;
    }
    if options.measure {
        report.measured = growth::measure(tested);
    }
    Ok(report)
}

/// All rules of a kind, on its random cases.
fn random(
    tested: &Tested<'_>,
    options: &Options,
    kind: Kind,
    report: &mut Report,
) -> Result<(), NotChecked> {
    let rules: Vec<&Rule> = RULES
        .iter()
        .filter(|rule| rule.kind == kind && options.wants(rule))
        .collect();
    let applies = |rule: &&&Rule| rule.applies(&tested.claims);
    let mut open: Vec<&Rule> = rules.iter().filter(applies).copied().collect();
    let mut cases = 0;
    let mut failed = Vec::new();
    for seed in (options.first_seed..).take(kind.cases(options.seeds) as usize) {
        if open.is_empty() || options.is_stopped() {
            break;
        }
        let case = generate(kind, seed);
        let recording = play(tested, &case)?;
        cases += 1;
        open.retain(|rule| match judge(tested, rule, &recording) {
            Ok(()) => true,
            Err(_) => {
                failed.push((
                    rule.name,
                    failure(tested, options, rule, &case, seed),
                    cases,
                ));
                false
            }
        });
    }
    for rule in rules {
        let found = failed.iter().position(|(name, ..)| *name == rule.name);
        let (outcome, cases) = match found.map(|at| failed.swap_remove(at)) {
            Some((_, outcome, cases)) => (outcome, cases),
            None if !rule.applies(&tested.claims) => (Outcome::unclaimed(rule.claims), 0),
            None => (Outcome::Passed, cases),
        };
        report.results.push(Checked {
            sort: Sort::Rule,
            name: rule.name.into(),
            sentence: rule.sentence.into(),
            cases,
            outcome,
        });
    }
    Ok(())
}

fn play(tested: &Tested<'_>, case: &Case) -> Result<Recording, NotChecked> {
    record(tested, case, Calls::AsItSays).map_err(|reason| NotChecked::Case {
        case: case.name.clone(),
        reason,
    })
}

/// A policy that faulted is judged for that alone: the rest would say it again in other words.
pub(crate) fn judge(tested: &Tested<'_>, rule: &Rule, recording: &Recording) -> Verdict {
    let faulted = matches!(recording.broken, Some(Broken::Fault(_)));
    match faulted && rule.name != RULES[0].name {
        true => Ok(()),
        false => (rule.check)(&Examined { tested, recording }),
    }
}

/// The smallest case that breaks a rule, and what is wrong there.
fn failure(tested: &Tested<'_>, options: &Options, rule: &Rule, case: &Case, seed: u64) -> Outcome {
    let verdict = |case: &Case| match record(tested, case, Calls::AsItSays) {
        Ok(recording) => judge(tested, rule, &recording),
        Err(_) => Ok(()),
    };
    if rule.kind == Kind::Soak {
        // It shows only in many passes: nothing that anybody would read.
        return Outcome::Failed {
            what: verdict(case).err().unwrap_or_default(),
            seed: Some(seed),
            case: None,
        };
    }
    let broken = |case: &Case| !options.is_stopped() && verdict(case).is_err();
    let mut smallest = shrink(case, &broken);
    smallest.name = format!("{} (seed {seed})", rule.name);
    let what = verdict(&smallest).err().unwrap_or_default();
    Outcome::Failed {
        what,
        seed: Some(seed),
        case: Some(smallest.to_string()),
    }
}

/// One scenario: what it expects, and these rules.
fn scenario(tested: &Tested<'_>, case: &Case, rules: &[&Rule]) -> Result<Checked, NotChecked> {
    let applies = case.claims.is_empty()
        || case
            .claims
            .iter()
            .any(|claim| tested.claims.contains(claim));
    let outcome = match applies {
        false => {
            let claims: Vec<_> = case.claims.iter().copied().collect();
            Outcome::unclaimed(&claims)
        }
        true => {
            let recording = play(tested, case)?;
            let rules = rules.iter().filter(|rule| rule.applies(&tested.claims));
            let broken = rules.filter_map(|rule| {
                let wrong = judge(tested, rule, &recording).err()?;
                Some(format!("{}: {wrong}", rule.name))
            });
            let mut broken: Vec<String> = broken.collect();
            broken.extend(fault(&recording).filter(|_| broken.is_empty()));
            broken.extend(expectations(&recording).err());
            match broken.is_empty() {
                true => Outcome::Passed,
                false => Outcome::Failed {
                    what: broken.join("; "),
                    seed: None,
                    case: Some(case.to_string()),
                },
            }
        }
    };
    Ok(Checked {
        sort: Sort::Scenario,
        name: case.name.clone(),
        sentence: String::new(),
        cases: u64::from(applies),
        outcome,
    })
}

fn fault(recording: &Recording) -> Option<String> {
    match &recording.broken {
        Some(Broken::Fault(fault)) => Some(fault.clone()),
        Some(Broken::Restless { .. } | Broken::Spinning { .. }) | None => None,
    }
}

fn published(tested: &Tested<'_>, trace: &Trace, report: &mut Report) -> Result<(), NotChecked> {
    if !is_kth(trace) {
        let (jobs, procs) = (trace.jobs.len(), trace.procs);
        return Err(NotChecked::NotKth { jobs, procs });
    }
    for golden in GOLDENS {
        let claimed = tested.claims.contains(&golden.claim);
        let outcome = match claimed.then(|| golden.check(tested, trace)) {
            None => Outcome::unclaimed(&[golden.claim]),
            Some(Ok(())) => Outcome::Passed,
            Some(Err(what)) => Outcome::Failed {
                what,
                seed: None,
                case: None,
            },
        };
        report.results.push(Checked {
            sort: Sort::Published,
            name: golden.name(),
            sentence: String::new(),
            cases: u64::from(claimed),
            outcome,
        });
    }
    Ok(())
}
