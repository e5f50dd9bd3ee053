//! Figures of the dashboard, from two scrapes of the metrics.

use crate::admin::Interval;

/// Figures of one interval. Rates are per second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) version: String,
    /// Age of the server, in seconds.
    pub(super) uptime: f64,
    pub(super) connections: f64,
    pub(super) subscriptions: f64,
    pub(super) spaces_watched: f64,
    pub(super) requests: f64,
    pub(super) errors: f64,
    pub(super) events: f64,
    pub(super) bytes_in: f64,
    pub(super) bytes_out: f64,
    /// Quantiles of all requests on sockets, in seconds; `None` without one.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    /// 99th percentiles of the sampled queue sizes, in bytes: replies and durable events.
    pub(super) queued: [Option<f64>; 2],
    pub(super) pool_used: f64,
    pub(super) pool_waiting: f64,
    pub(super) slow_consumers: f64,
    pub(super) http: f64,
    pub(super) memory: f64,
    /// Share of one processor, 0 to the number of them.
    pub(super) cpu: f64,
    pub(super) methods: Vec<Method>,
}

/// A method that was called.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Method {
    pub(super) name: String,
    pub(super) rate: f64,
    /// Error responses per second.
    pub(super) errors: f64,
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    /// Requests since the start of the server.
    pub(super) total: f64,
}

impl Figures {
    /// Figures of `interval`. `now`: Unix time in seconds.
    pub(super) fn of(interval: &Interval, now: f64) -> Self {
        let after = &interval.after;
        let errors = [("outcome", "error")];
        let queued = |queue| interval.quantile("ws_queue_bytes", &[("queue", queue)], 0.99);
        let pool = |state| after.sum("db_pool_connections", &[("state", state)]);
        let started = after.sum("process_start_time_seconds", &[]);
        Self {
            version: after.by("build_info", &[], "version").into_keys().next().unwrap_or_default(),
            uptime: if started > 0.0 { (now - started).max(0.0) } else { 0.0 },
            connections: after.sum("ws_connections", &[]),
            subscriptions: after.sum("broker_subscriptions", &[]),
            spaces_watched: after.sum("broker_spaces_watched", &[]),
            requests: interval.rate("rpc_requests_total", &[]),
            errors: interval.rate("rpc_requests_total", &errors),
            events: interval.rate("broker_durable_delivered_total", &[]),
            bytes_in: interval.rate("ws_bytes_total", &[("direction", "in")]),
            bytes_out: interval.rate("ws_bytes_total", &[("direction", "out")]),
            p50: interval.quantile("rpc_duration_seconds", &[], 0.5),
            p99: interval.quantile("rpc_duration_seconds", &[], 0.99),
            queued: [queued("reply"), queued("event")],
            pool_used: pool("used"),
            pool_waiting: pool("waiting"),
            slow_consumers: after.sum("ws_slow_consumer_total", &[]),
            http: interval.rate("http_requests_total", &[]),
            memory: after.sum("process_resident_memory_bytes", &[]),
            cpu: interval.rate("process_cpu_seconds_total", &[]),
            methods: methods(interval),
        }
    }
}

fn methods(interval: &Interval) -> Vec<Method> {
    let totals = interval.after.by("rpc_requests_total", &[], "method");
    let called = totals.into_iter().filter(|(_, total)| *total > 0.0);
    let method = |(name, total): (String, f64)| {
        let labels = [("method", name.as_str())];
        let of_errors = [("method", name.as_str()), ("outcome", "error")];
        let quantile = |quantile| interval.quantile("rpc_duration_seconds", &labels, quantile);
        let (rate, errors) =
            (interval.rate("rpc_requests_total", &labels), interval.rate("rpc_requests_total", &of_errors));
        let (p50, p99) = (quantile(0.5), quantile(0.99));
        Method { name, rate, errors, p50, p99, total }
    };
    called.map(method).collect()
}
