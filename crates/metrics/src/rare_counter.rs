//! Counter that is left out of the exposition while it is zero.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

use crate::Counter;

/// Counter that is left out while it is zero: for metrics with many series, most of which never count.
#[derive(Clone, Debug, Default)]
pub struct RareCounter(Counter);

impl RareCounter {
    /// Adds 1.
    pub fn inc(&self) {
        self.0.inc();
    }
}

impl EncodeMetric for RareCounter {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }

    fn is_empty(&self) -> bool {
        self.0.get() == 0
    }
}
