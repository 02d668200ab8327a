//! Points and lengths of time as people write them in settings and properties of jobs.

use crate::settings::refusal;

/// Whole microseconds since 1970-01-01T00:00:00Z.
#[cfg(feature = "job-ranker")]
type Instant = f64;
/// Whole microseconds.
type Span = f64;

/// From the largest, in microseconds.
const UNITS: [(&str, f64); 5] = [
    ("d", 86_400e6),
    ("h", 3_600e6),
    ("m", 60e6),
    ("s", 1e6),
    ("ms", 1e3),
];

/// The first microsecond that is out of range: 2^53.
const END: f64 = 9_007_199_254_740_992.0;

/// A point in time: RFC 3339 with a time zone, or whole microseconds since 1970.
#[cfg(feature = "job-ranker")]
pub fn instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    let us = match text.parse::<u64>() {
        Ok(us) => us,
        Err(_) => {
            let moment: jiff::Timestamp = text.parse().ok()?;
            u64::try_from(moment.as_microsecond()).ok()?
        }
    };
    Some(us as Instant).filter(|&at| at < END)
}

/// A length of time: `90s`, `2h30m`, `1d 12h`, the larger units first, each once.
pub fn span(text: &str) -> Option<Span> {
    let mut rest = text.trim();
    let (mut total, mut units) = (0.0, &UNITS[..]);
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let at = units.iter().position(|(name, _)| *name == unit)?;
        total += digits.parse::<u32>().ok()? as Span * units[at].1;
        units = &units[at + 1..];
        rest = after.trim_start();
    }
    (units.len() < UNITS.len() && total < END).then_some(total)
}

/// A setting that is a point in time.
///
/// # Errors
/// A sentence for the admin that names the setting, the value and what would be right.
#[cfg(feature = "job-ranker")]
pub fn instant_setting(name: &str, value: &str) -> Result<Instant, String> {
    let right = "a point in time (2026-01-31T12:00:00Z, or microseconds since 1970)";
    instant(value).ok_or_else(|| refusal(name, value, right))
}

/// A setting that is a length of time, and more than nothing.
///
/// # Errors
/// A sentence for the admin that names the setting, the value and what would be right.
pub fn span_setting(name: &str, value: &str) -> Result<Span, String> {
    let span = span(value).filter(|&span| span > 0.0);
    span.ok_or_else(|| refusal(name, value, "a length of time (90s, 2h30m, 7d)"))
}

#[cfg(all(test, feature = "job-ranker"))]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        assert_eq!(instant("1970-01-01T00:00:01.5Z"), Some(1.5e6));
        assert_eq!(instant(" 1970-01-01T02:00:00+02:00 "), Some(0.0));
        assert_eq!(instant("1500000"), Some(1.5e6));
        for bad in [
            "",
            "soon",
            "1969-12-31T23:59:59Z",
            "2026-01-31",
            "-5",
            "9007199254740992",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
        assert_eq!(span("90s"), Some(90e6));
        assert_eq!(span("1d 12h"), Some(129_600e6));
        assert_eq!(span("2h30m250ms"), Some(9_000.25e6));
        for bad in [
            "",
            "5",
            "h",
            "1m1h",
            "1s1s",
            "1w",
            "-1s",
            "1.5h",
            "4294967295d",
        ] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn refusals_name_setting_value_and_what_is_right() {
        assert_eq!(
            span_setting("age-max", "0s"),
            Err("setting `age-max`: `0s` is not a length of time (90s, 2h30m, 7d)".to_owned())
        );
        assert!(
            instant_setting("origin", "soon")
                .unwrap_err()
                .starts_with("setting `origin`: `soon` is not")
        );
    }
}
