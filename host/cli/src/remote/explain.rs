//! Why a job waits, as text for people.

use std::fmt::Write as _;

use comfy_table::Table;
use jobyard::kernel::{Span, Timestamp, counted};
use jobyard::policies::Explanation;
use jobyard::rfc3339;
use jobyard::sim::forecast::{Expected, Limit, Sooner, Standing};

use super::show;
use crate::table;

/// Jobs of a kind that are named.
const NAMED_MAX: usize = 5;

pub(crate) fn text(job: &Explanation) -> String {
    let mut text = format!("job {} is {}", job.job, job.state);
    if let Some(standing) = &job.standing {
        stands(&mut text, standing);
    }
    if let Some(outlook) = &job.outlook {
        let policy = job
            .policy
            .as_ref()
            .map_or("", |policy| policy.name.as_str());
        let _ = write!(text, "\n{}", expected(&outlook.as_it_is, policy));
        sooner(&mut text, outlook);
    }
    text
}

/// The same as a row.
pub(crate) fn row(job: &Explanation) -> Table {
    let mut table = table::new(&[
        "job",
        "state",
        "position",
        "queued",
        "why",
        "expected start",
    ]);
    let standing = job.standing.as_ref();
    let starts = job
        .outlook
        .as_ref()
        .and_then(|outlook| match &outlook.as_it_is {
            Expected::Starts { at_us, .. } => Some(time(*at_us)),
            Expected::Never { .. } | Expected::NotWithin { .. } | Expected::NotQueued { .. } => {
                None
            }
        });
    let position = standing.and_then(|standing| standing.position);
    table.add_row([
        job.job.to_string(),
        job.state.to_string(),
        position.map_or_else(|| "-".into(), |position| position.to_string()),
        standing.map_or_else(|| "-".into(), |standing| standing.queued.to_string()),
        standing.map_or_else(String::new, |standing| standing.why.to_string()),
        starts.unwrap_or_else(|| "-".into()),
    ]);
    table
}

fn stands(text: &mut String, standing: &Standing) {
    let Standing { unit, min, max, .. } = standing;
    let position = match standing.position {
        Some(position) => format!("{position} of {} in the queue", standing.queued),
        None => format!("may not start; {} others are in the queue", standing.queued),
    };
    let wants = match min == max {
        true => counted((*min).into(), unit),
        false => format!("{min} to {max} {unit}"),
    };
    let _ = write!(
        text,
        ", {position}: {}\nit wants {wants}; its nodes ({}) have {} free now, and {} if nothing ran",
        standing.why, standing.nodes, standing.free, standing.at_most
    );
    if let Some(at) = standing.promised_us {
        let _ = write!(text, "\nthe policy has promised it a start at {}", time(at));
    }
    if standing.ahead_count > 0 {
        let named = standing.ahead.iter().take(NAMED_MAX);
        let named =
            named.map(|job| format!("{} ({})", job.job, counted(job.min.into(), &job.unit)));
        let _ = write!(text, "\nbefore it: {}", list(standing.ahead_count, named));
    }
    if standing.holder_count > 0 {
        let named = standing.holders.iter().take(NAMED_MAX).map(|job| {
            let ends = job
                .ends_us
                .map_or("without a limit".into(), |at| format!("until {}", time(at)));
            format!("{} ({} {ends})", job.job, counted(job.cores, "cores"))
        });
        let _ = write!(
            text,
            "\non its nodes: {}",
            list(standing.holder_count, named)
        );
    }
}

fn expected(expected: &Expected, policy: &str) -> String {
    match expected {
        Expected::Starts { at_us, nodes } => {
            let named = nodes.iter().take(NAMED_MAX);
            let named = named
                .map(|place| format!("{} ({})", place.node, counted(place.cores.into(), "cores")));
            let nodes = list(nodes.len() as u64, named);
            format!("under {policy} it starts at {}, on {nodes}", time(*at_us))
        }
        Expected::Never { endless_jobs } => match endless_jobs {
            0 => format!("under {policy} it never starts as things are"),
            1 => format!(
                "under {policy} nobody knows when it starts: a running job has no run-time limit"
            ),
            jobs => format!(
                "under {policy} nobody knows when it starts: {jobs} running jobs have no run-time limit"
            ),
        },
        Expected::NotWithin { limit, until_us } => match limit {
            Limit::PassesMax => format!(
                "it does not start before {}, which is as far as was simulated",
                time(*until_us)
            ),
            Limit::Horizon => format!("it does not start before {}", time(*until_us)),
            Limit::JobsMax => "the queue is too long to simulate".into(),
        },
        Expected::NotQueued { .. } => {
            "it is not in the queue, so there is nothing to wait for".into()
        }
    }
}

fn sooner(text: &mut String, outlook: &Sooner) {
    for variant in &outlook.variants {
        let by = variant.sooner_by_s.map_or(String::new(), |by| {
            format!(", {} sooner", Span::from_secs(by as u64))
        });
        let place = match variant.keeps_place {
            true => "",
            false => ", submitted again",
        };
        let at = time(variant.at_us);
        let _ = write!(text, "\nwith {}{place}: at {at}{by}", variant.change);
    }
    if outlook.variants.is_empty() && outlook.tried > 0 {
        let _ = write!(
            text,
            "\nnone of {} other ways to ask for it starts sooner",
            outlook.tried
        );
    }
}

fn list(count: u64, named: impl Iterator<Item = String>) -> String {
    let named: Vec<String> = named.collect();
    let more = count.saturating_sub(named.len() as u64);
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn time(us: u64) -> String {
    show::time(&Some(rfc3339(Timestamp(us))))
}
