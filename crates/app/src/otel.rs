//! Export of traces and metrics by OTLP over HTTP, in protobuf (operations §7.3).
//!
//! Nothing waits for the collector: spans go through a bounded queue to a thread of their own and are dropped when it is full,
//! metrics are sent by a periodic job. Failures are logged once, until an export succeeds again.

mod client;
mod exposition;
mod request;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use less_sync_engine::Clock;
use less_sync_metrics::Registry;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use prost::Message as _;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::OtelConfig;
use crate::tasks::{JobOutcome, Tasks};
use client::{Collector, SpanClient};
use request::Times;

/// Spans in the queue; further ones are dropped.
const QUEUE: usize = 4096;

/// Time for the last spans at the end of the process.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// Exporter of spans. Dropping it sends those that are queued, for two seconds at most.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts the exporter, if a collector is configured.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub(crate) fn start(config: Option<&OtelConfig>, version: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(config) = config else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(SpanClient::new(config)?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(config.url("v1/traces").as_str())
            .build()
            .context("cannot build the exporter of traces")?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let attributes = attributes(config, version).map(|(name, value)| KeyValue::new(name, value));
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource);
        Ok(Some(Self(provider.build())))
    }

    /// Layer that records spans of this program: those of the HTTP client would be exported by itself again.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("less-sync"));
        layer
            .with_location(false)
            .with_threads(false)
            .with_filter(filter_fn(|metadata| metadata.target().starts_with("less_sync")))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(SHUTDOWN) {
            tracing::debug!(%error, "failed to export the last spans");
        }
    }
}

/// Starts the job that exports the metrics of `registry`.
pub(crate) fn spawn_metrics(
    config: &OtelConfig,
    registry: &Arc<Registry>,
    version: &'static str,
    clock: &Arc<dyn Clock>,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let exporter = Arc::new(MetricsExporter {
        collector: Collector::new(config)?,
        url: config.url("v1/metrics"),
        registry: registry.clone(),
        attributes: attributes(config, version),
        start: clock.now(),
        clock: clock.clone(),
    });
    tasks.spawn_periodic("metrics export", config.metrics_interval, move || {
        let exporter = exporter.clone();
        async move { exporter.export().await }
    });
    Ok(())
}

/// Attributes of the process.
fn attributes(config: &OtelConfig, version: &'static str) -> [(&'static str, String); 2] {
    [("service.name", config.service.clone()), ("service.version", version.to_owned())]
}

struct MetricsExporter {
    collector: Collector,
    url: url::Url,
    registry: Arc<Registry>,
    attributes: [(&'static str, String); 2],
    start: less_sync_core::Timestamp,
    clock: Arc<dyn Clock>,
}

impl MetricsExporter {
    async fn export(&self) -> JobOutcome {
        let times = Times { start: self.start, now: self.clock.now() };
        let request = request::request(exposition::read(&self.registry), &self.attributes, times);
        self.collector.send(self.url.clone(), request.encode_to_vec().into()).await
    }
}
