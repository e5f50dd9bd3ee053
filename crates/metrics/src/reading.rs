//! Metrics read when they are scraped.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Metric whose value is computed for each scrape, from state that exists anyway. The function must not block.
pub struct Reading(Source);

enum Source {
    Amount(Box<dyn Fn() -> usize + Send + Sync>),
    Seconds(Box<dyn Fn() -> f64 + Send + Sync>),
    Ratio(Box<dyn Fn() -> f64 + Send + Sync>),
    Count(Box<dyn Fn() -> u64 + Send + Sync>),
    SecondsInTotal(Box<dyn Fn() -> Duration + Send + Sync>),
}

impl Reading {
    /// A gauge of items or bytes.
    pub fn gauge(read: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self(Source::Amount(Box::new(read)))
    }

    /// A gauge without a unit: a part of a whole, between 0 and 1.
    pub fn ratio(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Source::Ratio(Box::new(read)))
    }

    /// A gauge of seconds: an age, or a time since 1970 (Unix time).
    pub fn seconds(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Source::Seconds(Box::new(read)))
    }

    /// A counter: `read` must never return less than before.
    pub fn counter(read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Source::Count(Box::new(read)))
    }

    /// A counter of time, in seconds: `read` must never return less than before.
    pub fn duration_counter(read: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Source::SecondsInTotal(Box::new(read)))
    }
}

impl EncodeMetric for Reading {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match &self.0 {
            Source::Amount(read) => encoder.encode_gauge(&read()),
            Source::Seconds(read) | Source::Ratio(read) => encoder.encode_gauge(&read()),
            Source::Count(read) => encoder.encode_counter::<NoLabelSet, _, f64>(&read(), None),
            Source::SecondsInTotal(read) => {
                encoder.encode_counter::<NoLabelSet, _, f64>(&read().as_secs_f64(), None)
            }
        }
    }

    fn metric_type(&self) -> MetricType {
        match self.0 {
            Source::Amount(_) | Source::Seconds(_) | Source::Ratio(_) => MetricType::Gauge,
            Source::Count(_) | Source::SecondsInTotal(_) => MetricType::Counter,
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("kind", &self.metric_type()).finish_non_exhaustive()
    }
}
