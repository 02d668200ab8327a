//! The small languages inside job files and command lines: lengths of time, priorities, ranges, sweeps, moments.
//!
//! Each takes a text and gives a value or an error that names the text and says what would be right. Used by all
//! three formats and by the options of the CLI.

use std::ops::RangeInclusive;

use jobyard_kernel::limits::{PRIORITY_MAX, UNITS_MAX};
use jobyard_kernel::{GroupOp, JobId, NodeProperty, OrderBy, Span, TaskKind, Timestamp};

use super::error::quoted;

const SECOND_US: u64 = 1_000_000;
const MINUTE_US: u64 = 60 * SECOND_US;
const HOUR_US: u64 = 60 * MINUTE_US;
const DAY_US: u64 = 24 * HOUR_US;

/// The units of lengths of time, largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", DAY_US),
    ("h", HOUR_US),
    ("m", MINUTE_US),
    ("s", SECOND_US),
    ("ms", SECOND_US / 1_000),
];

/// The bands of priority and their middles (`ExpandedPriority`).
const PRIORITIES: [(&str, u32); 5] = [
    ("Lowest", 0),
    ("BelowNormal", 1_000),
    ("Normal", 2_000),
    ("AboveNormal", 3_000),
    ("Highest", 4_000),
];

/// A text that does not say what it should. The text is the case's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum BadValue {
    #[error("{} is not a length of time; write it like 90s, 15m, 2h30m, 1d, like HPC Pack's [[days:]hours:]minutes, or infinite", quoted(.0))]
    Span(String),
    #[error("{} is longer than 285 years; write infinite for no limit", quoted(.0))]
    SpanTooLong(String),
    #[error("{} is not a priority; write 0 to {PRIORITY_MAX}, or Lowest, BelowNormal, Normal, AboveNormal or Highest, which may be followed by a number as in Normal+5", quoted(.0))]
    Priority(String),
    #[error("{} is priority {number}, which is not from 0 to {PRIORITY_MAX}", quoted(.text))]
    PriorityRange { text: String, number: i64 },
    #[error("{} is not a number or range; write it like 4, 2-8, 2-* or *", quoted(.0))]
    Range(String),
    #[error("{} has a number that is not from 1 to {UNITS_MAX}", quoted(.0))]
    RangeNumber(String),
    #[error("{} has a number of MiB that is not from 1 to {}", quoted(.0), u32::MAX)]
    MemoryNumber(String),
    #[error("{} starts above its end; write the smaller number first", quoted(.0))]
    RangeOrder(String),
    #[error("{} is not a sweep; write it like 1-200 or 0-100:10 (start-end or start-end:increment)", quoted(.0))]
    Sweep(String),
    #[error("{} has no instances; the end must not be below the start, and the increment at least 1", quoted(.0))]
    EmptySweep(String),
    #[error("{} is not an order of nodes; write cores, memory or both, as in cores,-memory for the most cores and then the least memory", quoted(.0))]
    OrderBy(String),
    #[error("{} is not a way to join node groups; write intersect, uniform or union", quoted(.0))]
    GroupOp(String),
    #[error("{} is not a list of job numbers; write it like 3,17", quoted(.0))]
    JobIds(String),
    #[error("{} is not a date and time with a time zone; write it like 2031-05-04T18:30:00Z or 2031-05-04T18:30:00+02:00", quoted(.0))]
    Moment(String),
    #[error("{} is not from 1970 to 2255", quoted(.0))]
    MomentRange(String),
}

/// How many cores (or other units) are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitRange {
    /// At least; none: computed from the tasks.
    pub min: Option<u32>,
    /// At most; none: computed from the tasks.
    pub max: Option<u32>,
}

/// Reads a length of time; none for `infinite`.
///
/// `2h30m`, `90s`, `1.5h`, `1d 12h`, `250ms`: units from the largest to the smallest, each at most once. Without a
/// unit it is HPC Pack's `[[days:]hours:]minutes`: `90` is an hour and a half.
///
/// # Errors
/// When it is neither, or longer than 2^53 microseconds.
pub fn parse_span(text: &str) -> Result<Option<Span>, BadValue> {
    let trimmed = text.trim();
    if trimmed.eq_ignore_ascii_case("infinite") {
        return Ok(None);
    }
    let total = match trimmed.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        true => from_minutes(trimmed),
        false => from_units(trimmed),
    };
    match total {
        None => Err(BadValue::Span(text.into())),
        Some(us) => match u64::try_from(us) {
            Ok(us) if us <= Timestamp::MAX.0 => Ok(Some(Span(us))),
            _ => Err(BadValue::SpanTooLong(text.into())),
        },
    }
}

/// Microseconds of `[[days:]hours:]minutes`.
fn from_minutes(text: &str) -> Option<u128> {
    let units = [MINUTE_US, HOUR_US, DAY_US];
    let parts: Vec<&str> = text.rsplit(':').take(units.len() + 1).collect();
    if parts.len() > units.len() {
        return None;
    }
    let parts = parts.into_iter().zip(units);
    parts
        .map(|(part, unit)| Some(number(part)? * u128::from(unit)))
        .sum()
}

/// Microseconds of numbers with units.
fn from_units(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut larger_units_used = 0;
    let mut total = 0;
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at(digits_end);
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let index = UNITS.iter().position(|(name, _)| *name == unit)?;
        if index < larger_units_used {
            return None;
        }
        larger_units_used = index + 1;
        total += decimal(digits, UNITS[index].1)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// `1.5` times `unit`, cut to whole microseconds.
fn decimal(text: &str, unit: u64) -> Option<u128> {
    let unit = u128::from(unit);
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some(number(text)? * unit);
    };
    // Digits after the 18th are far below a microsecond.
    number(fraction)?;
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10u128.pow(fraction.len() as u32);
    Some(number(whole)? * unit + number(fraction)? * unit / scale)
}

/// Digits only: no sign. At most 18, so that no product of it with a unit is too large for 128 bits.
fn number(text: &str) -> Option<u128> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match digits && text.trim_start_matches('0').len() <= 18 {
        true => text.parse().ok(),
        // So many that the sum is too long for sure.
        false => digits.then_some(u128::from(u64::MAX)),
    }
}

/// Reads a priority: 0 to 4000, or a band's name, which may be followed by `+n` or `-n`. Case does not matter.
///
/// # Errors
/// When it is neither, or not from 0 to 4000.
pub fn parse_priority(text: &str) -> Result<u32, BadValue> {
    let bad = || BadValue::Priority(text.into());
    let trimmed = text.trim();
    let name_end = trimmed
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(trimmed.len());
    let (name, offset) = trimmed.split_at(name_end);
    let base = match name {
        "" => 0,
        name => PRIORITIES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, middle)| i64::from(middle))
            .ok_or_else(bad)?,
    };
    let offset = match (name, offset.trim_start()) {
        ("", number) if !number.starts_with('+') => number.parse().map_err(|_| bad())?,
        ("", _) => return Err(bad()),
        (_, "") => 0,
        (_, offset) if offset.starts_with(['+', '-']) => offset.parse().map_err(|_| bad())?,
        (_, _) => return Err(bad()),
    };
    let number = base.saturating_add(offset);
    match u32::try_from(number) {
        Ok(number) if number <= PRIORITY_MAX => Ok(number),
        _ => Err(BadValue::PriorityRange {
            text: text.into(),
            number,
        }),
    }
}

/// The numbers that a band's name may stand beside (`Priority` and `ExpandedPriority` in one job).
pub(super) fn priority_band(priority: u32) -> RangeInclusive<u32> {
    let start = priority / 1_000 * 1_000;
    start..=start + 999
}

/// Reads how many units are wanted: `4` (just so many), `2-8`, `2-*`, `*-8` or `*`, where `*` is computed from the tasks.
///
/// # Errors
/// When it is none of these, a number is 0 or too large, or the first is above the second.
pub fn parse_range(text: &str) -> Result<UnitRange, BadValue> {
    range(text, UNITS_MAX, BadValue::RangeNumber)
}

/// Reads how much memory a node is to have, in MiB: as [`parse_range`], up to 4 PiB.
///
/// # Errors
/// As [`parse_range`].
pub fn parse_memory_range(text: &str) -> Result<UnitRange, BadValue> {
    range(text, u32::MAX, BadValue::MemoryNumber)
}

fn range(
    text: &str,
    most: u32,
    out_of_range: fn(String) -> BadValue,
) -> Result<UnitRange, BadValue> {
    let end = |part: &str| match part.trim() {
        "*" => Ok(None),
        digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|n| (1..=most).contains(n))
            .map(Some)
            .ok_or_else(|| out_of_range(text.into())),
        _ => Err(BadValue::Range(text.into())),
    };
    let (min, max) = match text.split_once('-') {
        Some((min, max)) => (end(min)?, end(max)?),
        None => (end(text)?, end(text)?),
    };
    match (min, max) {
        (Some(a), Some(b)) if a > b => Err(BadValue::RangeOrder(text.into())),
        _ => Ok(UnitRange { min, max }),
    }
}

/// Reads by what nodes are put in order: `cores,-memory`; the most first, with a minus the least.
///
/// # Errors
/// When a part is neither cores nor memory.
pub fn parse_order_by(text: &str) -> Result<Vec<OrderBy>, BadValue> {
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    let one = |part: &str| {
        let name = part.trim_start_matches(['+', '-']);
        let property = match name {
            _ if name.eq_ignore_ascii_case("cores") => NodeProperty::Cores,
            _ if name.eq_ignore_ascii_case("memory") => NodeProperty::Memory,
            _ => return Err(BadValue::OrderBy(text.into())),
        };
        Ok(OrderBy {
            property,
            fewest_first: part.starts_with('-'),
        })
    };
    parts.map(one).collect()
}

/// Reads how node groups are joined: `intersect`, `uniform` or `union`. Case does not matter.
///
/// # Errors
/// When it is none of these.
pub fn parse_group_op(text: &str) -> Result<GroupOp, BadValue> {
    match text.trim().to_ascii_lowercase().as_str() {
        "intersect" => Ok(GroupOp::Intersect),
        "uniform" => Ok(GroupOp::Uniform),
        "union" => Ok(GroupOp::Union),
        _ => Err(BadValue::GroupOp(text.into())),
    }
}

/// Reads numbers of jobs with commas between them.
///
/// # Errors
/// When one is not a number from 1.
pub fn parse_job_ids(text: &str) -> Result<Vec<JobId>, BadValue> {
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    let id = |part: &str| part.parse().ok().filter(|&id| id > 0).map(JobId);
    let ids = parts.map(|part| id(part).ok_or_else(|| BadValue::JobIds(text.into())));
    ids.collect()
}

/// Reads the values of a sweep: `start-end` or `start-end:increment`.
///
/// # Errors
/// When it is neither, or has no instances.
pub fn parse_sweep(text: &str) -> Result<TaskKind, BadValue> {
    let bad = || BadValue::Sweep(text.into());
    let number = |part: &str| {
        let part = part.trim();
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits).ok_or_else(bad)
    };
    let (start, rest) = text.split_once('-').ok_or_else(bad)?;
    let (end, increment) = match rest.split_once(':') {
        Some((end, increment)) => (number(end)?, number(increment)?),
        None => (number(rest)?, 1),
    };
    let start = number(start)?;
    match start <= end && increment >= 1 {
        true => Ok(TaskKind::Sweep {
            start,
            end,
            increment,
        }),
        false => Err(BadValue::EmptySweep(text.into())),
    }
}

/// Reads a moment: RFC 3339, with a time zone.
///
/// # Errors
/// When it is not, or not from 1970 to 2255.
pub fn parse_hold_until(text: &str) -> Result<Timestamp, BadValue> {
    let moment: jiff::Timestamp = text
        .trim()
        .parse()
        .map_err(|_| BadValue::Moment(text.into()))?;
    match u64::try_from(moment.as_microsecond()) {
        Ok(us) if us <= Timestamp::MAX.0 => Ok(Timestamp(us)),
        _ => Err(BadValue::MomentRange(text.into())),
    }
}
