//! Signals that this process ignores, as one does that a script started in the background, or `nohup`.
//!
//! A program inherits what its starter ignores, and not what it catches. A shell cannot even trap what was ignored when it began, so a task
//! would not hear that it is asked to end. So what is ignored is caught, once a node is there, and nothing is done: to this process that is
//! the same. Called by [`Node::start`](crate::Node::start).

use std::fs;

use tokio::signal::unix::{SignalKind, signal};

/// Signals by number, those that every Unix has: 1 to 31.
const SIGNALS: u32 = 31;
/// Ignored in every Rust program, and given back by its standard library to those that it starts.
const SIGPIPE: u32 = 13;

/// Catches what is ignored. Where the system does not say what is, or a signal cannot be caught, it stays as it is.
pub(crate) fn catch_ignored() {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return;
    };
    for number in ignored(&status) {
        // The handler stays when the listener goes.
        let _ = signal(SignalKind::from_raw(number));
    }
}

/// What a `/proc/PID/status` says.
fn ignored(status: &str) -> Vec<i32> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_ignored = |number: &u32| mask.unwrap_or(0) >> (number - 1) & 1 == 1;
    let numbers = (1..=SIGNALS).filter(|number| *number != SIGPIPE);
    numbers
        .filter(is_ignored)
        .map(|number| number as i32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read() {
        let table: &[(&str, &[i32])] = &[
            (
                "Name:\tx\nSigIgn:\t0000000000001007\nSigCgt:\t0\n",
                &[1, 2, 3],
            ),
            ("SigIgn:\t0000000000000000", &[]),
            ("SigIgn:\tffffffff00000000", &[]),
            ("SigIgn:\tnonsense", &[]),
            ("", &[]),
        ];
        for (status, numbers) in table {
            assert_eq!(ignored(status), *numbers, "{status:?}");
        }
    }
}
