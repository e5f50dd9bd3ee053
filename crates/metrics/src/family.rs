//! Series of one metric: one for each set of label values, fixed when the metric is registered.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Metric;

/// Label names and values of one series.
type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// Metric with labels. Unlike the family of the library it holds no map and no lock: callers have the handles of the series.
#[derive(Debug)]
pub(crate) struct Family<M> {
    series: Vec<(Labels, M)>,
    kind: MetricType,
}

impl<M: Metric> Family<M> {
    pub(crate) fn new(series: Vec<(Labels, M)>) -> Self {
        let kind = series.first().map_or(MetricType::Unknown, |(_, metric)| metric.metric_type());
        Self { series, kind }
    }
}

impl<M: Metric> EncodeMetric for Family<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let written = self.series.iter().filter(|(_, metric)| !metric.is_empty());
        written.into_iter().try_for_each(|(labels, metric)| metric.encode(encoder.encode_family(labels)?))
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }

    fn is_empty(&self) -> bool {
        self.series.iter().all(|(_, metric)| metric.is_empty())
    }
}
