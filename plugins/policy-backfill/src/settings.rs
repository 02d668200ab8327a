//! The settings of the policy, and what they may be.

use jobyard_plugin_sdk::rules::{Reader, Rules};
use jobyard_plugin_sdk::settings::{each_once, refusal, unknown};

/// In which order jobs behind the head are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackfillOrder {
    /// The order of the queue: EASY.
    #[default]
    Fcfs,
    /// By run-time estimate, the shortest first: EASY-SJBF. Priority counts for the head only.
    Sjbf,
}

/// All settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `order` = `fcfs` | `sjbf`.
    pub order: BackfillOrder,
    /// What all policies have settings for.
    ///
    /// Why is the default of `preemption` none, and not HPC Pack's graceful? Because the published results that this policy
    /// reproduces preempt nothing. A host that has HPC Pack's `PreemptionType` adds it to the settings, and then that counts.
    pub rules: Rules,
    /// `lookahead`: how many jobs behind the head a pass looks at; none: all (`-1`); 0: no backfill.
    ///
    /// Why is the default all of them, and not HPC Pack's 1,000? As for `preemption`, and a pass over the whole queue costs
    /// little. A host adds HPC Pack's `BackfillLookahead`.
    pub lookahead: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            order: BackfillOrder::Fcfs,
            rules: Rules::default(),
            lookahead: None,
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
        let mut lookahead = None;
        for (name, value) in given {
            match name.as_str() {
                "order" => {
                    settings.order = match value.as_str() {
                        "fcfs" => BackfillOrder::Fcfs,
                        "sjbf" => BackfillOrder::Sjbf,
                        _ => return Err(refusal(name, value, "`fcfs` or `sjbf`")),
                    }
                }
                "lookahead" => {
                    let right = "a number of jobs (0: no backfill, -1: the whole queue)";
                    lookahead = Some(value.parse().map_err(|_| refusal(name, value, right))?);
                }
                _ if rules.read(name, value)? => {}
                _ => {
                    return Err(unknown(
                        name,
                        &[&["order", "lookahead"], Rules::SETTINGS].concat(),
                    ));
                }
            }
        }
        settings.rules = rules.rules();
        settings.lookahead = usize::try_from(rules.parameters.lookahead(lookahead)).ok();
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use jobyard_plugin_sdk::preempt::Preemption;

    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let given: Vec<_> = given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Settings::read(&given)
    }

    #[test]
    fn all_have_defaults() {
        let settings = Settings {
            order: BackfillOrder::Fcfs,
            rules: Rules {
                grow: true,
                shrink: true,
                preemption: Preemption::None,
            },
            lookahead: None,
        };
        assert_eq!(read(&[]), Ok(settings));
        let given = [
            ("order", "sjbf"),
            ("grow", "no"),
            ("shrink", "no"),
            ("preemption", "graceful"),
            ("lookahead", "1000"),
        ];
        let settings = Settings {
            order: BackfillOrder::Sjbf,
            rules: Rules {
                grow: false,
                shrink: false,
                preemption: Preemption::Graceful,
            },
            lookahead: Some(1000),
        };
        assert_eq!(read(&given), Ok(settings));
        assert_eq!(read(&[("lookahead", "-1")]).unwrap().lookahead, None);
        assert_eq!(read(&[("lookahead", "0")]).unwrap().lookahead, Some(0));
    }

    #[test]
    fn the_clusters_parameters_count_where_no_setting_asks_for_less() {
        let parameters = [
            ("PreemptionType", "Graceful"),
            ("AutomaticShrinkEnabled", "false"),
            ("BackfillLookahead", "1000"),
        ];
        let settings = read(&parameters).unwrap();
        assert_eq!(settings.rules.preemption, Preemption::Graceful);
        assert_eq!(settings.lookahead, Some(1000));
        assert!(settings.rules.grow && !settings.rules.shrink);
        let own = [
            ("preemption", "none"),
            ("lookahead", "5"),
            ("shrink", "yes"),
        ];
        let settings = read(&[&parameters[..], &own].concat()).unwrap();
        assert_eq!(settings.rules.preemption, Preemption::None);
        assert_eq!(settings.lookahead, Some(5));
        assert!(!settings.rules.shrink, "the kernel would refuse it");
    }

    #[test]
    fn refusals_name_setting_value_and_what_is_right() {
        let rows: &[(&[(&str, &str)], &str)] = &[
            (
                &[("order", "lifo")],
                "setting `order`: `lifo` is not `fcfs` or `sjbf`",
            ),
            (
                &[("preemption", "maybe")],
                "setting `preemption`: `maybe` is not `none`, `graceful`, `whole-jobs` or `immediate`",
            ),
            (&[("grow", "1")], "setting `grow`: `1` is not `yes` or `no`"),
            (
                &[("lookahead", "many")],
                "setting `lookahead`: `many` is not a number of jobs (0: no backfill, -1: the whole queue)",
            ),
            (
                &[("depth", "1")],
                "unknown setting `depth`: there are order, lookahead, grow, shrink, preemption",
            ),
            (
                &[("grow", "no"), ("grow", "yes")],
                "setting `grow` is given twice",
            ),
        ];
        for (given, error) in rows {
            assert_eq!(read(given), Err((*error).to_owned()));
        }
    }
}
