//! The settings of the policy, and what they may be; those of the ranker are taken apart from them.

use jobyard_plugin_sdk::{
    rules::{Reader, Rules},
    settings::{each_once, refusal, unknown},
};

/// What is before the name of a setting that is the ranker's.
const RANKER: &str = "ranker.";

/// What starts before a job that waits and ranks higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backfill {
    /// Nothing: strict order.
    None,
    /// What does not make the first of those late.
    #[default]
    Easy,
    /// What makes none of them late.
    Conservative,
}

/// All settings of the policy itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `backfill` = `none` | `easy` | `conservative`.
    pub backfill: Backfill,
    /// `priority` = `first` | `ignored`: whether jobs of higher priority go first whatever their rank.
    pub bands: bool,
    /// What all policies have settings for.
    pub rules: Rules,
    /// `lookahead`: how many jobs EASY looks at, or how many get a reservation; none: all (`-1`).
    pub lookahead: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            backfill: Backfill::Easy,
            bands: true,
            rules: Rules::default(),
            lookahead: None,
        }
    }
}

/// A setting: its name and its value.
type Given = (String, String);

/// What was given, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    /// The ranker's, under its own names.
    pub(crate) ranker: Vec<Given>,
    /// All that are not the ranker's: of these are the parameters that it follows.
    pub(crate) others: Vec<Given>,
    /// The policy knows nothing of these names: the ranker may follow them.
    pub(crate) unknown: Vec<String>,
}

impl Parts {
    /// Reads all settings; those that are not given have their default, or what a cluster parameter says.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub(crate) fn read(given: &[Given]) -> Result<Parts, String> {
        each_once(given)?;
        let (mut ranker, mut others, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        let mut settings = Settings::default();
        let mut rules = Reader::default();
        let mut lookahead = None;
        for (name, value) in given {
            if let Some(own) = name.strip_prefix(RANKER) {
                ranker.push((own.to_owned(), value.clone()));
                continue;
            }
            others.push((name.clone(), value.clone()));
            match name.as_str() {
                "backfill" => {
                    settings.backfill = match value.as_str() {
                        "none" => Backfill::None,
                        "easy" => Backfill::Easy,
                        "conservative" => Backfill::Conservative,
                        _ => return Err(refusal(name, value, "`none`, `easy` or `conservative`")),
                    }
                }
                "priority" => {
                    settings.bands = match value.as_str() {
                        "first" => true,
                        "ignored" => false,
                        _ => return Err(refusal(name, value, "`first` or `ignored`")),
                    }
                }
                "lookahead" => {
                    let right = "a number of jobs (-1: the whole queue)";
                    lookahead = Some(value.parse().map_err(|_| refusal(name, value, right))?);
                }
                _ if rules.read(name, value)? => {}
                _ => unknown.push(name.clone()),
            }
        }
        settings.rules = rules.rules(settings.rules)?;
        settings.lookahead = usize::try_from(rules.parameters.lookahead(lookahead, -1)).ok();
        Ok(Parts {
            settings,
            ranker,
            others,
            unknown,
        })
    }

    /// What the ranker gets: its settings, and those of the others that it follows.
    ///
    /// # Errors
    /// When a name is neither the policy's nor one that the ranker follows.
    pub(crate) fn of_ranker(&self, follows: &[&str]) -> Result<Vec<Given>, String> {
        let follows = |name: &str| follows.contains(&name);
        if let Some(name) = self.unknown.iter().find(|name| !follows(name)) {
            let known = [&["backfill", "priority", "lookahead"], Rules::SETTINGS].concat();
            return Err(unknown(name, &known) + ", and ranker.NAME for those of the ranker");
        }
        let followed = self.others.iter().filter(|(name, _)| follows(name));
        Ok(self.ranker.iter().chain(followed).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use jobyard_plugin_sdk::preempt::Preemption;

    use super::*;

    fn owned(given: &[(&str, &str)]) -> Vec<Given> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        given.iter().map(owned).collect()
    }

    fn read(given: &[(&str, &str)]) -> Result<Parts, String> {
        Parts::read(&owned(given))
    }

    #[test]
    fn all_have_defaults() {
        assert_eq!(read(&[]).unwrap().settings, Settings::default());
        let given = [
            ("backfill", "conservative"),
            ("priority", "ignored"),
            ("grow", "no"),
            ("shrink", "no"),
            ("preemption", "graceful"),
            ("lookahead", "10"),
        ];
        let settings = Settings {
            backfill: Backfill::Conservative,
            bands: false,
            rules: Rules {
                grow: false,
                shrink: false,
                preemption: Preemption::Graceful,
                ..Rules::default()
            },
            lookahead: Some(10),
        };
        assert_eq!(read(&given).unwrap().settings, settings);
        let none = read(&[("backfill", "none"), ("BackfillLookahead", "7")]).unwrap();
        assert_eq!(none.settings.backfill, Backfill::None);
        assert_eq!(none.settings.lookahead, Some(7));
    }

    #[test]
    fn the_ranker_gets_its_own_and_what_it_follows() {
        let given = [
            ("ranker.formula", "f1"),
            ("FairShareHalfLife", "2d"),
            ("BackfillLookahead", "7"),
        ];
        let parts = read(&given).unwrap();
        let follows = ["FairShareHalfLife", "BackfillLookahead"];
        let all = [
            ("formula", "f1"),
            ("FairShareHalfLife", "2d"),
            ("BackfillLookahead", "7"),
        ];
        assert_eq!(parts.of_ranker(&follows), Ok(owned(&all)));
        assert_eq!(parts.of_ranker(&follows[..1]), Ok(owned(&all[..2])));
        let error = parts.of_ranker(&[]).unwrap_err();
        let begins = "unknown setting `FairShareHalfLife`: there are backfill, priority, lookahead, grow, shrink, ";
        assert!(error.starts_with(begins), "{error}");
        assert!(
            error.ends_with(", and ranker.NAME for those of the ranker"),
            "{error}"
        );
    }

    #[test]
    fn refusals_name_setting_value_and_what_is_right() {
        for (name, value, error) in [
            (
                "backfill",
                "some",
                "setting `backfill`: `some` is not `none`, `easy` or `conservative`",
            ),
            (
                "priority",
                "last",
                "setting `priority`: `last` is not `first` or `ignored`",
            ),
            (
                "lookahead",
                "far",
                "setting `lookahead`: `far` is not a number of jobs (-1: the whole queue)",
            ),
            ("grow", "1", "setting `grow`: `1` is not `yes` or `no`"),
        ] {
            assert_eq!(read(&[(name, value)]), Err(error.to_owned()));
        }
        let twice = [("ranker.a", "1"), ("ranker.a", "2")];
        assert_eq!(
            read(&twice),
            Err("setting `ranker.a` is given twice".to_owned())
        );
    }
}
