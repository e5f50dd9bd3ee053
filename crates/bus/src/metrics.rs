//! Metrics of the bus (operations §7.2).

use less_sync_metrics::{Counter, Gauge, Registry};

/// Metrics of the bus of one node.
#[derive(Debug)]
pub(crate) struct BusMetrics {
    /// 0 while messages do not arrive, else 1.
    pub(crate) up: Gauge,
    /// Other nodes.
    pub(crate) nodes: Gauge,
    /// Batches sent.
    pub(crate) sent: Counter,
    /// Batches received from other nodes.
    pub(crate) received: Counter,
    /// Bytes of the batches sent.
    pub(crate) sent_bytes: Counter,
    /// Messages that did not fit the queue.
    pub(crate) overflows: Counter,
    /// Batches whose transmission failed.
    pub(crate) failures: Counter,
    /// Received bytes that are no batch.
    pub(crate) unreadable: Counter,
    /// Gaps in the numbers of received batches.
    pub(crate) gaps: Counter,
}

/// Registers the metrics of a server without a transport.
pub fn register_idle(registry: &mut Registry) {
    BusMetrics::default().register(registry);
}

impl Default for BusMetrics {
    fn default() -> Self {
        let up = Gauge::default();
        up.set(1);
        Self {
            up,
            nodes: Gauge::default(),
            sent: Counter::default(),
            received: Counter::default(),
            sent_bytes: Counter::default(),
            overflows: Counter::default(),
            failures: Counter::default(),
            unreadable: Counter::default(),
            gaps: Counter::default(),
        }
    }
}

impl BusMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("bus_up", "0 while messages between nodes do not arrive, else 1", self.up.clone());
        registry.register("bus_nodes", "other nodes of the deployment", self.nodes.clone());
        let batches = [(["sent"], self.sent.clone()), (["received"], self.received.clone())];
        registry.family("bus_batches_total", "batches of messages between nodes", ["direction"], batches);
        let help = "content of batches sent to other nodes";
        registry.register("bus_sent_bytes_total", help, self.sent_bytes.clone());
        let lost = [
            (["overflow"], self.overflows.clone()),
            (["failure"], self.failures.clone()),
            (["unreadable"], self.unreadable.clone()),
            (["gap"], self.gaps.clone()),
        ];
        registry.family("bus_lost_total", "messages or batches lost between nodes", ["reason"], lost);
    }
}
