//! The settings of the ranker, and what they may be.

use jobyard_plugin_sdk::{
    fairshare::{HALF_LIFE, HALF_LIFE_DEFAULT, Shares},
    ranker::Span,
    settings::{each_once, refusal, unknown},
    time::span_setting,
};

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `age`: the weight of how long a job has waited.
    pub age: f64,
    /// `age-max`: when it gets all of it.
    pub age_max: Span,
    /// `size`: the weight of how much a job asks for; below 0 small jobs go first.
    pub size: f64,
    /// `fairshare`: the weight of how little an account has had.
    pub fairshare: f64,
    /// `shares`: what accounts are entitled to.
    pub shares: Shares,
    /// The cluster parameter `FairShareHalfLife`.
    pub half_life: Span,
    /// `priority`: the weight of a job's priority.
    pub priority: f64,
    /// `deadline`: the weight of how soon a job must start.
    pub deadline: f64,
    /// `deadline-within`: when that begins to count.
    pub deadline_within: Span,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            age: 1000.0,
            age_max: 7.0 * 86_400e6,
            size: 0.0,
            fairshare: 1000.0,
            shares: Shares::default(),
            half_life: HALF_LIFE_DEFAULT,
            priority: 1000.0,
            deadline: 1000.0,
            deadline_within: 86_400e6,
        }
    }
}

const NAMES: &[&str] = &[
    "age",
    "age-max",
    "size",
    "fairshare",
    "shares",
    "priority",
    "deadline",
    "deadline-within",
];

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
                "age" => settings.age = weight(name, value)?,
                "age-max" => settings.age_max = span_setting(name, value)?,
                "size" => settings.size = number(name, value)?,
                "fairshare" => settings.fairshare = weight(name, value)?,
                "shares" => settings.shares = Shares::read(name, value)?,
                "priority" => settings.priority = weight(name, value)?,
                "deadline" => settings.deadline = weight(name, value)?,
                "deadline-within" => settings.deadline_within = span_setting(name, value)?,
                HALF_LIFE => settings.half_life = span_setting(name, value)?,
                _ => return Err(unknown(name, NAMES)),
            }
        }
        Ok(settings)
    }
}

fn weight(name: &str, value: &str) -> Result<f64, String> {
    let weight = number(name, value).ok().filter(|&weight| weight >= 0.0);
    weight.ok_or_else(|| refusal(name, value, "a number, 0 or above"))
}

fn number(name: &str, value: &str) -> Result<f64, String> {
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| refusal(name, value, "a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, String> {
        Settings::read(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn every_setting_is_read() {
        assert_eq!(Settings::read(&[]), Ok(Settings::default()));
        assert_eq!(read("size", "-5").unwrap().size, -5.0);
        assert_eq!(read("age-max", "2d").unwrap().age_max, 172_800e6);
        assert_eq!(read("FairShareHalfLife", "1h").unwrap().half_life, 3_600e6);
        for name in NAMES {
            let value = match *name {
                "age-max" | "deadline-within" => "3h",
                "shares" => "a=2",
                _ => "17",
            };
            assert_ne!(read(name, value).unwrap(), Settings::default(), "{name}");
        }
    }

    #[test]
    fn refusals_name_setting_value_and_what_is_right() {
        for (name, value, error) in [
            (
                "age",
                "-1",
                "setting `age`: `-1` is not a number, 0 or above",
            ),
            ("size", "big", "setting `size`: `big` is not a number"),
            (
                "priority",
                "inf",
                "setting `priority`: `inf` is not a number, 0 or above",
            ),
            (
                "age-max",
                "7",
                "setting `age-max`: `7` is not a length of time (90s, 2h30m, 7d)",
            ),
            (
                "weight",
                "1",
                "unknown setting `weight`: there are age, age-max, size, fairshare, shares, priority, deadline, deadline-within",
            ),
        ] {
            assert_eq!(read(name, value), Err(error.to_owned()));
        }
    }
}
