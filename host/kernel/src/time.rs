//! Points in time and lengths of time: whole microseconds. The kernel never asks what time it is.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z. Below 2^53, so that a policy's `f64` has it exactly.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

/// A length of time in microseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Timestamp {
    /// The last point in time that there is: 2^53 − 1 microseconds, in the year 2255.
    pub const MAX: Timestamp = Timestamp((1 << 53) - 1);

    /// The time since `earlier`; nothing if that was later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// As policies have it.
    pub fn as_instant(self) -> f64 {
        self.0 as f64
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// From whole seconds; cut at 2^53 microseconds (285 years).
    pub const fn from_secs(seconds: u64) -> Span {
        let us = seconds.saturating_mul(1_000_000);
        Span(if us > Timestamp::MAX.0 {
            Timestamp::MAX.0
        } else {
            us
        })
    }

    /// From milliseconds, cut likewise.
    pub const fn from_millis(millis: u64) -> Span {
        let us = millis.saturating_mul(1_000);
        Span(if us > Timestamp::MAX.0 {
            Timestamp::MAX.0
        } else {
            us
        })
    }

    /// In milliseconds, rounded up.
    pub const fn as_millis(self) -> u64 {
        self.0.div_ceil(1_000)
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0).min(Timestamp::MAX.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

/// As people write it: `1d2h`, `2h30m`, `90s`, `1.5s`; the two largest units only.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0 / 1_000_000;
        let (d, h, m) = (s / 86_400, s / 3_600 % 24, s / 60 % 60);
        let two = |f: &mut fmt::Formatter<'_>, a, ua, b, ub| match b {
            0 => write!(f, "{a}{ua}"),
            b => write!(f, "{a}{ua}{b}{ub}"),
        };
        match () {
            () if d > 0 => two(f, d, "d", h, "h"),
            () if s >= 3_600 => two(f, h, "h", m, "m"),
            () if s >= 60 => two(f, m, "m", s % 60, "s"),
            () if self.0.is_multiple_of(1_000_000) || s >= 10 => write!(f, "{s}s"),
            () => write!(f, "{:.2}s", self.as_secs_f64()),
        }
    }
}

/// A length of time that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a length of time; write it like 90s, 15m, 2h30m or 5d")]
pub struct BadSpan(String);

/// Reads what `Display` writes: numbers with units, the larger unit first.
impl std::str::FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.into());
        let (mut rest, mut us, mut last) = (text, 0f64, f64::INFINITY);
        while !rest.is_empty() {
            let at = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(bad)?;
            let number: f64 = rest[..at].parse().map_err(|_| bad())?;
            let end = rest[at..]
                .find(|c: char| !c.is_ascii_alphabetic())
                .map_or(rest.len(), |end| at + end);
            let unit = match &rest[at..end] {
                "d" => 86_400e6,
                "h" => 3_600e6,
                "m" => 60e6,
                "s" => 1e6,
                "ms" => 1e3,
                _ => return Err(bad()),
            };
            if unit >= last {
                return Err(bad());
            }
            (us, last, rest) = (us + number * unit, unit, &rest[end..]);
        }
        match text.is_empty() || us > Timestamp::MAX.as_instant() {
            true => Err(bad()),
            false => Ok(Span(us.round() as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        for (us, text) in [
            (0, "0s"),
            (20_000, "0.02s"),
            (1_500_000, "1.50s"),
            (15_400_000, "15s"),
            (90_000_000, "1m30s"),
            (120_000_000, "2m"),
            (9_000_000_000, "2h30m"),
            (93_600_000_000, "1d2h"),
        ] {
            assert_eq!(Span(us).to_string(), text);
            if !us.is_multiple_of(1_000_000) && us > 10_000_000 {
                continue;
            }
            assert_eq!(text.parse(), Ok(Span(us)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "90",
            "s",
            "1x",
            "1s1m",
            "1.2.3s",
            "-1s",
            "1e9s",
            "999999999d",
            "5 m",
        ] {
            let bad = text.parse::<Span>().expect_err(text).to_string();
            assert!(bad.contains(&format!("\"{text}\"")), "{bad}");
        }
    }

    #[test]
    fn time_saturates_where_f64_stays_exact() {
        assert_eq!(Timestamp::MAX + Span::from_secs(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.as_instant() as u64, Timestamp::MAX.0);
    }
}
