//! HTTP client of the exporters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use less_sync_core::ErrorChain;
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use url::Url;

use crate::config::OtelConfig;
use crate::tasks::JobOutcome;

/// Timeout of one export.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Collector of metrics.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    failures: Failures,
}

/// Log of failures: the first one of each outage.
#[derive(Debug)]
struct Failures {
    signal: &'static str,
    is_failing: AtomicBool,
}

impl Failures {
    fn new(signal: &'static str) -> Self {
        Self { signal, is_failing: AtomicBool::new(false) }
    }

    fn note(&self, outcome: Result<(), &reqwest::Error>) {
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Ok(()) if was_failing => tracing::info!(signal = self.signal, "export by OTLP succeeds again"),
            Err(error) if !was_failing => {
                tracing::warn!(signal = self.signal, error = %ErrorChain(error), "failed to export by OTLP");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl Collector {
    pub(super) fn new(config: &OtelConfig) -> anyhow::Result<Self> {
        Ok(Self { client: client(config)?, failures: Failures::new("metrics") })
    }

    /// Sends a request in protobuf.
    pub(super) async fn send(&self, url: Url, body: Bytes) -> JobOutcome {
        let request = self.client.post(url).header(CONTENT_TYPE, "application/x-protobuf").body(body);
        let sent = request.send().await.and_then(reqwest::Response::error_for_status);
        self.failures.note(sent.as_ref().map(drop));
        JobOutcome::of(&sent)
    }
}

/// Client of the thread that exports spans, with a runtime of its own: the thread has none.
#[derive(Debug)]
pub(super) struct SpanClient {
    client: Client,
    runtime: Runtime,
    failures: Failures,
}

impl SpanClient {
    pub(super) fn new(config: &OtelConfig) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the runtime of the exporter")?;
        Ok(Self { client: client(config)?, runtime, failures: Failures::new("traces") })
    }
}

#[async_trait]
impl HttpClient for SpanClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let sent = self.runtime.block_on(async {
            let response = self.client.execute(request).await?.error_for_status()?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        self.failures.note(sent.as_ref().map(drop));
        let (status, body) = sent?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}

fn client(config: &OtelConfig) -> anyhow::Result<Client> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let mut value =
            HeaderValue::from_str(value.expose_secret()).context("invalid OTEL_EXPORTER_OTLP_HEADERS")?;
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    let builder = Client::builder()
        .default_headers(headers)
        .redirect(Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .user_agent("less-sync");
    // Plain http needs no root certificates, so none are loaded.
    let builder = if config.endpoint.scheme() == "http" {
        builder.tls_certs_only(std::iter::empty::<Certificate>())
    } else {
        builder
    };
    // rustls panics without a default provider. A second installation fails and changes nothing.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    builder.build().context("cannot build the HTTP client of the exporter")
}
