//! The value of a property: what it is, how HPC Pack writes it, and how it is sorted. Times are in UTC.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jobyard::kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// How times are written, as .NET says it: what `GET /cluster/info/dateTimeFormat` answers.
pub(super) const TIME_FORMAT: &str = "M/d/yyyy h:mm:ss tt";
/// The same, as `strftime` says it.
const TIME_FORMAT_C: &str = "%-m/%-d/%Y %-I:%M:%S %p";
/// What clients write, beside ISO 8601.
const TIME_FORMATS_READ: [&str; 4] = [
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
];

/// A property's value. Those of one property are of one kind, and are sorted as such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Value {
    Flag(bool),
    Number(i64),
    Text(String),
    Time(Timestamp),
    /// One of several, sorted by its number.
    Choice(u32, String),
    /// Numbers with dots between them.
    Id(Vec<u32>),
    /// With commas between them.
    List(Vec<String>),
}

impl Value {
    pub(super) fn number(number: impl Into<i64>) -> Option<Value> {
        Some(Value::Number(number.into()))
    }

    /// None when it is empty.
    pub(super) fn text(text: impl Into<String>) -> Option<Value> {
        let text = text.into();
        (!text.is_empty()).then_some(Value::Text(text))
    }

    /// None when it is empty.
    pub(super) fn list(names: impl IntoIterator<Item = String>) -> Option<Value> {
        let names: Vec<String> = names.into_iter().collect();
        (!names.is_empty()).then_some(Value::List(names))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(true) => f.write_str("True"),
            Value::Flag(false) => f.write_str("False"),
            Value::Number(number) => number.fmt(f),
            Value::Text(text) | Value::Choice(_, text) => f.write_str(text),
            Value::Time(at) => f.write_str(&time(*at)),
            Value::Id(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                f.write_str(&numbers.join("."))
            }
            Value::List(names) => f.write_str(&names.join(",")),
        }
    }
}

/// A time in [`TIME_FORMAT`].
fn time(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.0 as i64).unwrap_or(jiff::Timestamp::MAX);
    let civil = TimeZone::UTC.to_datetime(moment);
    civil.strftime(TIME_FORMAT_C).to_string()
}

/// Reads a time: RFC 3339, ISO 8601 without a zone, or month/day/year with or without hours. Without a zone it is UTC.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let civil = || {
        let read = |format: &&str| DateTime::strptime(format, text).ok();
        let date = |format: &&str| jiff::civil::Date::strptime(format, text).ok();
        let iso: Option<DateTime> = text.parse().ok();
        let formats = || TIME_FORMATS_READ.iter();
        iso.or_else(|| formats().find_map(read))
            .or_else(|| formats().find_map(date).map(DateTime::from))
    };
    let zoned: Option<jiff::Timestamp> = text.parse().ok();
    let moment = zoned.or_else(|| TimeZone::UTC.to_timestamp(civil()?).ok());
    let us = moment.and_then(|moment| u64::try_from(moment.as_microsecond()).ok());
    let at = us.filter(|&us| us <= Timestamp::MAX.0).map(Timestamp);
    at.ok_or_else(|| {
        format!("{text:?} is no time from 1970 to 2255: write it like 2026-11-28T20:15:00Z or 11/28/2026 8:15:00 PM")
    })
}

/// Reads yes or no.
pub(super) fn parse_flag(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// Reads a whole number from `least` to `most`.
pub(super) fn parse_number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{text:?} is no whole number from {least} to {most}"))
}

/// The names in a text with commas between them.
pub(super) fn parse_names(text: &str) -> Vec<String> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_said_to_be_and_read_in_many_ways() {
        let at = Timestamp(1_795_896_900_000_000);
        assert_eq!(Value::Time(at).to_string(), "11/28/2026 8:15:00 PM");
        for text in [
            "11/28/2026 8:15:00 PM",
            "11/28/2026 20:15:00",
            "11/28/2026 20:15",
            "2026-11-28T20:15:00Z",
            "2026-11-28T21:15:00+01:00",
            "2026-11-28T20:15:00",
            " 2026-11-28 20:15:00 ",
        ] {
            assert_eq!(parse_time(text), Ok(at), "{text}");
        }
        let day = Timestamp(1_795_824_000_000_000);
        assert_eq!(parse_time("2026-11-28"), Ok(day));
        assert_eq!(parse_time("11/28/2026"), Ok(day));
        for text in [
            "",
            "now",
            "13/1/2026",
            "1969-01-01",
            "+999999-01-01T00:00:00Z",
        ] {
            assert!(parse_time(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn values_are_written_as_dot_net_does() {
        for (value, text) in [
            (Value::Flag(true), "True"),
            (Value::Number(-3), "-3"),
            (Value::Id(vec![22, 1, 10]), "22.1.10"),
            (Value::List(vec!["a".into(), "b".into()]), "a,b"),
            (Value::Choice(2, "Normal".into()), "Normal"),
        ] {
            assert_eq!(value.to_string(), text);
        }
        assert!(Value::Id(vec![22, 1, 2]) < Value::Id(vec![22, 1, 10]));
    }
}
