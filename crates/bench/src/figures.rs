//! Named figures of a run, and latency histograms.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde_json::Value;

/// Figures of one run, in the order in which they were added. Names carry their units.
#[derive(Debug)]
pub struct Figures(Vec<(String, Value)>);

impl Figures {
    /// Figures of `scenario`, with its name as the first entry.
    pub(crate) fn new(scenario: &str) -> Self {
        Self(vec![("scenario".to_owned(), scenario.into())])
    }

    /// Appends a figure.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Appends a figure rounded to three decimals.
    pub(crate) fn add_decimal(&mut self, name: impl Into<String>, value: f64) {
        let rounded = (value * 1000.0).round() / 1000.0;
        self.add(name, rounded);
    }

    /// Appends p50, p90, p99, p99.9 and the maximum, in milliseconds.
    pub(crate) fn add_latencies(&mut self, name: &str, latencies: &Latencies) {
        for (label, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            self.add_decimal(format!("{name}_{label}_ms"), latencies.quantile_ms(quantile));
        }
        self.add_decimal(format!("{name}_max_ms"), latencies.quantile_ms(1.0));
    }

    /// Name and value of every figure, in order.
    pub fn into_entries(self) -> impl Iterator<Item = (String, Value)> {
        self.0.into_iter()
    }
}

/// Latency histogram from one microsecond to one minute, of three significant digits; longer samples saturate.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// Empty histogram.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let longest = Duration::from_mins(1).as_nanos().try_into().unwrap_or(u64::MAX);
        Ok(Self(Histogram::new_with_bounds(1000, longest, 3).context("cannot make a histogram")?))
    }

    /// Records one sample.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    /// Removes all samples.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// Adds the samples of `other`.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.0.add(&other.0).context("cannot add histograms")
    }

    /// Sum of all samples, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a figure has three digits")]
    pub(crate) fn sum_ms(&self) -> f64 {
        self.0.mean() * self.0.len() as f64 / 1e6
    }

    /// Quantile in milliseconds; 0 without samples.
    #[expect(clippy::cast_precision_loss, reason = "a minute of nanoseconds fits the mantissa")]
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    /// Number of samples.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}

/// Events per second.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::EPSILON)
}

/// Bytes in KiB.
#[expect(clippy::cast_precision_loss, reason = "memory stays far below 2^52 bytes")]
pub(crate) fn kib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    kib(bytes) / 1024.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pretty_assertions::assert_eq;

    use super::{Figures, Latencies};

    #[test]
    fn figures_keep_their_order_and_latencies_are_five_of_them() {
        let mut latencies = Latencies::new().unwrap();
        for milliseconds in 1..=100 {
            latencies.record(Duration::from_millis(milliseconds));
        }
        let mut figures = Figures::new("push");
        figures.add("pushes", 100);
        figures.add_latencies("push", &latencies);
        let entries: Vec<_> = figures.into_entries().collect();
        assert_eq!(entries[0], ("scenario".to_owned(), "push".into()));
        assert_eq!(entries[1], ("pushes".to_owned(), 100.into()));
        let names: Vec<&str> = entries[2..].iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["push_p50_ms", "push_p90_ms", "push_p99_ms", "push_p999_ms", "push_max_ms"]);
        assert!(entries[2].1.to_string().starts_with("50"), "{entries:?}");
    }

    #[test]
    fn quantile_without_samples_is_zero_and_long_samples_saturate() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.quantile_ms(0.99).abs() < f64::EPSILON);
        latencies.record(Duration::from_hours(1));
        assert_eq!(latencies.count(), 1);
        assert!(latencies.quantile_ms(0.5) > 59_000.0);
    }
}
