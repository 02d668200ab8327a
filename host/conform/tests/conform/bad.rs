//! Each rule catches a policy that is bad in just one way, with a small case that says so again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jobyard_conform::{
    Case, Checked, Instance, NotChecked, NotTaken, Options, Outcome, RULES, Rule, Subject, Tested,
    check,
};

use crate::greedy::Greedy;
use crate::spoiled::{Spoil, Spoiled};
use crate::{component, settings};

/// The bad policies of each rule.
const BAD: &[(&str, &[Spoil])] = &[
    ("no-fault", &[Spoil::Faults]),
    ("within-what-is-there", &[Spoil::GivesTooMuch]),
    ("as-asked-for", &[Spoil::GivesTooLittle]),
    ("starts-what-may-start", &[Spoil::StartsWhatIsGone]),
    ("changes-what-runs", &[Spoil::PreemptsTheQueue]),
    ("words-that-hold", &[Spoil::ReservesThePast]),
    ("same-calls-same-plans", &[Spoil::KnowsItself]),
    (
        "fresh-like-long-lived",
        &[
            Spoil::GetsTired,
            Spoil::BelievesItself,
            Spoil::TakesNothingBack,
        ],
    ),
    ("cuts-do-not-matter", &[Spoil::WantsTwo]),
    ("ignores-the-unknown", &[Spoil::FearsTheUnknown]),
    ("fitting-arrivals", &[Spoil::EverySecondCall]),
    ("unknown-settings", &[Spoil::TakesAnything]),
    ("same-settings-same-traits", &[Spoil::Chatters]),
    ("settles", &[Spoil::Thrashes]),
    ("wake-at-rests", &[Spoil::Spins]),
    ("idle-cluster-works", &[Spoil::Sleeps]),
    ("more-nodes-do-no-harm", &[Spoil::DislikesOddClusters]),
    ("memory-stays", &[Spoil::Leaks]),
    ("head-starts", &[Spoil::ForgetsSome]),
    ("reservations-kept", &[Spoil::PromisesTooEarly]),
    ("monotone", &[Spoil::DislikesOddClusters]),
];

/// Those that the greedy policy breaks.
const GREEDY: &[&str] = &["no-starvation", "in-queue-order"];

fn tested<'a>(rule: &Rule, subject: &'a dyn Subject) -> Tested<'a> {
    Tested {
        name: "bad".into(),
        subject,
        settings: settings(&[]),
        claims: rule.claims.iter().copied().collect(),
    }
}

/// The rule's result, which must be a failure; its case is small, can be read, and fails again.
fn caught(rule: &Rule, subject: &dyn Subject, what: &str) {
    let tested = tested(rule, subject);
    let options = Options {
        seeds: 60,
        rules: vec![rule.name.into()],
        ..Options::default()
    };
    let report = check(&tested, &options).expect("the cases are good");
    let of_rule = |checked: &&Checked| checked.name == rule.name;
    let found = report
        .results
        .iter()
        .find(of_rule)
        .expect("each rule has a result");
    let Outcome::Failed {
        what: words, case, ..
    } = &found.outcome
    else {
        panic!(
            "{}: {what} is not caught in {} cases",
            rule.name, found.cases
        );
    };
    // A leak shows only in many passes: there is no small case of it.
    let Some(case) = case else {
        assert_eq!(rule.name, "memory-stays", "{what}: {words}");
        return;
    };
    println!(
        "{}: {what}, case {}: {words}\n{case}",
        rule.name, found.cases
    );
    let cases = Case::read_all(case).expect("what is written can be read");
    let steps = cases[0].steps.len();
    assert!(
        steps <= 24,
        "{}: {what}: the case is not small:\n{case}",
        rule.name
    );
    let again = Options {
        only: cases,
        ..options
    };
    let again = check(&tested, &again).expect("the case is good");
    let Outcome::Failed { what: words, .. } = &again.results[0].outcome else {
        panic!(
            "{}: {what}: the case does not show it again:\n{case}",
            rule.name
        );
    };
    assert!(words.contains(rule.name), "{}: {what}: {words}", rule.name);
}

#[test]
fn every_rule_catches_its_bad_policies() {
    let with_bad: BTreeSet<&str> = BAD
        .iter()
        .map(|(name, _)| *name)
        .chain(GREEDY.iter().copied())
        .collect();
    let without: Vec<&str> = RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|name| !with_bad.contains(name))
        .collect();
    assert!(
        without.is_empty(),
        "rules without a bad policy that they catch: {without:?}"
    );
    let good = component("policy-backfill");
    for rule in RULES {
        for (_, spoils) in BAD.iter().filter(|(name, _)| *name == rule.name) {
            for &spoil in *spoils {
                caught(
                    rule,
                    &Spoiled::new(good.clone(), spoil),
                    &format!("{spoil:?}"),
                );
            }
        }
        if GREEDY.contains(&rule.name) {
            caught(rule, &Greedy, "Greedy");
        }
    }
}

/// Has the check stopped when it makes that many instances, and counts those that it makes.
struct Impatient {
    stop: Arc<AtomicBool>,
    made: AtomicUsize,
}

impl Subject for Impatient {
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken> {
        if self.made.fetch_add(1, Ordering::Relaxed) == 20 {
            self.stop.store(true, Ordering::Relaxed);
        }
        Greedy.fresh(settings)
    }
}

#[test]
fn a_check_that_is_stopped_calls_the_policy_no_more() {
    let options = Options {
        seeds: 1_000_000,
        measure: true,
        ..Options::default()
    };
    let subject = Impatient {
        stop: options.stop.clone(),
        made: AtomicUsize::new(0),
    };
    let stopped = check(&tested(&RULES[0], &subject), &options);
    assert!(matches!(stopped, Err(NotChecked::Stopped)), "{stopped:?}");
    assert_eq!(subject.made.load(Ordering::Relaxed), 21);
}
