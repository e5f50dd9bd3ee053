//! Request of an export of metrics (OTLP `ExportMetricsServiceRequest`).

use less_sync_core::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::exposition::{Distribution, Family, Labels, Points};

/// Times of a snapshot.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// Start of the counts.
    pub(super) start: Timestamp,
    pub(super) now: Timestamp,
}

/// Request with all metrics.
pub(super) fn request(
    families: Vec<Family>,
    attributes: &[(&'static str, String)],
    times: Times,
) -> ExportMetricsServiceRequest {
    let metrics = families.into_iter().map(|family| metric(family, times)).collect();
    let scope = InstrumentationScope { name: "less-sync".to_owned(), ..InstrumentationScope::default() };
    let attributes = attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    }
}

fn metric(family: Family, times: Times) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.points {
        Points::Sums(series) => Data::Sum(Sum {
            data_points: series.into_iter().map(|point| number(point, times)).collect(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Points::Gauges(series) => {
            Data::Gauge(Gauge { data_points: series.into_iter().map(|point| number(point, times)).collect() })
        }
        Points::Histograms(series) => Data::Histogram(Histogram {
            data_points: series.into_iter().map(|point| histogram(point, times)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: family.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number((labels, value): (Labels, f64), times: Times) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(&labels),
        start_time_unix_nano: nanos(times.start),
        time_unix_nano: nanos(times.now),
        value: Some(Number::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn histogram((labels, distribution): (Labels, Distribution), times: Times) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(&labels),
        start_time_unix_nano: nanos(times.start),
        time_unix_nano: nanos(times.now),
        count: distribution.count,
        sum: Some(distribution.sum),
        bucket_counts: distribution.counts,
        explicit_bounds: distribution.bounds,
        ..HistogramDataPoint::default()
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.millis()).unwrap_or_default().saturating_mul(1_000_000)
}
