//! What is found out about policies and takes minutes of a core: whether one keeps to the contract, and whether what was decided comes out the same
//! again. For administrators; a part of `/api/v1/policies` and `/api/v1/policy`.
//!
//! | method and path | what |
//! |---|---|
//! | `POST /policies/{name}/check` | runs the conformance kit on a policy that is kept, or a built-in one: [`CheckPolicy`], answered with a [`Report`] |
//! | `POST /policy/verify` | runs passes of the journal again: [`VerifyPasses`], answered with a [`VerifyReport`] |
//!
//! One is done at a time; who comes meanwhile is answered 429 `Busy`. It ends when the client goes, when the daemon stops, and after ten minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jobyard::conform::{Options, RULES, Report};
use jobyard::policies::{BadBound, Bound, VerifyError, VerifyReport};
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::app::App;
use crate::body::{self, NamePath};
use crate::caller::Caller;

/// How long one may take.
const TIME_MAX: Duration = Duration::from_secs(600);
/// Random cases of each kind in one check.
pub const SEEDS_MAX: u64 = 10_000;
/// The highest first seed: every program that writes JSON can say it.
pub const FIRST_SEED_MAX: u64 = (1 << 53) - 1;
/// Random cases of each kind where nothing is said.
const SEEDS: u64 = 200;

/// How a policy is checked: as `jobyard policy check` does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckPolicy {
    /// All of its settings. Without any it is held to what its manifest claims too.
    pub settings: BTreeMap<String, String>,
    /// Random cases of each kind; 200 where it is not there.
    #[schema(minimum = 1, maximum = 10_000)]
    pub seeds: u64,
    /// The first seed: the same seeds are the same cases.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991u64)]
    pub first_seed: u64,
    /// Only these rules, by their names in `docs/conformance.md`; all where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

impl Default for CheckPolicy {
    fn default() -> Self {
        CheckPolicy {
            settings: BTreeMap::new(),
            seeds: SEEDS,
            first_seed: 0,
            rules: Vec::new(),
        }
    }
}

/// Which passes are run again: all where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyPasses {
    /// From here on: the number of a pass, or a time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

pub(crate) async fn check(
    State(app): State<App>,
    caller: Caller,
    NamePath(name): NamePath,
    body::Json(asked): body::Json<CheckPolicy>,
) -> Result<Json<Report>, Problem> {
    caller.administers("check policies")?;
    let options = options(&asked).map_err(|detail| Problem::bad("BadCheck", detail))?;
    let settings = asked.settings.into_iter().collect();
    let check = app.engine.check_policy(&name, settings, options);
    let less = "ask for fewer seeds or for some of the rules, or use `jobyard policy check`";
    let report = in_time(app.stopping(), TIME_MAX, check, ("CannotCheck", less)).await?;
    Ok(Json(report?))
}

/// What is asked of the kit, or what is wrong with it.
fn options(asked: &CheckPolicy) -> Result<Options, String> {
    let (seeds, first_seed) = (asked.seeds, asked.first_seed);
    if !(1..=SEEDS_MAX).contains(&seeds) {
        return Err(format!("seeds: {seeds} is not 1 to {SEEDS_MAX}"));
    }
    if first_seed > FIRST_SEED_MAX {
        return Err(format!(
            "first_seed: {first_seed} is above {FIRST_SEED_MAX}"
        ));
    }
    let is_known = |name: &&String| RULES.iter().any(|rule| rule.name == **name);
    if let Some(unknown) = asked.rules.iter().find(|name| !is_known(name)) {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        let names = names.join(", ");
        return Err(format!("rules: there is no {unknown:?}; there are {names}"));
    }
    Ok(Options {
        seeds,
        first_seed,
        measure: asked.rules.is_empty(),
        rules: asked.rules.clone(),
        ..Options::default()
    })
}

pub(crate) async fn verify(
    State(app): State<App>,
    caller: Caller,
    body::Json(asked): body::Json<VerifyPasses>,
) -> Result<Json<VerifyReport>, Problem> {
    caller.administers("verify what policies decided")?;
    let (from, to) = (bound(asked.from)?, bound(asked.to)?);
    let verify = app.engine.verify_policies(from, to);
    let less = "ask for fewer passes with `from` and `to`, or use `jobyard policy verify` when no daemon runs on the folder";
    let report = in_time(app.stopping(), TIME_MAX, verify, ("CannotVerify", less)).await?;
    report.map(Json).map_err(|error| match error {
        VerifyError::Engine(error) => error.into(),
        VerifyError::Journal(_)
        | VerifyError::NoPasses(_)
        | VerifyError::Unkept
        | VerifyError::Stopped(_) => {
            Problem::new(StatusCode::CONFLICT, "CannotVerify", error.to_string())
        }
    })
}

fn bound(text: Option<String>) -> Result<Option<Bound>, Problem> {
    let bound = text.map(|text| text.parse()).transpose();
    bound.map_err(|error: BadBound| Problem::bad("BadBound", error.to_string()))
}

/// Waits for work that ends when it is not waited for. After `time_max` it is refused with that code, and how to ask for less.
async fn in_time<T>(
    stopping: impl Future<Output = ()>,
    time_max: Duration,
    work: impl Future<Output = T>,
    (code, less): (&str, &str),
) -> Result<T, Problem> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = stopping => {
            let detail = "the daemon is about to stop";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Stopped", detail))
        }
        () = tokio::time::sleep(time_max) => {
            let detail = format!("it was not done within {} seconds: {less}", time_max.as_secs());
            Err(Problem::new(StatusCode::CONFLICT, code, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_refused_with_how_to_ask_for_less() {
        let less = ("CannotCheck", "ask for fewer seeds");
        let late = in_time(pending(), Duration::ZERO, pending::<()>(), less).await;
        let late = late.expect_err("it never ends");
        assert_eq!((late.status, late.code.as_str()), (409, "CannotCheck"));
        assert!(late.detail.ends_with("ask for fewer seeds"), "{late}");
        let stopped = in_time(ready(()), TIME_MAX, pending::<()>(), less).await;
        let stopped = stopped.expect_err("the daemon stops");
        assert_eq!((stopped.status, stopped.code.as_str()), (503, "Stopped"));
        let done = in_time(pending(), TIME_MAX, ready(7), less).await;
        assert_eq!(done, Ok(7));
    }

    #[test]
    fn what_cannot_be_asked_of_the_kit_is_named() {
        let table = [
            (
                CheckPolicy {
                    seeds: 0,
                    ..CheckPolicy::default()
                },
                "0 is not 1 to 10000",
            ),
            (
                CheckPolicy {
                    seeds: 10_001,
                    ..CheckPolicy::default()
                },
                "10001",
            ),
            (
                CheckPolicy {
                    first_seed: u64::MAX,
                    ..CheckPolicy::default()
                },
                "first_seed",
            ),
            (
                CheckPolicy {
                    rules: vec!["luck".into()],
                    ..CheckPolicy::default()
                },
                "no-fault",
            ),
        ];
        for (asked, part) in table {
            let wrong = options(&asked).expect_err(part);
            assert!(wrong.contains(part), "{wrong}");
        }
        let all = options(&CheckPolicy::default()).expect("it can be asked");
        assert!(all.measure && all.seeds == 200);
    }
}
