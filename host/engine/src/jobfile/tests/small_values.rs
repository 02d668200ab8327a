//! The small languages.

use jobyard_kernel::{Span, TaskKind, Timestamp};

use crate::jobfile::{
    BadValue, UnitRange, parse_hold_until, parse_priority, parse_range, parse_span, parse_sweep,
};

#[test]
fn spans() {
    for (text, seconds) in [
        ("90s", 90.0),
        ("15m", 900.0),
        ("2h30m", 9_000.0),
        (" 1d 12h ", 129_600.0),
        ("1.5h", 5_400.0),
        ("250ms", 0.25),
        ("1.50s", 1.5),
        ("1.50000000000000000000000000000000000000000000s", 1.5),
        ("0s", 0.0),
        // HPC Pack's [[days:]hours:]minutes.
        ("90", 5_400.0),
        ("1:30", 5_400.0),
        ("2:0:0", 172_800.0),
    ] {
        let span = Span((seconds * 1e6) as u64);
        assert_eq!(parse_span(text), Ok(Some(span)), "{text}");
    }
    assert_eq!(parse_span("Infinite"), Ok(None));
    for text in [
        "", "h", "5x", "2h30", "30m2h", "1h1h", "-5m", "+5m", "1:2:3:4", "1::2", ":", "1.h", ".5h",
        "1..5h", "5 m", "1,5h", "٣m",
    ] {
        assert_eq!(parse_span(text), Err(BadValue::Span(text.into())), "{text}");
    }
    for text in [
        "104250d",
        "99999999999999999999999999999999999999999d",
        "99999999999999999999999",
    ] {
        assert_eq!(
            parse_span(text),
            Err(BadValue::SpanTooLong(text.into())),
            "{text}"
        );
    }
}

#[test]
fn priorities() {
    for (text, number) in [
        ("0", 0),
        ("4000", 4_000),
        ("Lowest", 0),
        ("belownormal", 1_000),
        ("Normal+5", 2_005),
        ("AboveNormal-1", 2_999),
        (" Highest ", 4_000),
    ] {
        assert_eq!(parse_priority(text), Ok(number), "{text}");
    }
    for text in [
        "",
        "High",
        "Normal+",
        "Normal5",
        "Normal+x",
        "Normal++5",
        "+5",
        "1.5",
        "Normal + 5",
    ] {
        assert_eq!(
            parse_priority(text),
            Err(BadValue::Priority(text.into())),
            "{text}"
        );
    }
    for (text, number) in [
        ("4001", 4_001),
        ("-1", -1),
        ("Highest+1", 4_001),
        ("Lowest-1", -1),
    ] {
        let text = text.to_string();
        assert_eq!(
            parse_priority(&text.clone()),
            Err(BadValue::PriorityRange { text, number })
        );
    }
}

#[test]
fn ranges() {
    for (text, min, max) in [
        ("4", Some(4), Some(4)),
        ("2-8", Some(2), Some(8)),
        (" 2 - * ", Some(2), None),
        ("*-8", None, Some(8)),
        ("*", None, None),
        ("1000000", Some(1_000_000), Some(1_000_000)),
    ] {
        assert_eq!(parse_range(text), Ok(UnitRange { min, max }), "{text}");
    }
    for (text, error) in [
        ("", BadValue::Range as fn(String) -> BadValue),
        ("-1", BadValue::Range),
        ("1-2-3", BadValue::Range),
        ("+4", BadValue::Range),
        ("a", BadValue::Range),
        ("0", BadValue::RangeNumber),
        ("1-1000001", BadValue::RangeNumber),
        ("99999999999", BadValue::RangeNumber),
        ("8-2", BadValue::RangeOrder),
    ] {
        assert_eq!(parse_range(text), Err(error(text.into())), "{text}");
    }
}

#[test]
fn sweeps() {
    for (text, start, end, increment) in [
        ("1-200", 1, 200, 1),
        ("0-100:10", 0, 100, 10),
        (" 5 - 5 ", 5, 5, 1),
        ("1-4294967295:4294967295", 1, u32::MAX, u32::MAX),
    ] {
        let sweep = TaskKind::Sweep {
            start,
            end,
            increment,
        };
        assert_eq!(parse_sweep(text), Ok(sweep), "{text}");
    }
    for text in [
        "",
        "5",
        "1-",
        "-1",
        "1-2:",
        "1-+2",
        "1-4294967296",
        "a-b",
        "1-2:3:4",
    ] {
        assert_eq!(
            parse_sweep(text),
            Err(BadValue::Sweep(text.into())),
            "{text}"
        );
    }
    for text in ["5-1", "1-5:0"] {
        assert_eq!(
            parse_sweep(text),
            Err(BadValue::EmptySweep(text.into())),
            "{text}"
        );
    }
}

#[test]
fn moments() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2031-05-04T18:30:00Z", 1_935_685_800),
        ("2031-05-04T20:30:00+02:00", 1_935_685_800),
        ("2031-05-04 18:30Z", 1_935_685_800),
    ] {
        let moment = Timestamp(seconds * 1_000_000);
        assert_eq!(parse_hold_until(text), Ok(moment), "{text}");
    }
    for text in [
        "",
        "tomorrow",
        "2031-05-04",
        "2031-05-04T18:30:00",
        "2031-02-30T00:00:00Z",
        "1935685800",
    ] {
        assert_eq!(
            parse_hold_until(text),
            Err(BadValue::Moment(text.into())),
            "{text}"
        );
    }
    for text in ["1969-12-31T23:59:59Z", "2256-01-01T00:00:00Z"] {
        assert_eq!(
            parse_hold_until(text),
            Err(BadValue::MomentRange(text.into())),
            "{text}"
        );
    }
}
