//! The activation filter `filter-licences`: a job starts when the licences that it needs (`SoftwareLicense`) are free.
//!
//! What is in use is in the question, as the licences of the jobs that hold resources; so it needs no memory, and licences of a
//! job that has ended are free the next time that it is asked.

mod licences;

use jobyard_plugin_sdk::filter::activation::{
    ActivationFilter, Answer, Candidate, FAIL, HOLD, KEEP, START, answer,
};
use jobyard_plugin_sdk::filter::{Instant, Traits, property};
use jobyard_plugin_sdk::settings::{each_once, refusal, unknown};

pub use licences::{Licence, Short, parse, shortage};

/// The property that says which licences a job needs.
const PROPERTY: &str = "SoftwareLicense";

/// The filter with its settings.
#[derive(Debug, Default)]
pub struct Licences {
    /// How many there are of each feature.
    totals: Vec<(String, u64)>,
    /// Hold the job for so long; none: keep its resources for it.
    hold_seconds: Option<u32>,
}

impl ActivationFilter for Licences {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        each_once(settings)?;
        let mut new = Licences::default();
        for (name, value) in settings {
            match name.as_str() {
                "licences" => new.totals = totals(name, value)?,
                "hold-seconds" => {
                    let seconds = value.parse().ok().filter(|&seconds| seconds > 0);
                    let right = "a number of seconds from 1";
                    new.hold_seconds = Some(seconds.ok_or_else(|| refusal(name, value, right))?);
                }
                _ => return Err(unknown(name, &["licences", "hold-seconds"])),
            }
        }
        *self = new;
        Ok(vec![("holders".into(), PROPERTY.into())])
    }

    fn check(&self, now: Instant, candidate: &Candidate) -> Answer {
        let wanted = property(&candidate.job.properties, PROPERTY).unwrap_or_default();
        let wanted = match parse(wanted) {
            Ok(wanted) if wanted.is_empty() => return answer(START, ""),
            Ok(wanted) => wanted,
            Err(text) => return answer(FAIL, format!("{PROPERTY}: {text}")),
        };
        let held: Vec<(Vec<Licence>, u32)> = candidate
            .holders
            .iter()
            .map(|holder| {
                let text = property(&holder.properties, PROPERTY).unwrap_or_default();
                (parse(text).unwrap_or_default(), holder.units)
            })
            .collect();
        match shortage(
            &self.totals,
            &wanted,
            candidate.units,
            candidate.growing,
            &held,
        ) {
            None => answer(START, ""),
            Some(Short::ForEver(text)) => answer(FAIL, text),
            Some(Short::Now(text)) => match self.hold_seconds {
                None => answer(KEEP, text),
                Some(seconds) => Answer {
                    until: now + f64::from(seconds) * 1e6,
                    ..answer(HOLD, text)
                },
            },
        }
    }
}

fn totals(name: &str, value: &str) -> Result<Vec<(String, u64)>, String> {
    let right = "a list like matlab:4,ansys:2";
    let all = parse(value).map_err(|_| refusal(name, value, right))?;
    let count = |licence: Licence| Some((licence.feature, licence.count?));
    let all: Option<Vec<_>> = all.into_iter().map(count).collect();
    all.ok_or_else(|| refusal(name, value, right))
}

jobyard_plugin_sdk::activation_filter_component!(crate::Licences);

#[cfg(test)]
mod tests {
    use jobyard_plugin_sdk::filter::{Holder, Job};

    use super::*;

    fn candidate(wanted: &str, units: u32, growing: bool, held: &[(&str, u32)]) -> Candidate {
        let properties = |text: &str| vec![(PROPERTY.to_string(), text.to_string())];
        let holder = |(text, units): &(&str, u32)| Holder {
            id: 1,
            units: *units,
            properties: properties(text),
        };
        Candidate {
            job: Job {
                id: 9,
                properties: properties(wanted),
                tasks: Vec::new(),
            },
            pass: 1,
            index: 0,
            backfill: false,
            growing,
            units,
            holders: held.iter().map(holder).collect(),
        }
    }

    fn filter(settings: &[(&str, &str)]) -> Result<Licences, String> {
        let mut filter = Licences::default();
        let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let settings: Vec<_> = settings.iter().map(pair).collect();
        filter.configure(&settings).map(|_| filter)
    }

    #[test]
    fn a_job_starts_when_its_licences_are_free() {
        let filter = filter(&[("licences", "a:3,b:1")]).unwrap();
        let code = |wanted, units, held: &[_]| {
            filter
                .check(0.0, &candidate(wanted, units, false, held))
                .code
        };
        assert_eq!(code("", 1, &[]), START);
        assert_eq!(code("a:3", 1, &[]), START);
        assert_eq!(code("a:2", 1, &[("a:1", 9)]), START);
        assert_eq!(code("a:2", 1, &[("a:1", 9), ("a:1,b:1", 9)]), KEEP);
        assert_eq!(code("a:*", 2, &[("a:*", 1)]), START);
        assert_eq!(code("a:*", 2, &[("a:*", 2)]), KEEP);
        assert_eq!(code("a:4", 1, &[]), FAIL);
        assert_eq!(code("c:1", 1, &[]), FAIL);
        assert_eq!(code("a", 1, &[]), FAIL);
    }

    #[test]
    fn a_job_that_grows_needs_more_only_of_what_it_counts_by_units() {
        let filter = filter(&[("licences", "a:3")]).unwrap();
        let code = |wanted, units, held: &[_]| {
            filter
                .check(0.0, &candidate(wanted, units, true, held))
                .code
        };
        assert_eq!(code("a:3", 5, &[("a:3", 1)]), START);
        assert_eq!(code("a:*", 2, &[("a:*", 1)]), START);
        assert_eq!(code("a:*", 3, &[("a:*", 1)]), KEEP);
    }

    #[test]
    fn it_may_hold_the_job_instead() {
        let filter = filter(&[("licences", "a:1"), ("hold-seconds", "60")]).unwrap();
        let answer = filter.check(1e6, &candidate("a:1", 1, false, &[("a:1", 1)]));
        assert_eq!((answer.code, answer.until), (HOLD, 61e6));
        assert!(answer.text.contains("a"), "{}", answer.text);
    }

    #[test]
    fn settings_that_are_none_are_refused() {
        for (name, value, part) in [
            ("licences", "a", "a list like"),
            ("licences", "a:*", "a list like"),
            ("hold-seconds", "0", "from 1"),
            ("colour", "red", "there are licences"),
        ] {
            let refused = filter(&[(name, value)]).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
        let twice = filter(&[("licences", "a:1"), ("licences", "b:1")]).unwrap_err();
        assert!(twice.contains("twice"), "{twice}");
    }
}
