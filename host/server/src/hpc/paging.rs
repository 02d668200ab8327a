//! Which rows of a list are answered: by `startRow`, or from where the last answer ended (`queryId`). Pure.
//!
//! A list is put in order as a whole each time it is asked for; a `queryId` says what was asked and which row came last, so that rows
//! that come or go meanwhile neither shift others nor repeat them. Nothing is kept between two requests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::value::Value;

/// Rows of an answer where the query does not say.
pub(super) const ROWS_DEFAULT: usize = 10;
/// Rows of an answer at most.
pub(super) const ROWS_MAX: usize = 10_000;
/// Bytes of a `queryId`.
pub(super) const QUERY_ID_BYTES_MAX: usize = 16 * 1024;

/// A row, in the order of the list: by the property that it is sorted by, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) key: Option<Value>,
    pub(super) id: Vec<u32>,
}

/// How far an answer came, and what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The query's names and values.
    pub(super) asked: Vec<(String, String)>,
    /// The last row.
    pub(super) last: Row,
}

impl Cursor {
    /// As it stands in `x-ms-continuation-queryId`.
    pub(super) fn text(&self) -> String {
        // Plain data: it cannot fail.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// None for what is no `queryId`.
    pub(super) fn parse(text: &str) -> Option<Cursor> {
        let usable = text.len() <= QUERY_ID_BYTES_MAX;
        let bytes = URL_SAFE_NO_PAD.decode(usable.then_some(text)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// Where an answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// At this row; the first is 0.
    Row(usize),
    /// Behind this one.
    Behind(Row),
    /// At the first.
    Start,
}

/// Some rows of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rows: Vec<Row>,
    /// How many rows the list has.
    pub(super) count: usize,
    /// Whether there are more behind these.
    pub(super) more: bool,
}

/// Puts the rows in order and takes `limit` of them.
pub(super) fn part(mut rows: Vec<Row>, ascending: bool, from: &From, limit: usize) -> Part {
    rows.sort_unstable();
    if !ascending {
        rows.reverse();
    }
    let count = rows.len();
    let start = match from {
        From::Start => 0,
        From::Row(row) => (*row).min(count),
        From::Behind(last) => rows.partition_point(|row| match ascending {
            true => row <= last,
            false => row >= last,
        }),
    };
    rows.drain(..start);
    rows.truncate(limit);
    Part {
        more: start + rows.len() < count,
        rows,
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: Option<i64>, id: u32) -> Row {
        let (key, id) = (key.map(Value::Number), vec![id]);
        Row { key, id }
    }

    fn ids(part: &Part) -> Vec<u32> {
        part.rows.iter().map(|row| row.id[0]).collect()
    }

    #[test]
    fn pages_follow_each_other_both_ways_though_rows_come_and_go() {
        let rows = || {
            (1..=5)
                .map(|id| row(Some(i64::from(id % 2)), id))
                .collect::<Vec<_>>()
        };
        for (ascending, expected) in [(true, [2, 4, 1, 3, 5]), (false, [5, 3, 1, 4, 2])] {
            let first = part(rows(), ascending, &From::Start, 2);
            assert_eq!(ids(&first), expected[..2]);
            assert!(first.more && first.count == 5);
            let last = first.rows[1].clone();
            // The last row has gone, and another came before it.
            let mut later: Vec<Row> = rows().into_iter().filter(|row| *row != last).collect();
            later.push(first.rows[0].clone());
            let next = part(later, ascending, &From::Behind(last), 3);
            assert_eq!(ids(&next), expected[2..]);
            assert!(!next.more);
        }
    }

    #[test]
    fn rows_are_counted_from_0_and_none_is_behind_the_last() {
        let rows = || (1..=5).map(|id| row(None, id)).collect::<Vec<_>>();
        let third = part(rows(), true, &From::Row(2), 2);
        assert_eq!((ids(&third), third.count), (vec![3, 4], 5));
        for behind in [5, usize::MAX] {
            let none = part(rows(), true, &From::Row(behind), 2);
            assert_eq!((ids(&none), none.count, none.more), (vec![], 5, false));
        }
    }

    #[test]
    fn a_query_id_reads_back_and_nonsense_does_not() {
        let cursor = Cursor {
            asked: vec![("$filter".into(), "JobState eq Queued".into())],
            last: row(Some(7), 3),
        };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for text in ["", "x", "e30", &"A".repeat(QUERY_ID_BYTES_MAX + 1)] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
