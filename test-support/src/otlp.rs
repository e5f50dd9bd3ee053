//! Collector of traces and metrics by OTLP over HTTP, in protobuf.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::within;

/// Collector on a loopback port, which keeps what it receives.
#[derive(Debug)]
pub struct OtlpCollector {
    address: SocketAddr,
    received: Arc<Received>,
    server: JoinHandle<()>,
}

/// Requests so far.
#[derive(Debug, Default)]
struct Received {
    traces: Mutex<Vec<ExportTraceServiceRequest>>,
    metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    headers: Mutex<HeaderMap>,
    changed: Notify,
}

impl OtlpCollector {
    /// Starts a collector.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start() -> Self {
        let received = Arc::new(Received::default());
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(received.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound listener");
        #[expect(clippy::disallowed_methods, reason = "the task ends with the collector")]
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        Self { address, received, server }
    }

    /// Endpoint for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Headers of the last request.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.received.headers.lock().clone()
    }

    /// Attributes of the first span with this name, those of its resource included, once there is one.
    pub async fn span(&self, name: &str) -> Vec<(String, String)> {
        self.until(name, |received| {
            let requests = received.traces.lock();
            let mut resources = requests.iter().flat_map(|request| &request.resource_spans);
            resources.find_map(|resource| {
                let mut spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
                let span = spans.find(|span| span.name == name)?;
                let process = resource.resource.iter().flat_map(|resource| &resource.attributes);
                Some(process.chain(&span.attributes).map(text).collect())
            })
        })
        .await
    }

    /// Debug form of the first metric with this name, once there is one.
    pub async fn metric(&self, name: &str) -> String {
        self.until(name, |received| {
            let requests = received.metrics.lock();
            let resources = requests.iter().flat_map(|request| &request.resource_metrics);
            let mut metrics =
                resources.flat_map(|resource| &resource.scope_metrics).flat_map(|scope| &scope.metrics);
            metrics.find(|metric| metric.name == name).map(|metric| format!("{metric:?}"))
        })
        .await
    }

    async fn until<T>(&self, what: &str, find: impl Fn(&Received) -> Option<T>) -> T {
        within(what, async {
            loop {
                // Before the look, so that no change is missed.
                let changed = self.received.changed.notified();
                if let Some(found) = find(&self.received) {
                    return found;
                }
                changed.await;
            }
        })
        .await
    }
}

impl Drop for OtlpCollector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn traces(State(received): State<Arc<Received>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    received.traces.lock().push(request);
    noted(&received, headers)
}

async fn metrics(State(received): State<Arc<Received>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(request) = ExportMetricsServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    received.metrics.lock().push(request);
    noted(&received, headers)
}

fn noted(received: &Received, headers: HeaderMap) -> StatusCode {
    *received.headers.lock() = headers;
    received.changed.notify_waiters();
    StatusCode::OK
}

fn text(attribute: &KeyValue) -> (String, String) {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    let value = match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    (attribute.key.clone(), value)
}
