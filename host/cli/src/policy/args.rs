//! The arguments of `jobyard policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jobyard::kernel::Timestamp;
use jobyard_conform::{Claim, RULES};

use crate::args::{Estimate, Format, setting};
use crate::remote::args as remote;

/// `jobyard policy`.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(flatten)]
    pub(crate) daemon: remote::Daemon,
    #[command(subcommand)]
    pub(crate) verb: PolicyVerb,
}

/// What is done here, and what a daemon does.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Whether a policy keeps to the contract and to what it claims: random cases and scenarios on the real kernel. Prints the smallest case that shows a fault
    Check(Check),
    /// Say what a component is, and what it says of itself
    Inspect(Inspect),
    /// What would have happened under a policy: on what a daemon has recorded, or on a trace, side by side with what did happen and with other policies
    Simulate(Simulate),
    /// Make one policy of a ranked policy and a ranker, which says in which order jobs are tried
    Compose(Compose),
    #[command(flatten)]
    Remote(remote::PolicyVerb),
}

/// `jobyard policy inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A built-in policy by name, the file of a component, or one that the daemon keeps
    #[arg(value_name = "NAME|FILE.wasm")]
    pub(crate) policy: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// `jobyard policy compose`.
#[derive(Debug, Args)]
pub(crate) struct Compose {
    /// The ranked policy: a built-in one by name (ranked), or the file of a component
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
    /// The ranker: a built-in one by name (formula, fairshare, multifactor), or the file of a component
    #[arg(value_name = "RANKER")]
    pub(crate) ranker: String,
    /// Where the component goes; its manifest goes beside it, as FILE.toml
    #[arg(short, long, value_name = "FILE.wasm")]
    pub(crate) output: PathBuf,
}

/// `jobyard policy simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The policy: a built-in one by name (backfill, fifo), the file of a component, or one that the daemon keeps
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
    /// A setting of the policy; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Compare with this policy too, its settings behind its name: "backfill order=sjbf"; may be given again
    #[arg(long, value_name = "POLICY [NAME=VALUE …]")]
    pub(crate) against: Vec<String>,
    /// Simulate a trace in the Standard Workload Format, plain or gzip, and not what a daemon has recorded
    #[arg(long, value_name = "TRACE.swf[.gz]")]
    pub(crate) trace: Option<PathBuf>,
    /// Processors of the trace's machine [default: MaxProcs of the trace]
    #[arg(long, value_name = "N", requires = "trace", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) procs: Option<u32>,
    /// Only jobs that were submitted at this time or later: a day (UTC), or a time as 2026-11-28T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<Timestamp>,
    /// Only jobs that were submitted before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<Timestamp>,
    /// What policies are told of how long a job will run
    #[arg(long, value_enum, default_value_t = Estimate::Requested)]
    pub(crate) estimate: Estimate,
    /// Also write a page with tables and charts, which needs nothing else
    #[arg(long, value_name = "FILE.html")]
    pub(crate) html: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// `jobyard policy check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The policy: a built-in one by name, the file of a component, or one that the daemon keeps
    #[arg(value_name = "NAME|FILE.wasm")]
    pub(crate) policy: String,
    /// A setting of the policy; may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// What the policy claims, which adds rules, scenarios and published results; may be given again [default: without --set what its manifest claims]
    #[arg(long = "claim", value_name = "NAME")]
    pub(crate) claims: Vec<Claim>,
    /// Only this rule, by its name in the table; may be given again
    #[arg(long = "rule", value_name = "NAME", value_parser = rule)]
    pub(crate) rules: Vec<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Table)]
    pub(crate) format: CheckFormat,
    /// Random cases of each kind
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) seeds: u64,
    /// The first seed: the same seeds are the same cases
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first_seed: u64,
    /// Only the cases of this file, under all rules: one that was printed, or one's own
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// The KTH log in the Standard Workload Format, for published results
    #[arg(long, value_name = "KTH-SP2-1996.swf[.gz]")]
    pub(crate) trace: Option<PathBuf>,
}

fn rule(text: &str) -> Result<String, String> {
    let names = || RULES.iter().map(|rule| rule.name);
    match names().any(|name| name == text) {
        true => Ok(text.to_string()),
        false => {
            let names: Vec<&str> = names().collect();
            Err(format!("there are {}", names.join(", ")))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Table,
    /// XML as JUnit writes it
    Junit,
    /// One JSON object
    Json,
    /// A header and one line a rule, with commas between
    Csv,
}

/// A time, or the beginning of a day in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let day = || -> Option<jiff::Timestamp> {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    // A time reads as a day too, the rest of it left out.
    let time = text.parse().ok().or_else(day);
    let us = time.and_then(|time| u64::try_from(time.as_microsecond()).ok());
    let time = us.filter(|us| *us <= Timestamp::MAX.0).map(Timestamp);
    time.ok_or_else(|| {
        "a time from 1970 to 2255 is a day, as 2026-11-28, or has a zone, as 2026-11-28T09:00:00Z"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_in_utc() {
        let table = [
            ("1970-01-02", Some(86_400_000_000)),
            ("1970-01-02T00:00:01Z", Some(86_401_000_000)),
            ("1970-01-02T01:00:00+01:00", Some(86_400_000_000)),
            ("1969-01-01", None),
            ("tomorrow", None),
        ];
        for (text, us) in table {
            assert_eq!(time(text).ok().map(|at| at.0), us, "{text}");
        }
    }
}
