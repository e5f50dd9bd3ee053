//! Counters of requests by method and outcome (operations §7.2).

use less_sync_core::wire::method::Method;
use less_sync_metrics::{Counter, Registry};

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
            if is_ok { ok } else { error }.inc();
        }
    }

    /// Registers the series of the methods that are requests.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let requests = Method::ALL.iter().zip(&self.methods);
        let requests = requests.filter(|(method, _)| method.params_label().is_some());
        let counts = requests.flat_map(|(method, Outcomes { ok, error })| {
            [([method.name(), "ok"], ok.clone()), ([method.name(), "error"], error.clone())]
        });
        let help = "responses to requests of known methods";
        registry.family("rpc_requests_total", help, ["method", "outcome"], counts);
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
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let text = registry.render();
        let counted: Vec<_> = text.lines().filter(|line| line.contains("\"deks.getFiles\"")).collect();
        let expected = [
            "rpc_requests_total{method=\"deks.getFiles\",outcome=\"ok\"} 2",
            "rpc_requests_total{method=\"deks.getFiles\",outcome=\"error\"} 1",
        ];
        assert_eq!(counted, expected);
    }
}
