//! The policies `backfill` and `queued`: EASY, with growth, shrinking and preemption. They differ in what they do where nobody said
//! what to do: their defaults.
//!
//! HPC Pack's queued mode is this order: running jobs give back what they do not use, grow to their maximum, queued jobs start in order
//! with as much as they have use for, something is taken from others for the first that waits, and what is left is backfilled.

use std::cmp::Ordering;

use crate::{
    announce::Announcements,
    conservative::Reserved,
    easy::backfill,
    mirror::{Entry, Mirror, queue_order},
    pass::Pass,
    policy::{Changes, Instant, Plan, Traits},
    preempt::{Preemption, preempt},
    rules::{Reader, Rules},
    settings::{each_once, refusal, unknown},
    shadow::Shadow,
};

/// EASY with all that goes with it: what the policies `backfill` and `queued` are.
///
/// Decides from the mirror, the settings and the time only. What it has announced before changes what it
/// announces again, never what it starts.
#[derive(Debug, Default)]
pub struct Queued {
    settings: Settings,
    mirror: Mirror,
    announcements: Announcements,
}

impl Queued {
    /// Takes all settings; of what is not given the default.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right; then the former ones stay in force.
    pub fn configure(
        &mut self,
        given: &[(String, String)],
        default: Settings,
    ) -> Result<Traits, String> {
        self.settings = Settings::read(given, default)?;
        self.mirror
            .keep_shortest(self.settings.order == BackfillOrder::Sjbf);
        self.settings.rules.prepare(&mut self.mirror);
        let mut traits = self.settings.rules.traits(true);
        if self.settings.order == BackfillOrder::Fcfs {
            traits.push(("arrivals".to_owned(), "fitting".to_owned()));
        }
        Ok(traits)
    }

    /// One pass: takes what changed since the last, answers what to do.
    pub fn schedule(&mut self, now: Instant, changes: &Changes) -> Plan {
        self.mirror.apply(changes);
        let mut pass = Pass::new(&self.mirror, now);
        self.settings.rules.begin(&mut pass);
        let head = pass.start_in_order();
        let reserved = head.map(|head| {
            let job = self.mirror.job(head.slot);
            let mut shadow = Shadow::find(&pass, job);
            let at = shadow.at;
            // What is taken from others is for the head.
            if !preempt(&mut pass, job, self.settings.rules.preemption) {
                let by_estimate = self.mirror.shortest();
                let candidates = by_estimate.unwrap_or(self.mirror.queue());
                let lookahead = self.settings.lookahead;
                let is_behind = |entry: &Entry| queue_order(entry, head) == Ordering::Greater;
                backfill(&mut pass, is_behind, &mut shadow, candidates, lookahead);
            }
            Reserved {
                slot: head.slot,
                at,
            }
        });
        self.announcements.update(&mut pass, reserved.as_slice());
        Plan {
            decisions: pass.decisions,
            wake_at: None,
        }
    }
}

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `order` = `fcfs` | `sjbf`.
    pub order: BackfillOrder,
    /// What all policies have settings for.
    pub rules: Rules,
    /// `lookahead`: how many jobs behind the head a pass looks at; none: all (`-1`); 0: no backfill.
    pub lookahead: Option<usize>,
}

impl Default for Settings {
    /// Those of the policy `backfill`.
    ///
    /// Why is nothing preempted, and the whole queue looked at, where HPC Pack's defaults are graceful and 1,000? Because the
    /// published results that it reproduces are without. A host has HPC Pack's `PreemptionType` and `BackfillLookahead` and adds
    /// them to the settings, and then those count.
    fn default() -> Settings {
        Settings {
            order: BackfillOrder::Fcfs,
            rules: Rules::default(),
            lookahead: None,
        }
    }
}

impl Settings {
    /// Those of the policy `queued`: HPC Pack's defaults.
    pub fn queued() -> Settings {
        Settings {
            rules: Rules {
                preemption: Preemption::Graceful,
                ..Rules::default()
            },
            lookahead: Some(1000),
            ..Settings::default()
        }
    }

    /// Reads all settings; those that are not given are what a cluster parameter says, or the default.
    ///
    /// # Errors
    /// A sentence for the admin that names the setting, the value and what would be right.
    pub fn read(given: &[(String, String)], default: Settings) -> Result<Settings, String> {
        each_once(given)?;
        let mut settings = default;
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
        settings.rules = rules.rules(settings.rules)?;
        let default = settings.lookahead.map_or(-1, |jobs| jobs as i64);
        let lookahead = rules.parameters.lookahead(lookahead, default);
        settings.lookahead = usize::try_from(lookahead).ok();
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let given: Vec<_> = given
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Settings::read(&given, Settings::default())
    }

    #[test]
    fn all_have_defaults() {
        let settings = Settings {
            order: BackfillOrder::Fcfs,
            rules: Rules {
                grow: true,
                shrink: true,
                preemption: Preemption::None,
                ..Rules::default()
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
                ..Rules::default()
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
                "unknown setting `depth`: there are order, lookahead, grow, shrink, preemption, packing, topology",
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

    #[test]
    fn queued_mode_has_hpc_packs_defaults() {
        let queued = Settings::read(&[], Settings::queued()).unwrap();
        assert_eq!(queued.rules.preemption, Preemption::Graceful);
        assert_eq!(queued.lookahead, Some(1000));
        assert!(!queued.rules.grow_by_preemption);
        let given = [
            ("GrowByPreemptionEnabled", "true"),
            ("PreemptionType", "None"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let queued = Settings::read(&given, Settings::queued()).unwrap();
        assert_eq!(queued.rules.preemption, Preemption::None);
        assert!(queued.rules.grow_by_preemption);
    }
}
