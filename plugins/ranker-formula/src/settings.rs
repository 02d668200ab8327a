//! The settings of the ranker, and what they may be.

use jobyard_plugin_sdk::ranker::Instant;
use jobyard_plugin_sdk::settings::{each_once, refusal, unknown};
use jobyard_plugin_sdk::time::instant_setting;

/// What jobs are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Function {
    /// First come, first served.
    #[default]
    Fcfs,
    /// Shortest job first.
    Sjf,
    /// F1.
    F1,
    /// F2.
    F2,
    /// F3.
    F3,
    /// F4.
    F4,
    /// WFP3.
    Wfp3,
    /// UNICEP.
    Unicep,
}

impl Function {
    fn read(name: &str, value: &str) -> Result<Function, String> {
        Ok(match value {
            "fcfs" => Function::Fcfs,
            "sjf" => Function::Sjf,
            "f1" => Function::F1,
            "f2" => Function::F2,
            "f3" => Function::F3,
            "f4" => Function::F4,
            "wfp3" => Function::Wfp3,
            "unicep" => Function::Unicep,
            _ => {
                let right = "`fcfs`, `sjf`, `f1`, `f2`, `f3`, `f4`, `wfp3` or `unicep`";
                return Err(refusal(name, value, right));
            }
        })
    }

    /// Whether ranks change as jobs wait.
    pub fn looks_at_waits(self) -> bool {
        match self {
            Function::Wfp3 | Function::Unicep => true,
            Function::Fcfs
            | Function::Sjf
            | Function::F1
            | Function::F2
            | Function::F3
            | Function::F4 => false,
        }
    }
}

/// All settings.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Settings {
    /// `formula`.
    pub function: Function,
    /// `origin`: from when on F1 to F4 count submit times.
    ///
    /// Why? They take the logarithm of a submit time that begins at 0 with the log that they were made from. Fifty years after 1970 a day
    /// more changes that by nothing, and a job that is large or long would wait for ever.
    pub origin: Instant,
}

impl Settings {
    /// Reads all settings; those that are not given have their default.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(given: &[(String, String)]) -> Result<Settings, String> {
        each_once(given)?;
        let mut settings = Settings::default();
        for (name, value) in given {
            match name.as_str() {
                "formula" => settings.function = Function::read(name, value)?,
                "origin" => settings.origin = instant_setting(name, value)?,
                _ => return Err(unknown(name, &["formula", "origin"])),
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, String> {
        Settings::read(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn refusals_name_setting_value_and_what_is_right() {
        for (name, value, error) in [
            (
                "formula",
                "f5",
                "setting `formula`: `f5` is not `fcfs`, `sjf`, `f1`, `f2`, `f3`, `f4`, `wfp3` or `unicep`",
            ),
            (
                "origin",
                "yesterday",
                "setting `origin`: `yesterday` is not a point in time (2026-01-31T12:00:00Z, or microseconds since 1970)",
            ),
            (
                "order",
                "f1",
                "unknown setting `order`: there are formula, origin",
            ),
        ] {
            assert_eq!(read(name, value), Err(error.to_owned()));
        }
        assert_eq!(read("formula", "wfp3").unwrap().function, Function::Wfp3);
        assert_eq!(read("origin", "12000000").unwrap().origin, 12e6);
        assert_eq!(Settings::read(&[]), Ok(Settings::default()));
    }
}
