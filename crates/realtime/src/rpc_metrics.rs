//! Counters of requests by method and outcome (operations §7.2).

use less_sync_core::wire::method::Method;
use less_sync_engine::Counter;

use crate::metrics::{Sample, SampleKind};

/// Responses to requests of known methods.
#[derive(Debug)]
pub(crate) struct RpcMetrics {
    /// In the order of the method table.
    methods: [Outcomes; Method::ALL.len()],
}

#[derive(Debug, Default)]
struct Outcomes {
    ok: Counter,
    error: Counter,
}

impl Default for RpcMetrics {
    fn default() -> Self {
        Self { methods: std::array::from_fn(|_| Outcomes::default()) }
    }
}

impl RpcMetrics {
    /// Counts a response: a result, or an error response.
    pub(crate) fn responded(&self, method: Method, is_ok: bool) {
        // The table is in the order of the variants, so the discriminant is the index.
        if let Some(Outcomes { ok, error }) = self.methods.get(method as usize) {
            if is_ok { ok.increment() } else { error.increment() }
        }
    }

    /// Samples of the methods that are requests.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample> {
        let requests = Method::ALL.iter().zip(&self.methods);
        let requests = requests.filter(|(method, _)| method.params_label().is_some());
        requests.flat_map(|(method, Outcomes { ok, error })| {
            [("ok", ok), ("error", error)].map(|(outcome, count)| Sample {
                name: "rpc_requests_total",
                help: "requests that were responded to",
                kind: SampleKind::Counter,
                labels: vec![("method", method.name().to_owned()), ("outcome", outcome.to_owned())],
                value: count.get().cast_signed(),
            })
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
        metrics.responded(method, true);
        metrics.responded(method, true);
        metrics.responded(method, false);
        let counted: Vec<_> = metrics.samples().filter(|sample| sample.value > 0).collect();
        let outcomes: Vec<_> =
            counted.iter().map(|sample| (sample.labels[1].1.as_str(), sample.value)).collect();
        assert_eq!(outcomes, [("ok", 2), ("error", 1)]);
        assert!(counted.iter().all(|sample| sample.labels[0] == ("method", "deks.getFiles".to_owned())));
    }
}
