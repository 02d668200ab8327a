//! The files of the page.

/// A file.
#[derive(Debug)]
pub(super) struct File {
    /// Its name below `/assets/`.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

impl File {
    /// By the end of the name.
    pub(super) fn media_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

macro_rules! files {
    ($($name:literal)*) => {
        &[$(File { name: $name, text: include_str!($name) }),*]
    };
}

/// The page itself, at `/`.
pub(super) const INDEX: File = File {
    name: "index.html",
    text: include_str!("index.html"),
};

/// What it loads.
#[rustfmt::skip]
pub(super) const FILES: &[File] = files![
    "api.js"
    "base.css"
    "dom.js"
    "format.js"
    "heat.js"
    "icon.svg"
    "job-events.js"
    "job-outlook.js"
    "job-output.js"
    "job-tasks.js"
    "keys.js"
    "live.js"
    "login.js"
    "main.js"
    "notes.js"
    "pager.js"
    "policy-dialogs.js"
    "shadow.js"
    "stream.js"
    "view-chart.js"
    "view-job.js"
    "view-jobs.js"
    "view-nodes.js"
    "view-policies.js"
    "view-simulation.js"
    "view-submit.js"
    "views.css"
];
