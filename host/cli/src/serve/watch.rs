//! What happens in the engine that an administrator should know, as it is said.

use std::time::{Duration, Instant};

use jobyard::{Notice, Notices};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// Lines in a second; what a policy makes is not to fill a disk.
const LINES_PER_SECOND_MAX: u32 = 20;

/// Says it, and ends with the reason when the engine has stopped by itself.
pub(super) fn watch(mut notices: Notices) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut limit = Limit::default();
        loop {
            match notices.next().await {
                Some(Ok(Notice::Stopped(error))) => return format!("the engine stopped: {error}"),
                Some(Ok(Notice::Event(_) | Notice::Output { .. })) => {}
                Some(Ok(notice)) if limit.allows() => say(&notice),
                Some(Ok(_)) => {}
                Some(Err(lagged)) => warn!("{lagged}"),
                None => return "the engine stopped".into(),
            }
        }
    })
}

fn say(notice: &Notice) {
    match notice {
        Notice::PolicyFault(fault) => {
            warn!(policy = %fault.plugin, function = fault.function, kind = fault.kind.code(), "{fault}");
        }
        Notice::FilterFault(fault) => {
            warn!(filter = %fault.plugin, function = fault.function, kind = fault.kind.code(), "{fault}");
        }
        Notice::FilterLog { filter, line } => info!(%filter, "filter {filter}: {line}"),
        Notice::PolicySwitched(switched) => {
            warn!(policy = %switched.to, before = %switched.from, "{switched}");
        }
        Notice::ProposalRefused(refusal) => {
            info!("a proposal of the policy was refused: {refusal}");
        }
        Notice::PolicyGuarded(text) => warn!("{text}"),
        Notice::PolicyLog(line) => info!("policy: {line}"),
        Notice::SnapshotFailed(error) => {
            error!("no snapshot: {error}; nothing is lost, but the next start takes longer");
        }
        Notice::NodeLink { node, text } => info!(%node, "node {node}: {text}"),
        Notice::Notification(told) => {
            let (job, email) = (told.job.0, &told.email);
            info!(job, %email, "notification for {email:?}: {told}");
        }
        Notice::Event(_) | Notice::Output { .. } | Notice::Stopped(_) => {}
    }
}

/// Not too many lines.
#[derive(Default)]
struct Limit {
    second: Option<Instant>,
    said: u32,
    left_out: u32,
}

impl Limit {
    /// Whether one more may be said.
    fn allows(&mut self) -> bool {
        let is_over = |begun: Instant| begun.elapsed() >= Duration::from_secs(1);
        if self.second.is_none_or(is_over) {
            if self.left_out > 0 {
                warn!(lines = self.left_out, "and {} lines more", self.left_out);
            }
            *self = Limit {
                second: Some(Instant::now()),
                ..Limit::default()
            };
        }
        let allows = self.said < LINES_PER_SECOND_MAX;
        match allows {
            true => self.said += 1,
            false => self.left_out += 1,
        }
        allows
    }
}
