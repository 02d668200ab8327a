//! The ranker `fairshare`: jobs of accounts that have had least of their share of the cluster go first.
//!
//! An account is a project and an owner. Shares are given to projects, and within a project to owners; usage decays with the cluster
//! parameter `FairShareHalfLife`. The order is that of Slurm's Fair Tree, see [`jobyard_plugin_sdk::fairshare`]. The component is made
//! from [`FairShare`]; natively it is used by tests.

use jobyard_plugin_sdk::{
    fairshare::{COLUMNS, HALF_LIFE, HALF_LIFE_DEFAULT, Shares, Standing},
    ranker::{Candidate, Column, Instant, Ranker, Span, Traits},
    settings::{each_once, unknown},
    time::span_setting,
};

/// Ranks by the place of a job's account.
#[derive(Debug)]
pub struct FairShare {
    shares: Shares,
    half_life: Span,
}

impl Default for FairShare {
    fn default() -> FairShare {
        FairShare {
            shares: Shares::default(),
            half_life: HALF_LIFE_DEFAULT,
        }
    }
}

impl Ranker for FairShare {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        each_once(settings)?;
        let mut read = FairShare::default();
        for (name, value) in settings {
            match name.as_str() {
                "shares" => read.shares = Shares::read(name, value)?,
                HALF_LIFE => read.half_life = span_setting(name, value)?,
                _ => return Err(unknown(name, &["shares"])),
            }
        }
        *self = read;
        Ok(vec![
            ("columns".to_owned(), COLUMNS.join(",")),
            ("follows".to_owned(), HALF_LIFE.to_owned()),
        ])
    }

    fn rank(&mut self, now: Instant, jobs: &[Candidate], columns: &[Column]) -> Vec<f64> {
        let standing = Standing::find(&self.shares, self.half_life, now, columns);
        let mut ranks: Vec<f64> = standing
            .of_jobs(columns)
            .into_iter()
            .map(f64::from)
            .collect();
        // Without the columns no account is known, and all are equal.
        ranks.resize(jobs.len(), 0.0);
        ranks
    }
}

jobyard_plugin_sdk::ranker_component!(crate::FairShare);

#[cfg(test)]
mod tests {
    use super::*;
    use jobyard_plugin_sdk::ranker::ColumnValues;

    fn job(id: u32) -> Candidate {
        Candidate {
            id,
            flags: 0,
            priority: 2000,
            unit: 0,
            min: 1,
            max: 1,
            position: f64::from(id),
            submitted: 0.0,
            walltime: 1e6,
        }
    }

    fn column(name: &str, values: ColumnValues) -> Column {
        Column {
            name: name.to_owned(),
            values,
        }
    }

    fn texts(texts: &[&str]) -> ColumnValues {
        ColumnValues::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn who_has_had_less_goes_first_and_usage_fades_by_the_parameter() {
        let mut ranker = FairShare::default();
        let given = [("FairShareHalfLife", "1h"), ("shares", "a=3")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        ranker.configure(&given).unwrap();
        let columns = [
            column("job.project", texts(&["a", "b", "a"])),
            column("job.owner", texts(&["x", "x", "x"])),
            column("account.project", texts(&["a", "b"])),
            column("account.owner", texts(&["x", "x"])),
            column("account.used", ColumnValues::Numbers(vec![240.0, 100.0])),
            column("account.at", ColumnValues::Numbers(vec![0.0, 0.0])),
            column("account.cores", ColumnValues::Numbers(vec![0.0, 0.0])),
        ];
        let jobs = [job(1), job(2), job(3)];
        // 80 a share against 100.
        assert_eq!(ranker.rank(0.0, &jobs, &columns), [0.0, 1.0, 0.0]);
        // `a` holds a core for an hour: 120 + 2597 against 50.
        let mut later = columns.to_vec();
        later[6] = column("account.cores", ColumnValues::Numbers(vec![1.0, 0.0]));
        assert_eq!(ranker.rank(3600e6, &jobs, &later), [1.0, 0.0, 1.0]);
        assert_eq!(ranker.rank(0.0, &jobs, &[]), [0.0; 3]);
    }

    #[test]
    fn settings_that_cannot_be_read_leave_those_in_force() {
        let mut ranker = FairShare::default();
        let set = |ranker: &mut FairShare, name: &str, value: &str| {
            ranker.configure(&[(name.to_owned(), value.to_owned())])
        };
        set(&mut ranker, "shares", "a=3").unwrap();
        let error = set(&mut ranker, "share", "a=3").unwrap_err();
        assert_eq!(error, "unknown setting `share`: there are shares");
        let error = set(&mut ranker, "FairShareHalfLife", "soon").unwrap_err();
        assert!(error.contains("`soon` is not a length of time"), "{error}");
        assert_eq!(ranker.shares, Shares::read("shares", "a=3").unwrap());
    }
}
