//! Whether what people were told comes true.

use std::collections::BTreeMap;

use jobyard_kernel::{JobId, Timestamp};

use super::order::is_rigid;
use super::{Examined, Verdict, at};

pub(super) fn reservations_kept(examined: &Examined<'_>) -> Verdict {
    let recording = examined.recording;
    if !is_rigid(&recording.case) || recording.cut || recording.broken.is_some() {
        return Ok(());
    }
    // The earliest that each was promised, and when.
    let mut promised: BTreeMap<JobId, (Timestamp, Timestamp)> = BTreeMap::new();
    for pass in &recording.passes {
        for job in pass.after.queue() {
            if let Some(reservation) = &job.reservation {
                let new = (reservation.at, pass.now);
                let old = promised.entry(job.id).or_insert(new);
                *old = new.min(*old);
            }
        }
    }
    for (job, (by, said)) in promised {
        let start = recording
            .starts
            .iter()
            .find(|(_, started)| *started == job)
            .map(|(at, _)| *at);
        if start.is_none_or(|start| start > by) {
            let when = start.map_or_else(|| "never".into(), at);
            return Err(format!(
                "job {job} was promised at {} to start by {}, and does at {when}",
                at(said),
                at(by)
            ));
        }
    }
    Ok(())
}
