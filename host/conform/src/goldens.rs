//! Published results on the KTH log, for policies that claim to be what they were published for (Gaussier et al., SC'15, companion
//! data; the row without backfilling was computed from the same rules).

use jobyard_kernel::{Changes, Instant, Plan};
use jobyard_sim::{Arrivals, Estimate, Options, Scheduler, SchedulerFault, Trace, simulate};

use crate::rules::Verdict;
use crate::subject::Instance;
use crate::{Claim, Tested};

/// Jobs of the log that are left by the rules of cleaning.
const KTH_JOBS: usize = 28_481;
/// Its processors.
const KTH_PROCS: u32 = 100;
/// Twelve digits at the least.
const ERROR_MAX: f64 = 5e-13;

/// One published row.
pub(crate) struct Golden {
    pub(crate) claim: Claim,
    pub(crate) estimate: Estimate,
    average_bounded_slowdown: f64,
    average_wait_s: f64,
    maximum_wait_s: f64,
}

pub(crate) const GOLDENS: &[Golden] = &[
    Golden {
        claim: Claim::Fifo,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 6_814.973310176236,
        average_wait_s: 353_776.4091499596,
        maximum_wait_s: 946_685.0,
    },
    Golden {
        claim: Claim::Easy,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 92.57653973362949,
        average_wait_s: 6_836.872090165373,
        maximum_wait_s: 262_194.0,
    },
    Golden {
        claim: Claim::Easy,
        estimate: Estimate::Actual,
        average_bounded_slowdown: 71.7223851124418,
        average_wait_s: 6_327.681612302938,
        maximum_wait_s: 258_803.0,
    },
    Golden {
        claim: Claim::EasySjbf,
        estimate: Estimate::Requested,
        average_bounded_slowdown: 69.40540058030349,
        average_wait_s: 5_904.07657736736,
        maximum_wait_s: 284_815.0,
    },
    Golden {
        claim: Claim::EasySjbf,
        estimate: Estimate::Actual,
        average_bounded_slowdown: 49.8477189313406,
        average_wait_s: 5_436.020750675889,
        maximum_wait_s: 275_239.0,
    },
];

/// Whether a trace is the KTH log.
pub(crate) fn is_kth(trace: &Trace) -> bool {
    trace.jobs.len() == KTH_JOBS && trace.procs == KTH_PROCS
}

impl Golden {
    /// Its name in reports.
    pub(crate) fn name(&self) -> String {
        format!("KTH {} with {} times", self.claim, self.estimate)
    }

    /// Runs the log, and compares.
    pub(crate) fn check(&self, tested: &Tested<'_>, trace: &Trace) -> Verdict {
        let instance = tested
            .subject
            .fresh(&tested.settings)
            .map_err(|e| e.to_string())?;
        let options = Options {
            policy: tested.name.clone(),
            estimate: self.estimate,
        };
        let simulation =
            simulate(trace, &options, &mut Simulated(instance)).map_err(|e| e.to_string())?;
        let report = simulation.report;
        for (what, found, published) in [
            (
                "average bounded slowdown",
                report.average_bounded_slowdown,
                self.average_bounded_slowdown,
            ),
            ("average wait", report.average_wait_s, self.average_wait_s),
            ("maximum wait", report.maximum_wait_s, self.maximum_wait_s),
        ] {
            if ((found - published) / published).abs() > ERROR_MAX {
                return Err(format!("{what}: {found} instead of {published}"));
            }
        }
        Ok(())
    }
}

struct Simulated(Box<dyn Instance>);

impl Scheduler for Simulated {
    fn arrivals(&self) -> Arrivals {
        Arrivals::of_traits(self.0.traits())
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, SchedulerFault> {
        self.0.schedule(now, changes).map_err(SchedulerFault)
    }
}
