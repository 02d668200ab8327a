//! The OpenTelemetry switch: where there is a collector it is told of each request, as a span, over OTLP.
//!
//! Numbers are not sent: `/metrics` has them, and collectors read that. A collector that is not there costs what could not be sent, and
//! nothing else.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use serde::Deserialize;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::failure::Failure;

/// How long the collector may take to answer.
const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);

/// `[telemetry]` of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    /// Where a collector takes OTLP over HTTP, as `http://127.0.0.1:4318`; none: nothing is sent.
    pub(crate) otlp: Option<String>,
}

/// What sends spans; [`Sender::end`] sends the last ones.
#[derive(Debug)]
pub(crate) struct Sender(SdkTracerProvider);

impl Sender {
    /// Sends to the collector, if there is one. Within a tokio runtime.
    pub(crate) fn start(telemetry: &Telemetry) -> Result<Option<Sender>, Failure> {
        let Some(otlp) = &telemetry.otlp else {
            return Ok(None);
        };
        check(telemetry).map_err(Failure::Input)?;
        let to = format!("{}/v1/traces", otlp.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(to)
            .with_timeout(EXPORT_TIME_MAX)
            .build();
        let exporter = exporter.map_err(Failure::input)?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder()
            .with_service_name("jobyard")
            .with_attribute(version)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .with_resource(resource)
            .build();
        Ok(Some(Sender(provider)))
    }

    /// What hands spans of requests to it.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let spans = Targets::new().with_target("jobyard_server", LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("jobyard"))
            .with_location(false)
            .with_threads(false)
            .with_filter(spans)
    }

    /// Sends what was not sent yet. Takes as long as a thread may wait.
    pub(crate) fn end(self) {
        // A collector that has gone is no reason to fail.
        let _ = self.0.shutdown();
    }
}

/// What can be said of it without a collector.
pub(crate) fn check(telemetry: &Telemetry) -> Result<(), String> {
    match &telemetry.otlp {
        Some(otlp) if !otlp.starts_with("http://") => Err(format!(
            "telemetry.otlp is {otlp:?}: it is the http:// address of a collector, as http://127.0.0.1:4318"
        )),
        Some(_) | None => Ok(()),
    }
}
