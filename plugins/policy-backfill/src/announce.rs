//! What people are told of jobs that wait: a reservation for the head, a reason where the policy knows more than
//! the host. Said once, replaced when it changes, taken back when it no longer holds.

use std::collections::BTreeMap;

use jobyard_plugin_sdk::{
    mirror::{Entry, Job},
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
pub(crate) struct Announcements {
    said: BTreeMap<JobId, (Said, u64)>,
    /// Passes so far, to tell what the latest one said.
    pass: u64,
}

impl Announcements {
    /// Adds to the plan what is new: `head` is the first job that waits and its shadow time.
    pub(crate) fn update(&mut self, pass: &mut Pass<'_>, head: Option<(&Entry, Instant)>) {
        self.pass += 1;
        let mirror = pass.mirror;
        for slot in std::mem::take(&mut pass.passed_over) {
            let job = mirror.job(slot);
            // Where only the sum of cores counts, the host sees it for itself, with the numbers.
            if !job.shape.is_plain() {
                self.say(pass, job, Said::Impossible);
            }
        }
        let head = head.map(|(entry, at)| (mirror.job(entry.slot), at));
        if let Some((job, at)) = head {
            let known = at.is_finite();
            self.say(
                pass,
                job,
                if known {
                    Said::Reserved(at)
                } else {
                    Said::EndUnknown
                },
            );
        }
        self.take_back(pass, head.map(|(job, _)| job));
    }

    fn say(&mut self, pass: &mut Pass<'_>, job: &Job, what: Said) {
        let before = self
            .said
            .insert(job.id, (what, self.pass))
            .map(|(before, _)| before);
        match (what, before) {
            (what, Some(before)) if what == before => {}
            // What it waits for is overdue and may end any moment: a time in the past says that already.
            (Said::Reserved(at), Some(Said::Reserved(before)))
                if at <= pass.now && before <= at =>
            {
                self.said
                    .insert(job.id, (Said::Reserved(before), self.pass));
            }
            (Said::Reserved(at), _) => {
                let reservation = Reservation {
                    job: job.id,
                    at,
                    shares: Vec::new(),
                };
                pass.decisions.push(Decision::Reserve(reservation));
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
        let started: Vec<JobId> = pass
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
        self.said.retain(|&id, &mut (what, said_in)| {
            if said_in == this_pass {
                return true;
            }
            let job = pass.mirror.find(id).filter(|job| job.state == JOB_QUEUED);
            let Some(job) = job.filter(|job| !started.contains(&job.id)) else {
                return false;
            };
            match (what, head) {
                (Said::Reserved(_), _) => pass.decisions.push(take_back_reservation(id)),
                (Said::EndUnknown | Said::Impossible, Some(head)) => {
                    let reason = if job.priority < head.priority {
                        HIGHER_PRIORITY_JOB
                    } else {
                        JOB_SUBMITTED_EARLIER
                    };
                    pass.decisions.push(wait(id, reason, ""));
                }
                (Said::EndUnknown | Said::Impossible, None) => {}
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
