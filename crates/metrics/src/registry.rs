//! Registry of the metrics of one server.

use std::borrow::Cow;

use prometheus_client::encoding::text;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Metric, Unit};

use crate::family::Family;

/// Media type of [`Registry::render`]: OpenMetrics 1.0, which Prometheus reads since 2.5.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics of one server: rendered for scrapes, listed for the documentation.
#[derive(Debug, Default)]
pub struct Registry {
    metrics: prometheus_client::registry::Registry,
    definitions: Vec<Definition>,
}

/// Definition of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of its samples; those of histograms have the suffixes `_bucket`, `_sum` and `_count` in addition.
    pub name: &'static str,
    /// Kind of the metric.
    pub kind: Kind,
    /// Unit of its values, which its name ends with; `None` for counts.
    pub unit: Option<&'static str>,
    /// Label names, in the order of the exposition.
    pub labels: Vec<&'static str>,
    /// Meaning, without a full stop.
    pub help: &'static str,
}

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Monotonically increasing count.
    Counter,
    /// Current amount, which may decrease.
    Gauge,
    /// Distribution of values, in cumulative buckets.
    Histogram,
}

impl Kind {
    /// Name of the kind in the exposition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl From<MetricType> for Kind {
    fn from(kind: MetricType) -> Self {
        match kind {
            MetricType::Counter => Self::Counter,
            MetricType::Histogram => Self::Histogram,
            MetricType::Gauge | MetricType::Info | MetricType::Unknown => Self::Gauge,
        }
    }
}

impl Registry {
    /// Registers a metric without labels. `name` is that of its samples: the name of a counter ends with `_total`, that of a
    /// metric with a unit with `_seconds` or `_bytes` before it.
    pub fn register(&mut self, name: &'static str, help: &'static str, metric: impl Metric) {
        self.add(name, help, Vec::new(), metric);
    }

    /// Registers the series of a metric with labels; all of them have the kind of the first one. Nothing is registered
    /// without a series.
    pub fn family<const N: usize, V, M>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        series: impl IntoIterator<Item = ([V; N], M)>,
    ) where
        V: Into<Cow<'static, str>>,
        M: Metric,
    {
        let series = series.into_iter();
        let series: Vec<_> = series
            .map(|(values, metric)| (labels.into_iter().zip(values.map(Into::into)).collect(), metric))
            .collect();
        if !series.is_empty() {
            self.add(name, help, labels.to_vec(), Family::new(series));
        }
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Vec<&'static str>,
        metric: impl Metric,
    ) {
        let kind = Kind::from(metric.metric_type());
        // The library appends unit and `_total` itself.
        let base = match kind {
            Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
            Kind::Gauge | Kind::Histogram => name,
        };
        let units = [("_seconds", "seconds"), ("_bytes", "bytes")];
        let unit = units.into_iter().find_map(|(suffix, unit)| Some((base.strip_suffix(suffix)?, unit)));
        let definition = Definition { name, kind, unit: unit.as_ref().map(|(_, unit)| *unit), labels, help };
        self.definitions.push(definition);
        if let Some((base, unit)) = unit {
            let unit = if unit == "bytes" { Unit::Bytes } else { Unit::Seconds };
            self.metrics.register_with_unit(base, help, unit, metric);
        } else {
            self.metrics.register(base, help, metric);
        }
    }

    /// Definitions of all metrics, in the order of registration.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Current values of all metrics, as OpenMetrics text ([`CONTENT_TYPE`]).
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail, and the values are numbers in range.
        let _complete = text::encode(&mut text, &self.metrics);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Counter, Gauge, Reading};

    #[test]
    fn samples_have_the_registered_names() {
        let mut registry = Registry::default();
        let (bytes, connections) = (Counter::<u64>::default(), Gauge::<i64>::default());
        registry.family("file_bytes_total", "bytes of bodies", ["direction"], [(["in"], bytes.clone())]);
        registry.register("ws_connections", "registered connections", connections.clone());
        registry.register(
            "process_cpu_seconds_total",
            "processor time",
            Reading::duration_counter(|| Duration::from_millis(1500)),
        );
        bytes.inc_by(7);
        connections.inc();
        let expected = "\
            # HELP file_bytes bytes of bodies.\n\
            # TYPE file_bytes counter\n\
            # UNIT file_bytes bytes\n\
            file_bytes_total{direction=\"in\"} 7\n\
            # HELP ws_connections registered connections.\n\
            # TYPE ws_connections gauge\n\
            ws_connections 1\n\
            # HELP process_cpu_seconds processor time.\n\
            # TYPE process_cpu_seconds counter\n\
            # UNIT process_cpu_seconds seconds\n\
            process_cpu_seconds_total 1.5\n\
            # EOF\n";
        assert_eq!(registry.render(), expected);
        let defined = registry.definitions().iter();
        let defined: Vec<_> = defined.map(|metric| (metric.name, metric.kind, metric.unit)).collect();
        let expected = [
            ("file_bytes_total", Kind::Counter, Some("bytes")),
            ("ws_connections", Kind::Gauge, None),
            ("process_cpu_seconds_total", Kind::Counter, Some("seconds")),
        ];
        assert_eq!(defined, expected);
    }
}
