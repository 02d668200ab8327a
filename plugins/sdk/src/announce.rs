//! What people are told of jobs that wait: when those with a reservation are expected to start, a reason where the policy
//! knows more than the host. Said once, replaced when it changes, taken back when it no longer holds.
//!
//! What was announced before changes what is announced again, never what a policy starts.

use std::collections::BTreeMap;

use crate::{
    conservative::Reserved,
    mirror::Job,
    pass::Pass,
    policy::{
        Decision, HIGHER_PRIORITY_JOB, Instant, JOB_QUEUED, JOB_SUBMITTED_EARLIER, JobId,
        NOT_ENOUGH_RESOURCE, Placement, REQUIRED_NODES_NOT_AVAILABLE, Reservation, Waiting,
    },
};

/// What stands of a job at the host.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    /// It is expected to start then.
    Reserved(Instant),
    /// It waits for jobs whose end nobody knows.
    EndUnknown,
    /// The nodes that take jobs just now could not hold it even if they were idle.
    Impossible,
}

/// What stands at the host, as far as this instance said it.
#[derive(Debug, Default)]
pub struct Announcements {
    said: BTreeMap<JobId, (Said, u64)>,
    /// Passes so far, to tell what the latest one said.
    pass: u64,
    /// An expected start is said again when it moved by more than this part of the time that is left to it.
    tolerance: f64,
    /// Jobs are not served in the order of the queue.
    ranked: bool,
}

impl Announcements {
    /// Says an expected start again only when it moved by more than a tenth of the time that is left to it.
    ///
    /// Why? Where many jobs have reservations, each job that ends early moves all of them a little, and each move is an event of the
    /// host's journal. Nobody plans by the second what is a day ahead.
    pub fn rough() -> Announcements {
        Announcements {
            tolerance: 0.1,
            ..Announcements::default()
        }
    }

    /// For a policy that does not serve jobs in the order of the queue.
    pub fn ranked() -> Announcements {
        Announcements {
            ranked: true,
            ..Announcements::rough()
        }
    }

    /// Adds to the plan what is new: `reserved` are the jobs that wait with a reservation, in the order in which they are served.
    pub fn update(&mut self, pass: &mut Pass<'_>, reserved: &[Reserved]) {
        self.pass += 1;
        let mirror = pass.mirror;
        for slot in std::mem::take(&mut pass.passed_over) {
            let job = mirror.job(slot);
            // Where only the sum of cores counts, the host sees it for itself, with the numbers.
            if !job.shape.is_plain() {
                self.say(pass, job, Said::Impossible);
            }
        }
        for &Reserved { slot, at } in reserved {
            let what = match at.is_finite() {
                true => Said::Reserved(at),
                false => Said::EndUnknown,
            };
            self.say(pass, mirror.job(slot), what);
        }
        self.take_back(pass, reserved.first().map(|head| mirror.job(head.slot)));
    }

    fn say(&mut self, pass: &mut Pass<'_>, job: &Job, what: Said) {
        let before = self
            .said
            .insert(job.id, (what, self.pass))
            .map(|(before, _)| before);
        match (what, before) {
            (what, Some(before)) if what == before => {}
            (Said::Reserved(at), Some(Said::Reserved(before)))
                if (at - before).abs() < self.tolerance * (at - pass.now) =>
            {
                self.said
                    .insert(job.id, (Said::Reserved(before), self.pass));
            }
            // What it waits for is overdue and may end any moment: a time in the past says that already.
            (Said::Reserved(at), Some(Said::Reserved(before)))
                if at <= pass.now && before <= at =>
            {
                self.said
                    .insert(job.id, (Said::Reserved(before), self.pass));
            }
            (Said::Reserved(at), before) => {
                let reservation = Reservation {
                    job: job.id,
                    at,
                    shares: Vec::new(),
                };
                pass.decisions.push(Decision::Reserve(reservation));
                // That nobody knows when is no longer so.
                if let Some(Said::EndUnknown | Said::Impossible) = before {
                    pass.decisions.push(wait(job.id, NOT_ENOUGH_RESOURCE, ""));
                }
            }
            (Said::EndUnknown | Said::Impossible, before) => {
                if let Some(Said::Reserved(_)) = before {
                    pass.decisions.push(take_back_reservation(job.id));
                }
                let (reason, text) = match what {
                    Said::EndUnknown => (
                        NOT_ENOUGH_RESOURCE,
                        "waits for jobs that have no run-time limit: nobody knows when they end",
                    ),
                    Said::Impossible | Said::Reserved(_) => (
                        REQUIRED_NODES_NOT_AVAILABLE,
                        "the nodes that take jobs now do not have what it needs, even when they are idle",
                    ),
                };
                pass.decisions.push(wait(job.id, reason, text));
            }
        }
    }

    /// Takes back what earlier passes said of jobs that this pass said nothing of.
    fn take_back(&mut self, pass: &mut Pass<'_>, head: Option<&Job>) {
        let this_pass = self.pass;
        if self.said.values().all(|&(_, said_in)| said_in == this_pass) {
            return;
        }
        let mut started: Vec<JobId> = pass
            .decisions
            .iter()
            .filter_map(|decision| match decision {
                Decision::Start(Placement { job, .. }) => Some(*job),
                Decision::Grow(_)
                | Decision::Shrink(_)
                | Decision::Preempt(_)
                | Decision::Reserve(_)
                | Decision::Wait(_) => None,
            })
            .collect();
        started.sort_unstable();
        let ranked = self.ranked;
        self.said.retain(|&id, &mut (what, said_in)| {
            if said_in == this_pass {
                return true;
            }
            let job = pass.mirror.find(id).filter(|job| job.state == JOB_QUEUED);
            let Some(job) = job.filter(|job| started.binary_search(&job.id).is_err()) else {
                return false;
            };
            match (what, head) {
                (Said::Reserved(_), _) => pass.decisions.push(take_back_reservation(id)),
                (Said::EndUnknown | Said::Impossible, head) => {
                    let (reason, text) = match head {
                        // Which jobs are before it, only the ranker knows.
                        Some(_) if ranked => (NOT_ENOUGH_RESOURCE, ""),
                        Some(head) if job.priority < head.priority => (HIGHER_PRIORITY_JOB, ""),
                        Some(head)
                            if job.priority == head.priority && job.position > head.position =>
                        {
                            (JOB_SUBMITTED_EARLIER, "")
                        }
                        // It stands before the first that waits: no nodes that take jobs have room for it.
                        Some(_) | None => (NOT_ENOUGH_RESOURCE, ""),
                    };
                    pass.decisions.push(wait(id, reason, text));
                }
            }
            false
        });
    }
}

fn take_back_reservation(job: JobId) -> Decision {
    Decision::Reserve(Reservation {
        job,
        at: Instant::INFINITY,
        shares: Vec::new(),
    })
}

fn wait(job: JobId, reason: u32, text: &str) -> Decision {
    Decision::Wait(Waiting {
        job,
        reason,
        text: text.to_owned(),
    })
}
