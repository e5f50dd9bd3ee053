//! Histogram of relaxed atomic counters.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Upper bounds of durations, in microseconds, inclusive (operations §7.2).
const DURATIONS: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// Upper bounds of lifetimes, in microseconds, inclusive: from 1 s to 4 h.
const LIFETIMES: [u64; 8] = [
    1_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
    7_200_000_000,
    14_400_000_000,
];

/// Upper bounds of sizes, in bytes, inclusive: powers of four from 1 KiB to 64 MiB.
const SIZES: [u64; 9] = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26];

/// Distribution of durations or sizes. Clones share their counts.
///
/// The histogram of the library takes a lock for each observation; this one makes two atomic additions. A scrape that runs
/// at the same time may see an observation in the buckets and not yet in the sum.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [u64],
    /// Units of bounds and sum per unit of the exposition, which is seconds or bytes.
    scale: f64,
    /// A bucket for each bound, then one for all values above.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of durations, in seconds: 14 buckets from 1 ms to 30 s.
    #[must_use]
    pub fn of_durations() -> Self {
        Self::new(&DURATIONS, 1e6)
    }

    /// A histogram of lifetimes, in seconds: 8 buckets from 1 s to 4 h.
    #[must_use]
    pub fn of_lifetimes() -> Self {
        Self::new(&LIFETIMES, 1e6)
    }

    /// A histogram of sizes, in bytes: 9 buckets from 1 KiB to 64 MiB.
    #[must_use]
    pub fn of_sizes() -> Self {
        Self::new(&SIZES, 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds, scale, buckets, sum: AtomicU64::new(0) }))
    }

    /// Adds a duration.
    pub fn observe(&self, duration: Duration) {
        self.add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds a size in bytes.
    pub fn observe_size(&self, bytes: usize) {
        self.add(bytes as u64);
    }

    /// Number of observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    fn add(&self, value: u64) {
        let index = self.0.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.0.bounds.len());
        if let Some(bucket) = self.0.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the exposition has floating-point numbers")]
impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Inner { bounds, scale, buckets, sum } = &*self.0;
        // The library writes the largest number as `+Inf`.
        let bounds = bounds.iter().map(|bound| *bound as f64 / scale).chain([f64::MAX]);
        let counts = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = sum.load(Ordering::Relaxed) as f64 / scale;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }

    /// Histograms have many samples; those without an observation are left out.
    fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;

    #[test]
    fn bounds_are_inclusive_and_buckets_cumulative() {
        let histogram = Histogram::of_durations();
        for micros in [0, 1_000, 1_001, 30_000_000, 31_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("a_seconds", "waits", histogram.clone());
        let text = registry.render();
        for line in [
            "a_seconds_bucket{le=\"0.001\"} 2",
            "a_seconds_bucket{le=\"0.0025\"} 3",
            "a_seconds_bucket{le=\"30.0\"} 4",
            "a_seconds_bucket{le=\"+Inf\"} 5",
            "a_seconds_count 5",
            "a_seconds_sum 61.002001",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
        assert_eq!(histogram.count(), 5);
    }

    #[test]
    fn bounds_of_durations_are_written_without_rounding_errors() {
        let mut registry = Registry::default();
        let histogram = Histogram::of_durations();
        registry.register("a_seconds", "waits", histogram.clone());
        assert_eq!(registry.render(), "# EOF\n", "nothing was observed");
        histogram.observe(Duration::ZERO);
        let text = registry.render();
        let bounds: Vec<_> =
            text.lines().filter_map(|line| line.split_once("le=\"")?.1.split_once('"')).collect();
        let bounds: Vec<_> = bounds.into_iter().map(|(bound, _)| bound).collect();
        let expected = [
            "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0",
            "10.0", "30.0", "+Inf",
        ];
        assert_eq!(bounds, expected);
    }
}
