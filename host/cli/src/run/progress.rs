//! The bar on the terminal while a job runs; nothing where there is none.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::Times;

pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar on standard error if that is a terminal, unless the job itself writes to it.
    pub(crate) fn new(quiet: bool) -> Bar {
        if quiet || !std::io::stderr().is_terminal() {
            return Bar(None);
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {elapsed} {msg}");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─"),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(Some(bar))
    }

    pub(crate) fn show(&self, times: &Times) {
        let Some(bar) = &self.0 else { return };
        bar.set_length(times.total);
        bar.set_position(times.ended_instances);
        let failed = match times.failed_instances {
            0 => String::new(),
            n => format!(", {n} failed"),
        };
        bar.set_message(format!(
            "{}{} running{failed}",
            times.phase, times.running_instances
        ));
    }

    /// A line for people, above the bar.
    pub(crate) fn say(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
