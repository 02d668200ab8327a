//! The ranker itself, without a component around it.

use jobyard_plugin_sdk::{
    fairshare::{COLUMNS, HALF_LIFE, Standing},
    ranker::{Candidate, Column, Instant, Ranker, Traits, numbers, texts},
    time::instant,
};

use crate::settings::Settings;

/// The custom property that says by when a job is to have ended.
const DEADLINE: &str = "job.custom.Deadline";

/// What the cluster has of each unit, by the unit's number.
const TOTALS: [&str; 4] = [
    "cluster.cores",
    "cluster.sockets",
    "cluster.nodes",
    "cluster.gpus",
];

/// The highest priority of a job.
const PRIORITY_MAX: f64 = 4000.0;

/// Ranks by a weighted sum.
#[derive(Debug, Default)]
pub struct Multifactor {
    settings: Settings,
}

impl Ranker for Multifactor {
    fn configure(&mut self, settings: &[(String, String)]) -> Result<Traits, String> {
        self.settings = Settings::read(settings)?;
        // What has no weight costs nothing.
        let Settings {
            size,
            fairshare,
            deadline,
            ..
        } = self.settings;
        let mut columns = Vec::new();
        if fairshare > 0.0 {
            columns.extend(COLUMNS);
        }
        if deadline > 0.0 {
            columns.push(DEADLINE);
        }
        if size != 0.0 {
            columns.extend(TOTALS);
        }
        Ok(vec![
            ("columns".to_owned(), columns.join(",")),
            ("follows".to_owned(), HALF_LIFE.to_owned()),
        ])
    }

    fn rank(&mut self, now: Instant, jobs: &[Candidate], columns: &[Column]) -> Vec<f64> {
        let of = &self.settings;
        let (places, last) = if of.fairshare > 0.0 {
            let standing = Standing::find(&of.shares, of.half_life, now, columns);
            (standing.of_jobs(columns), standing.last())
        } else {
            (Vec::new(), 0)
        };
        let deadlines = texts(columns, DEADLINE).unwrap_or_default();
        let total = |name| numbers(columns, name).and_then(|entries| entries.first().copied());
        let totals = TOTALS.map(|name| total(name).unwrap_or_default());
        let score = |(index, job): (usize, &Candidate)| {
            let place = places.get(index).copied().unwrap_or_default();
            let deadline = deadlines.get(index).and_then(|text| instant(text));
            let total = totals.get(job.unit as usize).copied().unwrap_or_default();
            of.age * age(now, job, of)
                + of.size * size(job, total)
                + of.fairshare * fairshare(place, last)
                + of.priority * (f64::from(job.priority) / PRIORITY_MAX).min(1.0)
                + of.deadline * deadline.map_or(0.0, |at| urgency(now, job, at, of))
        };
        jobs.iter()
            .enumerate()
            .map(score)
            .map(|score| -score)
            .collect()
    }
}

/// 0 when it has just come, 1 from the longest wait that counts on.
fn age(now: Instant, job: &Candidate, settings: &Settings) -> f64 {
    ((now - job.submitted) / settings.age_max).clamp(0.0, 1.0)
}

/// The part of the cluster that it asks for at least.
fn size(job: &Candidate, total: f64) -> f64 {
    match total > 0.0 {
        true => (f64::from(job.min) / total).min(1.0),
        false => 0.0,
    }
}

/// 1 for the account that has had least of its share, down to 0 for the one that has had most.
fn fairshare(place: u32, last: u32) -> f64 {
    match last {
        0 => 1.0,
        _ => 1.0 - f64::from(place) / f64::from(last),
    }
}

/// 1 from the moment on at which it must start to end in time, less before, 0 as long as that is further away than counts.
fn urgency(now: Instant, job: &Candidate, deadline: Instant, settings: &Settings) -> f64 {
    let walltime = if job.walltime.is_finite() {
        job.walltime
    } else {
        0.0
    };
    let slack = deadline - walltime - now;
    (1.0 - slack / settings.deadline_within).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobyard_plugin_sdk::ranker::ColumnValues;

    const HOUR: f64 = 3_600e6;

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
            walltime: HOUR,
        }
    }

    fn texts(name: &str, texts: &[&str]) -> Column {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Column {
            name: name.to_owned(),
            values: ColumnValues::Texts(texts),
        }
    }

    fn number(name: &str, number: f64) -> Column {
        Column {
            name: name.to_owned(),
            values: ColumnValues::Numbers(vec![number]),
        }
    }

    /// One factor alone, with the weight 100.
    fn ranks(
        factor: &str,
        more: &[(&str, &str)],
        jobs: &[Candidate],
        columns: &[Column],
    ) -> Vec<f64> {
        let mut ranker = Multifactor::default();
        let weights = ["age", "size", "fairshare", "priority", "deadline"];
        let weights = weights.map(|name| (name, if name == factor { "100" } else { "0" }));
        let given: Vec<(String, String)> = weights
            .iter()
            .chain(more)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        ranker.configure(&given).unwrap();
        ranker.rank(10.0 * HOUR, jobs, columns)
    }

    #[test]
    fn each_factor_goes_from_nothing_to_all_of_its_weight() {
        let submitted = |hours: f64| Candidate {
            submitted: hours * HOUR,
            ..job(1)
        };
        let waits = [submitted(10.0), submitted(5.0), submitted(-90.0)];
        let aged = ranks("age", &[("age-max", "20h")], &waits, &[]);
        assert_eq!(aged, [0.0, -25.0, -100.0]);

        let of = |priority| Candidate { priority, ..job(1) };
        let ranked = ranks("priority", &[], &[of(0), of(1000), of(4000)], &[]);
        assert_eq!(ranked, [0.0, -25.0, -100.0]);

        let asking = |unit, min| Candidate {
            unit,
            min,
            ..job(1)
        };
        let cluster = [number("cluster.cores", 40.0), number("cluster.nodes", 4.0)];
        let sizes = [asking(0, 10), asking(2, 1), asking(0, 80), asking(3, 1)];
        let ranked = ranks("size", &[], &sizes, &cluster);
        assert_eq!(ranked, [-25.0, -25.0, -100.0, 0.0]);

        let accounts = [
            texts("job.project", &["a", "b", "c"]),
            texts("job.owner", &["x", "x", "x"]),
            texts("account.project", &["a", "b"]),
            texts("account.owner", &["x", "x"]),
            Column {
                name: "account.used".to_owned(),
                values: ColumnValues::Numbers(vec![500.0, 100.0]),
            },
        ];
        let jobs = [job(1), job(2), job(3)];
        assert_eq!(
            ranks("fairshare", &[], &jobs, &accounts),
            [0.0, -50.0, -100.0]
        );
    }

    /// It is ten o'clock, and the jobs take an hour.
    #[test]
    fn deadlines_count_from_when_a_job_must_start() {
        let deadlines = [
            "1970-01-01T11:00:00Z", // now
            "1970-01-01T16:00:00Z", // in five hours
            "75600000000",          // in ten: does not count yet
            "1970-01-01T08:00:00Z", // too late
            "when it is done",
            "",
        ];
        let jobs: Vec<Candidate> = (1..=6).map(job).collect();
        let columns = [texts("job.custom.Deadline", &deadlines)];
        let ranked = ranks("deadline", &[("deadline-within", "10h")], &jobs, &columns);
        assert_eq!(ranked, [-100.0, -50.0, 0.0, -100.0, 0.0, 0.0]);
    }

    #[test]
    fn asks_only_for_what_has_a_weight() {
        let mut ranker = Multifactor::default();
        let columns = |ranker: &mut Multifactor, given: &[(&str, &str)]| -> String {
            let given: Vec<_> = given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let traits = ranker.configure(&given).unwrap();
            traits[0].1.clone()
        };
        let all = columns(&mut ranker, &[("size", "1")]);
        assert!(all.contains("account.used") && all.contains("cluster.gpus"));
        let none = [("fairshare", "0"), ("deadline", "0")];
        assert_eq!(columns(&mut ranker, &none), "");
    }
}
