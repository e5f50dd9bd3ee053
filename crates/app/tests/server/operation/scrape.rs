//! Scraped metrics, read by a parser that is independent of the exporter.

use std::collections::BTreeMap;

use less_sync_test_support::{TestServer, Upgrade};
use prometheus_parse::{Sample, Value};

/// Samples of one scrape.
#[derive(Debug)]
pub(crate) struct Scrape(Vec<Sample>);

impl Scrape {
    /// The current metrics of `server`, from its admin listener.
    pub(crate) async fn of(server: &TestServer) -> Self {
        Self::parse(&Upgrade::plain_get("/metrics").response(server.admin_address()).await.body)
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap();
        assert!(text.ends_with("\n# EOF\n"), "OpenMetrics has an end");
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        Self(prometheus_parse::Scrape::parse(lines).unwrap().samples)
    }

    /// Sum over all series with this name whose labels include those of `selector`, such as `name{label="value"}`.
    pub(crate) fn value(&self, selector: &str) -> Option<f64> {
        let (name, labels) = selector.split_once('{').unwrap_or((selector, ""));
        let labels: BTreeMap<_, _> = labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(label, value)| (label, value.trim_matches('"')))
            .collect();
        let matching = self.0.iter().filter(|sample| {
            sample.metric == name
                && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
        });
        let values: Vec<f64> = matching.filter_map(|sample| number(&sample.value)).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => Some(*number),
        Value::Histogram(_) | Value::Summary(_) => None,
    }
}
