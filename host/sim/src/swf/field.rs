//! One job line, from bytes to numbers. Knows nothing of cleaning or of the machine.

use super::BadReason;

/// Fields that are looked at: up to the user, field 12. The group, field 13, is taken where it can be read.
const FIELDS_READ: usize = 12;
/// Fields without which a line is not a job.
const FIELDS_NEEDED: usize = 9;
/// Bytes of a wrong field that are shown.
const SHOWN_BYTES_MAX: usize = 24;
/// Largest time in seconds: 2^53 microseconds, rounded down.
const SECONDS_MAX: f64 = 9_007_199_254.0;

/// What a job line says, in the units of the format. Times may be negative, which means unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct JobLine {
    pub(super) submit_us: i64,
    pub(super) run_us: i64,
    pub(super) allocated: i64,
    pub(super) requested: i64,
    pub(super) requested_us: i64,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
}

/// Reads one job line.
pub(super) fn job_line(line: &[u8]) -> Result<JobLine, BadReason> {
    let mut values = [-1.0_f64; FIELDS_READ];
    let mut found = 0;
    let mut rest = line;
    while found < FIELDS_READ
        && let Some(value) = next_number(&mut rest)
    {
        values[found] = value.map_err(|token| BadReason::NotANumber {
            field: found + 1,
            text: shown(token),
        })?;
        found += 1;
    }
    if found < FIELDS_NEEDED {
        return Err(BadReason::TooFewFields { found });
    }
    let user = whole(&values, 12)?;
    let group = next_word(&mut rest).and_then(|token| str::from_utf8(token).ok()?.parse().ok());
    Ok(JobLine {
        submit_us: microseconds(&values, 2)?,
        run_us: microseconds(&values, 4)?,
        allocated: whole(&values, 5)?,
        requested: whole(&values, 8)?,
        requested_us: microseconds(&values, 9)?,
        user: u32::try_from(user).ok(),
        group: group.filter(|_| found == FIELDS_READ),
    })
}

/// Text from a file, shortened for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// The next word between blanks, if there is one.
fn next_word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = rest.trim_ascii_start();
    if line.is_empty() {
        return None;
    }
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (word, after) = line.split_at(end.unwrap_or(line.len()));
    *rest = after;
    Some(word)
}

/// The next word as a number, or as it is where it is none. Nearly all are short whole numbers, which are read as they are found.
fn next_number<'a>(rest: &mut &'a [u8]) -> Option<Result<f64, &'a [u8]>> {
    let line = rest.trim_ascii_start();
    let (negative, digits) = match line {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut value = 0_u64;
    let mut count = 0;
    // Up to 15 digits are exact.
    while let Some(digit) = digits.get(count).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
        && count < 15
    {
        value = value * 10 + u64::from(digit);
        count += 1;
    }
    if count > 0 && digits.get(count).is_none_or(u8::is_ascii_whitespace) {
        *rest = &digits[count..];
        let value = value as f64;
        return Some(Ok(if negative { -value } else { value }));
    }
    let word = next_word(rest)?;
    Some(number(word).ok_or(word))
}

/// Any decimal number.
fn number(word: &[u8]) -> Option<f64> {
    let value: f64 = str::from_utf8(word).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn microseconds(values: &[f64; FIELDS_READ], field: usize) -> Result<i64, BadReason> {
    let value = values[field - 1];
    if value.abs() > SECONDS_MAX {
        return Err(BadReason::TooLate { field, value });
    }
    Ok((value * 1e6).round() as i64)
}

fn whole(values: &[f64; FIELDS_READ], field: usize) -> Result<i64, BadReason> {
    let value = values[field - 1];
    if value.fract() != 0.0 {
        return Err(BadReason::NotWhole { field, value });
    }
    // Out of range saturates, which is still larger than any machine.
    Ok(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers() {
        let table: &[(&str, Option<f64>)] = &[
            ("0", Some(0.0)),
            ("-1", Some(-1.0)),
            ("000123", Some(123.0)),
            ("999999999999999", Some(999_999_999_999_999.0)),
            ("9007199254740993", Some(9_007_199_254_740_992.0)),
            ("12.5", Some(12.5)),
            ("1e3", Some(1000.0)),
            ("+7", Some(7.0)),
            ("-", None),
            ("", None),
            ("--1", None),
            ("12a", None),
            ("0x10", None),
            ("nan", None),
            ("inf", None),
            ("1e999", None),
            ("1,5", None),
        ];
        for (text, expected) in table {
            let read = next_number(&mut text.as_bytes());
            let read = read.and_then(Result::ok);
            assert_eq!(read, *expected, "{text:?}");
        }
    }

    #[test]
    fn reads_job_lines() {
        let line = JobLine {
            submit_us: 5_000_000,
            run_us: 60_000_000,
            allocated: 4,
            requested: 8,
            requested_us: 100_000_000,
            user: Some(3),
            group: None,
        };
        let table: &[(&str, Result<JobLine, BadReason>)] = &[
            (
                "1 5 -1 60 4 -1 -1 8 100 -1 1 3 1 -1 -1 -1 -1 -1",
                Ok(JobLine {
                    group: Some(1),
                    ..line
                }),
            ),
            ("1 5 -1 60 4 -1 -1 8 100 -1 1 3 -1", Ok(line)),
            ("\t 1\t5 -1 60 4 -1 -1 8 100 -1 1 3\r", Ok(line)),
            (
                "1 5 -1 60 4 -1 -1 8 100 -1 1 3 what stands here is not read",
                Ok(line),
            ),
            (
                "1 5 -1 60 4 -1 -1 8 100",
                Ok(JobLine { user: None, ..line }),
            ),
            (
                "1 5 -1 60 4 -1 -1 8 100 -1 1 -1",
                Ok(JobLine { user: None, ..line }),
            ),
            (
                "1 5.5 -1 0.25 4 -1 -1 8 100",
                Ok(JobLine {
                    submit_us: 5_500_000,
                    run_us: 250_000,
                    user: None,
                    ..line
                }),
            ),
            (
                "1 5 -1 60 4 -1 -1 8",
                Err(BadReason::TooFewFields { found: 8 }),
            ),
            ("", Err(BadReason::TooFewFields { found: 0 })),
            (
                "1 5 x 60 4 -1 -1 8 100",
                Err(BadReason::NotANumber {
                    field: 3,
                    text: "x".into(),
                }),
            ),
            (
                "job 5 3 60 4 -1 -1 8 100",
                Err(BadReason::NotANumber {
                    field: 1,
                    text: "job".into(),
                }),
            ),
            (
                "1 5 -1 60 4 -1 -1 8 100 -1 1 bob",
                Err(BadReason::NotANumber {
                    field: 12,
                    text: "bob".into(),
                }),
            ),
            (
                "1 5 -1 60 4.5 -1 -1 8 100",
                Err(BadReason::NotWhole {
                    field: 5,
                    value: 4.5,
                }),
            ),
            (
                "1 5 -1 60 4 -1 -1 8 1e10",
                Err(BadReason::TooLate {
                    field: 9,
                    value: 1e10,
                }),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(&job_line(text.as_bytes()), expected, "{text:?}");
        }
    }
}
