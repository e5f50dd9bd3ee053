//! Settings of the export by OTLP (operations §7.3).

use std::time::Duration;

use http::HeaderName;
use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

/// Collector of traces and metrics.
#[derive(Clone, Debug)]
pub struct OtelConfig {
    /// Base URL of the collector (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub endpoint: Url,
    /// Headers of all requests, such as credentials (`OTEL_EXPORTER_OTLP_HEADERS`).
    pub headers: Vec<(HeaderName, SecretString)>,
    /// Name of the service (`OTEL_SERVICE_NAME`).
    pub service: String,
    /// Interval at which metrics are exported (`OTEL_METRIC_EXPORT_INTERVAL`).
    pub metrics_interval: Duration,
}

impl OtelConfig {
    /// URL below the endpoint.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    }
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

pub(super) fn read(reader: &mut Reader<'_>) -> Option<OtelConfig> {
    let endpoint = reader.text(ENDPOINT);
    let headers = headers(reader);
    let service = reader.text("OTEL_SERVICE_NAME").unwrap_or_else(|| "less-sync".to_owned());
    reader.show("OTEL_SERVICE_NAME", &service);
    let millis = reader.count::<u64>("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 1000..=3_600_000);
    let text = endpoint?;
    if cfg!(not(feature = "otel")) {
        reader.warning(format!("{ENDPOINT} has no effect: this build has no feature otel"));
    }
    let Some(endpoint) = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        reader.problem(format!("invalid {ENDPOINT} value \"{text}\": expected an http or https URL"));
        return None;
    };
    Some(OtelConfig { endpoint, headers, service, metrics_interval: Duration::from_millis(millis) })
}

/// Parses `name=value` pairs with commas between.
fn headers(reader: &mut Reader<'_>) -> Vec<(HeaderName, SecretString)> {
    let Some(text) = reader.text(HEADERS) else { return Vec::new() };
    reader.show(HEADERS, "set");
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once('=')?;
        Some((name.trim().parse().ok()?, SecretString::from(value.trim())))
    };
    let pairs: Option<Vec<_>> = text.split(',').map(pair).collect();
    if pairs.is_none() {
        reader.problem(format!("invalid {HEADERS}: expected name=value pairs with commas between"));
    }
    pairs.unwrap_or_default()
}
