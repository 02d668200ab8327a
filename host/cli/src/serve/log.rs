//! What a daemon says while it runs: events of `tracing` on standard error, as lines for people or as objects for programs.
//!
//! An event's message says everything; what it is about stands in fields of its own too, which only objects show.

use std::fmt::{self, Debug};
use std::io;

use serde::Deserialize;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::telemetry::Sender;

/// `[log]` of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) format: Format,
    pub(crate) level: Level,
}

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A line each: `jobyard: ready on …`.
    #[default]
    Text,
    /// An object of JSON on a line each, with the time, the level and what it is about.
    Json,
}

/// What is said: this and what is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    /// Requests too.
    Debug,
}

/// From now on it is said, and spans are handed to whoever sends them.
pub(crate) fn start(log: Log, sender: Option<&Sender>) {
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let to = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let said = match log.format {
        Format::Text => to.event_format(Lines).with_filter(level).boxed(),
        Format::Json => {
            let objects = to.json().flatten_event(true);
            let objects = objects.with_current_span(false).with_span_list(false);
            objects.with_filter(level).boxed()
        }
    };
    let all = tracing_subscriber::registry().with(said);
    all.with(sender.map(Sender::layer)).init();
}

/// The message behind the program's name.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        writeln!(to, "jobyard: {}", message.0)
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
