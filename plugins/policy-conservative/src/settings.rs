//! The settings of the policy, and what they may be.

use jobyard_plugin_sdk::rules::{Reader, Rules};
use jobyard_plugin_sdk::settings::{each_once, refusal, unknown};

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `depth`: how many jobs get reservations; none: all (`-1`).
    pub depth: Option<usize>,
    /// What all policies have settings for.
    pub rules: Rules,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            depth: Some(1000),
            rules: Rules::default(),
        }
    }
}

impl Settings {
    /// Reads all settings; those that are not given have their default, or what a cluster parameter says.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(given: &[(String, String)]) -> Result<Settings, String> {
        each_once(given)?;
        let mut settings = Settings::default();
        let mut rules = Reader::default();
        for (name, value) in given {
            match name.as_str() {
                "depth" => {
                    let jobs = value.parse::<i64>().ok().filter(|jobs| *jobs >= -1);
                    let right = "a number of jobs, or -1 for all";
                    let jobs = jobs.ok_or_else(|| refusal(name, value, right))?;
                    settings.depth = usize::try_from(jobs).ok();
                }
                _ if rules.read(name, value)? => {}
                _ => return Err(unknown(name, &[&["depth"], Rules::SETTINGS].concat())),
            }
        }
        settings.rules = rules.rules(Rules::default())?;
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
    fn a_depth_is_a_number_or_all() {
        assert_eq!(Settings::read(&[]), Ok(Settings::default()));
        for (value, depth) in [("-1", None), ("0", Some(0)), ("50", Some(50))] {
            assert_eq!(read("depth", value).unwrap().depth, depth);
        }
        for value in ["-2", "all", "1.5"] {
            let error =
                format!("setting `depth`: `{value}` is not a number of jobs, or -1 for all");
            assert_eq!(read("depth", value), Err(error));
        }
        let error = read("order", "fcfs").unwrap_err();
        assert!(error.contains("there are depth, grow, shrink"), "{error}");
    }
}
