//! Which exit codes mean success: `ValidExitCodes` of jobs and tasks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Ranges of exit codes, both ends included. Written as HPC Pack does: `0`, `0,3`, `-1..10,100..max`, `min..-100`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExitCodes(Vec<(i32, i32)>);

/// A list of exit codes that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "exit codes \"{text}\": \"{part}\" is neither a number nor a range like 0..10, min..-1 or 100..max"
)]
pub struct BadExitCodes {
    text: String,
    part: String,
}

impl ExitCodes {
    /// Whether this code means success.
    pub fn contains(&self, code: i32) -> bool {
        self.0.iter().any(|&(a, b)| a <= code && code <= b)
    }
}

/// Only 0.
impl Default for ExitCodes {
    fn default() -> Self {
        ExitCodes(vec![(0, 0)])
    }
}

impl FromStr for ExitCodes {
    type Err = BadExitCodes;

    fn from_str(text: &str) -> Result<Self, BadExitCodes> {
        let end = |s: &str| match s.trim() {
            "min" => Some(i32::MIN),
            "max" => Some(i32::MAX),
            n => n.parse().ok(),
        };
        let part = |p: &str| match p.split_once("..") {
            None => p.trim().parse().ok().map(|n| (n, n)),
            Some((a, b)) => end(a).zip(end(b)).map(|(a, b)| (a.min(b), a.max(b))),
        };
        text.split(',')
            .map(|p| {
                part(p).ok_or_else(|| BadExitCodes {
                    text: text.into(),
                    part: p.trim().into(),
                })
            })
            .collect::<Result<_, _>>()
            .map(ExitCodes)
    }
}

impl TryFrom<String> for ExitCodes {
    type Error = BadExitCodes;
    fn try_from(text: String) -> Result<Self, BadExitCodes> {
        text.parse()
    }
}

impl From<ExitCodes> for String {
    fn from(codes: ExitCodes) -> String {
        codes.to_string()
    }
}

impl fmt::Display for ExitCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |n: i32| match n {
            i32::MIN => "min".to_string(),
            i32::MAX => "max".to_string(),
            n => n.to_string(),
        };
        for (i, &(a, b)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match a == b {
                true => write!(f, "{comma}{a}")?,
                false => write!(f, "{comma}{}..{}", end(a), end(b))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_and_written() {
        let codes: ExitCodes = "-1..10, min..-100,100..max,42".parse().unwrap();
        for (code, valid) in [
            (0, true),
            (-1, true),
            (11, false),
            (-50, false),
            (-100, true),
            (42, true),
            (i32::MAX, true),
        ] {
            assert_eq!(codes.contains(code), valid, "{code}");
        }
        assert_eq!(codes.to_string(), "-1..10,min..-100,100..max,42");
        assert_eq!("5..1".parse::<ExitCodes>().unwrap().to_string(), "1..5");
        for bad in ["", "a", "1..", "0,,1", "99999999999", "1...2"] {
            let error = bad.parse::<ExitCodes>().unwrap_err().to_string();
            assert!(error.contains("neither a number nor a range"), "{error}");
        }
    }
}
