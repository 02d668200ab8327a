//! A command given on the command line as a job of one task.

use std::ffi::OsString;

use jobyard::jobfile::JobFile;
use jobyard::{JobSpec, TaskSpec};

use crate::failure::Failure;

/// One basic task that runs the program with exactly these arguments.
pub(crate) fn job(command: &[OsString]) -> Result<JobFile, Failure> {
    let mut words = Vec::with_capacity(command.len());
    for word in command {
        let Some(word) = word.to_str() else {
            return Err(Failure::Input(format!(
                "the argument {} is not UTF-8",
                word.display()
            )));
        };
        words.push(quote(word));
    }
    let name: String = command
        .first()
        .and_then(|w| w.to_str())
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    let task = TaskSpec {
        command_line: words.join(" "),
        ..TaskSpec::default()
    };
    Ok(JobFile {
        spec: JobSpec {
            name,
            ..JobSpec::default()
        },
        tasks: vec![task],
    })
}

/// As a POSIX shell would read it back.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_what_they_are() {
        for (word, quoted) in [
            ("make", "make"),
            ("-j4", "-j4"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("*", "'*'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
