//! The query of a request: names without regard to case, only those that its route takes.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query as Pairs};
use axum::http::request::Parts;

use super::paging::{Cursor, From, ROWS_DEFAULT, ROWS_MAX};
use super::value::{Value, parse_flag, parse_names, parse_number, parse_time};
use crate::Problem;

/// Bytes of a query.
const QUERY_BYTES_MAX: usize = 32 * 1024;
/// What every route takes and has no use for: there is one version of this interface, and one way to write an answer in each language.
const IGNORED: [&str; 2] = ["api-version", "render"];

/// The names that a route takes; stands in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Takes(pub(super) &'static [&'static str]);

/// What was asked, by names as they are in [`Takes`].
#[derive(Debug, Clone)]
pub(super) struct Query {
    pairs: Vec<(&'static str, String)>,
    from: From,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Problem> {
        let takes = parts
            .extensions
            .get::<Takes>()
            .map_or(&[][..], |takes| takes.0);
        let bytes = parts.uri.query().map_or(0, str::len);
        if bytes > QUERY_BYTES_MAX {
            let detail =
                format!("the query has {bytes} bytes; at most {QUERY_BYTES_MAX} are taken");
            return Err(Problem::bad("BadQuery", detail));
        }
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Pairs(pairs) = pairs.map_err(|e| Problem::bad("BadQuery", e.body_text()))?;
        Query::new(takes, pairs)
    }
}

impl Query {
    fn new(takes: &'static [&'static str], pairs: Vec<(String, String)>) -> Result<Query, Problem> {
        let mut query = Query {
            pairs: named(takes, pairs)?,
            from: From::Start,
        };
        if let Some(row) = query.number("startRow", 0, u64::MAX)? {
            query.from = From::Row(usize::try_from(row).unwrap_or(usize::MAX));
        } else if let Some(text) = query.text("queryId") {
            let bad = || {
                bad(
                    "queryId",
                    format!("{text:?} is not from the header of an answer"),
                )
            };
            let cursor = Cursor::parse(text).ok_or_else(bad)?;
            let mut pairs = named(takes, cursor.asked)?;
            // How the next rows are shown may be said anew; what was asked for is as it was.
            for name in ["rowsPerRead", "properties"] {
                if let Some(value) = query.text(name) {
                    pairs.retain(|(known, _)| *known != name);
                    pairs.push((name, value.into()));
                }
            }
            let from = From::Behind(cursor.last);
            query = Query { pairs, from };
        }
        Ok(query)
    }

    /// The value; an empty one is none.
    pub(super) fn text(&self, name: &'static str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The names in it; none where it is not there.
    pub(super) fn names(&self, name: &'static str) -> Option<Vec<String>> {
        self.text(name).map(parse_names)
    }

    /// Ids with commas between them.
    pub(super) fn ids(&self, name: &'static str) -> Result<Option<Vec<u32>>, Problem> {
        let id = |text: String| {
            u32::from_str(&text).map_err(|_| bad(name, format!("{text:?} is no id")))
        };
        let ids = |names: Vec<String>| names.into_iter().map(id).collect();
        self.names(name).map(ids).transpose()
    }

    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool, Problem> {
        let flag = self.text(name).map(parse_flag).transpose();
        flag.map(|flag| flag.unwrap_or(default))
            .map_err(|what| bad(name, what))
    }

    pub(super) fn number(
        &self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Problem> {
        let number = self.text(name).map(|text| parse_number(text, least, most));
        number.transpose().map_err(|what| bad(name, what))
    }

    pub(super) fn time(
        &self,
        name: &'static str,
    ) -> Result<Option<jobyard::kernel::Timestamp>, Problem> {
        let time = self.text(name).map(parse_time).transpose();
        time.map_err(|what| bad(name, what))
    }

    /// Where the answer begins.
    pub(super) fn from(&self) -> &From {
        &self.from
    }

    /// How many rows are wanted; at least one is answered, as HPC Pack does.
    pub(super) fn rows(&self) -> Result<usize, Problem> {
        let Some(text) = self.text("rowsPerRead") else {
            return Ok(ROWS_DEFAULT);
        };
        let rows: Option<i64> = text.trim().parse().ok();
        match rows {
            Some(rows) if rows <= ROWS_MAX as i64 => Ok(rows.max(1) as usize),
            Some(_) | None => Err(bad(
                "rowsPerRead",
                format!("{text:?} is no number up to {ROWS_MAX}"),
            )),
        }
    }

    /// What goes on after this row.
    pub(super) fn cursor(&self, key: Option<Value>, id: Vec<u32>) -> Cursor {
        let asked = self.pairs.iter().filter(|(name, _)| *name != "queryId");
        Cursor {
            asked: asked
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
            last: super::paging::Row { key, id },
        }
    }
}

/// The pairs by the names that are taken.
fn named(
    takes: &'static [&'static str],
    pairs: Vec<(String, String)>,
) -> Result<Vec<(&'static str, String)>, Problem> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in pairs {
        if IGNORED
            .iter()
            .any(|ignored| ignored.eq_ignore_ascii_case(&name))
        {
            continue;
        }
        let known = takes.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let Some(&known) = known else {
            let all = match takes {
                [] => "none".into(),
                takes => takes.join(", "),
            };
            return Err(bad(&name, format!("is not taken here; known: {all}")));
        };
        if found.iter().any(|(other, _)| *other == known) {
            return Err(bad(&name, "is there twice"));
        }
        found.push((known, value));
    }
    Ok(found)
}

/// A query that cannot be read.
pub(super) fn bad(name: &str, what: impl std::fmt::Display) -> Problem {
    Problem::bad("BadQuery", format!("{name}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKES: &[&str] = &[
        "$filter",
        "asc",
        "properties",
        "queryId",
        "rowsPerRead",
        "startRow",
    ];

    fn query(pairs: &[(&str, &str)]) -> Result<Query, String> {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let query = Query::new(TAKES, pairs.iter().map(owned).collect());
        query.map_err(|problem| problem.detail)
    }

    #[test]
    fn names_are_read_in_any_case_and_others_refused() {
        let asked = query(&[
            ("ASC", "False"),
            ("Properties", "Id, Name"),
            ("API-Version", "x"),
        ]);
        let asked = asked.expect("a query");
        assert_eq!(asked.flag("asc", true).map_err(|p| p.detail), Ok(false));
        assert_eq!(
            asked.names("properties"),
            Some(vec!["Id".into(), "Name".into()])
        );
        assert_eq!(
            query(&[("colour", "x")]).unwrap_err(),
            format!("colour: is not taken here; known: {}", TAKES.join(", "))
        );
        assert!(
            query(&[("asc", "1"), ("Asc", "0")])
                .unwrap_err()
                .contains("twice")
        );
    }

    #[test]
    fn rows_are_at_least_one_and_not_too_many() {
        for (text, expected) in [
            ("-1", Some(1)),
            ("0", Some(1)),
            ("7", Some(7)),
            ("10001", None),
            ("x", None),
        ] {
            let asked = query(&[("rowsPerRead", text)]).expect("a query");
            assert_eq!(asked.rows().ok(), expected, "{text}");
        }
        assert_eq!(
            query(&[]).map(|asked| asked.rows().ok()),
            Ok(Some(ROWS_DEFAULT))
        );
    }

    #[test]
    fn a_query_goes_on_as_it_was_asked() {
        let first = query(&[("$filter", "a eq b"), ("rowsPerRead", "3")]).expect("a query");
        let id = first.cursor(None, vec![5]).text();
        let next = query(&[
            ("queryId", &id),
            ("$filter", "c eq d"),
            ("rowsPerRead", "4"),
        ]);
        let next = next.expect("a query");
        assert_eq!(next.text("$filter"), Some("a eq b"));
        assert_eq!(next.rows().ok(), Some(4));
        let last = super::super::paging::Row {
            key: None,
            id: vec![5],
        };
        assert_eq!(next.from(), &From::Behind(last));
        // With a row to begin at, the id is not looked at.
        let by_row = query(&[("queryId", "nonsense"), ("startRow", "2")]).expect("a query");
        assert_eq!(by_row.from(), &From::Row(2));
        assert!(query(&[("queryId", "nonsense")]).is_err());
    }
}
