//! What a guest says while it runs, within its limits. Where it goes from here is the caller's business.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{FAULT_LOG_LINES_MAX, LOG_LINES_MAX, LOG_MESSAGE_BYTES_MAX};
use crate::text::prefix;

/// How loud a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogLevel {
    /// Something failed; a person should look.
    Error,
    /// Something is odd, and the work went on.
    Warn,
    /// What a person may want to know of an ordinary run.
    Info,
    /// What only the plugin's author wants to know.
    Debug,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        })
    }
}

/// One message of a guest. It may hold line breaks and control characters: a guest wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How loud it is.
    pub level: LogLevel,
    /// What it says, at most 4,096 bytes.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.level, self.text)
    }
}

/// The messages of one call, counted against its limit.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    bytes_left: usize,
    lines_left: usize,
    dropped_messages: u64,
    dropped_bytes: u64,
}

impl LogBudget {
    /// For a new call.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (dropped_messages, dropped_bytes) = (0, 0);
        Self {
            bytes_left: bytes_max,
            lines_left: LOG_LINES_MAX,
            dropped_messages,
            dropped_bytes,
        }
    }

    /// The message as it is to be kept, or nothing when the call has said enough.
    pub(crate) fn admit(&mut self, level: LogLevel, message: &str) -> Option<LogLine> {
        let kept = prefix(message, LOG_MESSAGE_BYTES_MAX);
        if kept.len() > self.bytes_left || self.lines_left == 0 {
            self.dropped_messages += 1;
            self.dropped_bytes += message.len() as u64;
            return None;
        }
        self.bytes_left -= kept.len();
        self.lines_left -= 1;
        self.dropped_bytes += (message.len() - kept.len()) as u64;
        Some(LogLine {
            level,
            text: kept.to_owned(),
        })
    }

    /// At the end of the call: a line that says what was dropped, where something was.
    pub(crate) fn dropped(&mut self) -> Option<LogLine> {
        let (messages, bytes) = (self.dropped_messages, self.dropped_bytes);
        (self.dropped_messages, self.dropped_bytes) = (0, 0);
        (messages > 0 || bytes > 0).then(|| LogLine {
            level: LogLevel::Warn,
            text: format!("{messages} messages, {bytes} bytes in all, were over the log limit"),
        })
    }
}

/// The last lines of a log, as a fault keeps them.
pub(crate) fn last_lines(lines: &[LogLine]) -> Vec<LogLine> {
    lines[lines.len().saturating_sub(FAULT_LOG_LINES_MAX)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_budget_is_dropped_and_counted() {
        let mut budget = LogBudget::new(10);
        assert_eq!(
            budget.admit(LogLevel::Info, "123456").unwrap().text,
            "123456"
        );
        assert_eq!(budget.admit(LogLevel::Info, "12345"), None);
        assert_eq!(budget.admit(LogLevel::Info, "1234").unwrap().text, "1234");
        let said = budget.dropped().unwrap().text;
        assert_eq!(said, "1 messages, 5 bytes in all, were over the log limit");
        assert_eq!(budget.dropped(), None);
    }

    #[test]
    fn a_long_message_is_cut() {
        let mut budget = LogBudget::new(1 << 20);
        let line = budget.admit(LogLevel::Warn, &"é".repeat(4000)).unwrap();
        assert_eq!(line.text.len(), 4096);
        assert!(
            budget
                .dropped()
                .unwrap()
                .text
                .starts_with("0 messages, 3904 bytes")
        );
    }

    #[test]
    fn empty_messages_have_an_end_too() {
        let mut budget = LogBudget::new(1 << 20);
        let kept = (0..10_000)
            .filter_map(|_| budget.admit(LogLevel::Debug, ""))
            .count();
        assert_eq!(kept, LOG_LINES_MAX);
    }
}
