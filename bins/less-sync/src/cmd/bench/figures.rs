//! What was measured.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde_json::Value;

use crate::line::Line;

/// The figures of one run, in the order in which they were taken. Names carry their units.
#[derive(Debug)]
pub(crate) struct Figures(Vec<(String, Value)>);

impl Figures {
    pub(super) fn new(scenario: &str) -> Self {
        Self(vec![("scenario".to_owned(), scenario.into())])
    }

    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// With three significant digits after the point at most.
    pub(super) fn add_decimal(&mut self, name: impl Into<String>, value: f64) {
        let rounded = (value * 1000.0).round() / 1000.0;
        self.add(name, rounded);
    }

    /// The usual percentiles of a distribution of latencies, in milliseconds.
    pub(super) fn add_latencies(&mut self, name: &str, latencies: &Latencies) {
        for (label, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            self.add_decimal(format!("{name}_{label}_ms"), latencies.quantile_ms(quantile));
        }
        self.add_decimal(format!("{name}_max_ms"), latencies.quantile_ms(1.0));
    }

    /// One line per figure as text, one object as JSON.
    pub(super) fn lines(&self, json: bool) -> Vec<Line> {
        let members = self.0.iter().cloned();
        if json {
            return vec![members.fold(Line::new(), |line, (name, value)| line.with_named(name, value))];
        }
        members.map(|(name, value)| Line::new().with_named(name, value)).collect()
    }
}

/// A distribution of latencies, from a microsecond to a minute, at three significant digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(super) fn new() -> anyhow::Result<Self> {
        let longest = Duration::from_mins(1).as_nanos().try_into().unwrap_or(u64::MAX);
        Ok(Self(Histogram::new_with_bounds(1000, longest, 3).context("cannot make a histogram")?))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn clear(&mut self) {
        self.0.reset();
    }

    /// Takes the samples of `other`, too.
    pub(super) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.0.add(&other.0).context("cannot add histograms")
    }

    /// All samples together.
    #[expect(clippy::cast_precision_loss, reason = "a figure has three digits")]
    pub(super) fn sum_ms(&self) -> f64 {
        self.0.mean() * self.0.len() as f64 / 1e6
    }

    #[expect(clippy::cast_precision_loss, reason = "a minute of nanoseconds fits the mantissa")]
    pub(super) fn quantile_ms(&self, quantile: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }
}

/// How many per second.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::EPSILON)
}

/// As the unit of memory figures.
#[expect(clippy::cast_precision_loss, reason = "memory stays far below 2^52 bytes")]
pub(super) fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// As the unit of memory figures.
pub(super) fn mib(bytes: u64) -> f64 {
    kib(bytes) / 1024.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pretty_assertions::assert_eq;

    use super::{Figures, Latencies};

    #[test]
    fn figures_are_one_line_each_or_one_object() {
        let mut latencies = Latencies::new().unwrap();
        for milliseconds in 1..=100 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let mut figures = Figures::new("push");
        figures.add("pushes", 100);
        figures.add_latencies("push", &latencies);
        let text: Vec<String> = figures.lines(false).iter().map(super::Line::to_text).collect();
        assert_eq!(text.first().map(String::as_str), Some("scenario=push"));
        assert_eq!(text.get(1).map(String::as_str), Some("pushes=100"));
        assert!(text.get(2).unwrap().starts_with("push_p50_ms=50"), "{text:?}");
        let json = figures.lines(true).first().unwrap().to_json();
        assert!(json.starts_with(r#"{"scenario":"push","pushes":100,"push_p50_ms":50"#), "{json}");
    }

    #[test]
    fn latencies_without_a_sample_are_zero_and_long_ones_do_not_fail() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.quantile_ms(0.99).abs() < f64::EPSILON);
        latencies.record(Duration::from_hours(1));
        assert_eq!(latencies.count(), 1);
        assert!(latencies.quantile_ms(0.5) > 59_000.0);
    }
}
