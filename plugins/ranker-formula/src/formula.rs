//! The ranker itself, without a component around it.

use jobyard_plugin_sdk::ranker::{Candidate, Column, Instant, Ranker, Traits};
use libm::{log2, log10};

use crate::settings::{Function, Settings};

/// Ranks by one function.
#[derive(Debug, Default)]
pub struct Formula {
    settings: Settings,
}

impl Ranker for Formula {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        Ok(match self.settings.function.looks_at_waits() {
            true => Traits::new(),
            false => vec![("ranks".to_owned(), "fixed".to_owned())],
        })
    }

    fn rank(&mut self, now: Instant, jobs: &[Candidate], _: &[Column]) -> Vec<f64> {
        jobs.iter()
            .map(|job| self.settings.rank(now, job))
            .collect()
    }
}

impl Settings {
    /// What the function says of a job. All operations are those of IEEE 754 or of `libm`, so that components and native code agree
    /// to the last bit.
    fn rank(&self, now: Instant, job: &Candidate) -> f64 {
        let r = job.walltime / 1e6;
        let n = f64::from(job.min);
        let s = ((job.submitted - self.origin) / 1e6).max(0.0);
        let w = ((now - job.submitted) / 1e6).max(0.0);
        match self.function {
            Function::Fcfs => job.submitted,
            Function::Sjf => r,
            Function::F1 => log10(r) * n + 870.0 * log10(s),
            Function::F2 => r.sqrt() * n + 25_600.0 * log10(s),
            Function::F3 => r * n + 6_860_000.0 * log10(s),
            Function::F4 => r * n.sqrt() + 530_000.0 * log10(s),
            Function::Wfp3 => {
                let ratio = quotient(w, r);
                -(ratio * ratio * ratio) * n
            }
            Function::Unicep => -quotient(w, log2(n) * r),
        }
    }
}

/// A waiting time by something, where no wait at all counts as none whatever that is: a job on one core has log2(n) = 0.
fn quotient(wait: f64, by: f64) -> f64 {
    if wait == 0.0 { 0.0 } else { wait / by }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u32, min: u32, walltime_s: f64, submitted_s: f64) -> Candidate {
        Candidate {
            id,
            flags: 0,
            priority: 2000,
            unit: 0,
            min,
            max: min,
            position: f64::from(id),
            submitted: submitted_s * 1e6,
            walltime: walltime_s * 1e6,
        }
    }

    fn rank(formula: &str, now_s: f64, job: Candidate) -> f64 {
        let mut ranker = Formula::default();
        ranker
            .configure(&[("formula".to_owned(), formula.to_owned())])
            .unwrap();
        ranker.rank(now_s * 1e6, &[job], &[])[0]
    }

    /// Each by hand: r = 100 s, n = 4, s = 1000 s, w = 500 s.
    #[test]
    fn the_formulas_are_those_of_the_papers() {
        let job = job(1, 4, 100.0, 1000.0);
        for (formula, expected) in [
            ("fcfs", 1e9),
            ("sjf", 100.0),
            ("f1", 2.0 * 4.0 + 870.0 * 3.0),
            ("f2", 10.0 * 4.0 + 25_600.0 * 3.0),
            ("f3", 100.0 * 4.0 + 6_860_000.0 * 3.0),
            ("f4", 100.0 * 2.0 + 530_000.0 * 3.0),
            ("wfp3", -125.0 * 4.0),
            ("unicep", -500.0 / (2.0 * 100.0)),
        ] {
            assert_eq!(rank(formula, 1500.0, job), expected, "{formula}");
        }
    }

    #[test]
    fn corners_have_a_rank_too() {
        let no_limit = job(1, 4, f64::INFINITY, 10.0);
        for formula in ["sjf", "f1", "f2", "f3", "f4"] {
            assert_eq!(rank(formula, 50.0, no_limit), f64::INFINITY, "{formula}");
        }
        assert_eq!(rank("wfp3", 50.0, no_limit), 0.0);
        let at_the_origin = job(1, 4, 100.0, 0.0);
        assert_eq!(rank("f1", 50.0, at_the_origin), f64::NEG_INFINITY);
        let serial = job(1, 1, 100.0, 10.0);
        assert_eq!(rank("unicep", 10.0, serial), 0.0);
        assert_eq!(rank("unicep", 11.0, serial), f64::NEG_INFINITY);
    }

    #[test]
    fn submit_times_count_from_the_origin() {
        let mut ranker = Formula::default();
        let given = [("formula", "f2"), ("origin", "1970-01-01T00:15:00Z")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let traits = ranker.configure(&given).unwrap();
        assert_eq!(traits, [("ranks".to_owned(), "fixed".to_owned())]);
        let ranks = ranker.rank(0.0, &[job(1, 4, 100.0, 1000.0)], &[]);
        assert_eq!(ranks, [10.0 * 4.0 + 25_600.0 * 2.0]);
    }
}
