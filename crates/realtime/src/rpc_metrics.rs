//! Durations of requests by method and outcome (operations §7.2).

use std::time::Duration;

use less_sync_core::wire::method::Method;
use less_sync_metrics::{Histogram, Reading, Registry};

/// Responses to requests of known methods.
#[derive(Debug)]
pub(crate) struct RpcMetrics {
    /// In the order of the method table.
    methods: [Outcomes; Method::ALL.len()],
}

/// The count of a histogram is the number of responses.
#[derive(Debug)]
struct Outcomes {
    ok: Histogram,
    error: Histogram,
}

impl Default for RpcMetrics {
    fn default() -> Self {
        let outcomes = |_| Outcomes { ok: Histogram::of_durations(), error: Histogram::of_durations() };
        Self { methods: std::array::from_fn(outcomes) }
    }
}

impl RpcMetrics {
    /// Counts a response, a result or an error response, and the time since its request was passed to the handler.
    pub(crate) fn responded(&self, method: Method, is_ok: bool, duration: Duration) {
        // The table is in the order of the variants, so the discriminant is the index.
        if let Some(Outcomes { ok, error }) = self.methods.get(method as usize) {
            if is_ok { ok } else { error }.observe(duration);
        }
    }

    /// Registers the series of the methods that are requests.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let labels = ["method", "outcome"];
        let counts = self.series().map(|(values, histogram)| {
            let histogram = histogram.clone();
            (values, Reading::counter(move || histogram.count()))
        });
        registry.family("rpc_requests_total", "responses to requests of known methods", labels, counts);
        let durations = self.series().map(|(values, histogram)| (values, histogram.clone()));
        let help = "durations from the start of the handler to the queueing of the response";
        registry.family("rpc_duration_seconds", help, labels, durations);
    }

    /// Label values and histogram of each series.
    fn series(&self) -> impl Iterator<Item = ([&'static str; 2], &Histogram)> {
        let requests = Method::ALL.iter().zip(&self.methods);
        let requests = requests.filter(|(method, _)| method.params_label().is_some());
        requests.flat_map(|(method, Outcomes { ok, error })| {
            [([method.name(), "ok"], ok), ([method.name(), "error"], error)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_by_canonical_method_and_outcome() {
        let metrics = RpcMetrics::default();
        let method = Method::request("file.deks.get").unwrap();
        metrics.responded(method, true, Duration::ZERO);
        metrics.responded(method, true, Duration::ZERO);
        metrics.responded(method, false, Duration::from_secs(1));
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let text = registry.render();
        let counted: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("rpc_requests_total") && line.contains("\"deks.getFiles\""))
            .collect();
        let expected = [
            "rpc_requests_total{method=\"deks.getFiles\",outcome=\"ok\"} 2",
            "rpc_requests_total{method=\"deks.getFiles\",outcome=\"error\"} 1",
        ];
        assert_eq!(counted, expected);
    }
}
