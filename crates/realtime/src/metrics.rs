//! What the WebSocket edge counts. The process exports it under the names given here (operations §7.2).

use less_sync_core::{Close, close_code};
use less_sync_engine::{Counter, Gauge};

/// The close codes that are counted apart.
const CLOSE_CODES: [u16; 13] = [
    close_code::NORMAL,
    close_code::GOING_AWAY,
    close_code::WEBSOCKET_PROTOCOL,
    close_code::INVALID_TEXT,
    close_code::TOO_BIG,
    close_code::INTERNAL,
    close_code::TRY_LATER,
    close_code::AUTH_FAILED,
    close_code::TOKEN_EXPIRED,
    close_code::TOO_MANY_CONNECTIONS,
    close_code::PROTOCOL_ERROR,
    close_code::SLOW_CONSUMER,
    close_code::RATE_LIMITED,
];

/// Counters and gauges of one endpoint.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections that are registered.
    pub connections: Gauge,
    /// Spaces that somebody watches.
    pub spaces_watched: Gauge,
    /// Pairs of a connection and a space it watches.
    pub subscriptions: Gauge,
    /// Presence entries.
    pub presence_entries: Gauge,
    /// Durable events queued, one per watcher.
    pub durable_delivered: Counter,
    /// Ephemeral events queued, one per watcher.
    pub ephemeral_delivered: Counter,
    /// Ephemeral events that made room for newer ones.
    pub ephemeral_dropped: Counter,
    /// Pull hints queued instead of events, one per watcher.
    pub pull_hints: Counter,
    /// Connections cut because their queue of durable events was full.
    pub slow_consumers: Counter,
    /// Spaces whose watchers the position check had to repair.
    pub repairs: Counter,
    /// Position checks that failed because storage did.
    pub position_check_failures: Counter,
    closes: [Counter; CLOSE_CODES.len()],
    other_closes: Counter,
}

/// Whether a sample may go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One exported number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Name of the series.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Whether it may go down.
    pub kind: SampleKind,
    /// Its label, if it has one.
    pub label: Option<(&'static str, String)>,
    /// As it stands.
    pub value: i64,
}

impl Metrics {
    /// A connection is closed by the server, with this code.
    pub fn closed(&self, close: Close) {
        CLOSE_CODES
            .iter()
            .zip(&self.closes)
            .find_map(|(code, counter)| (*code == close.code).then_some(counter))
            .unwrap_or(&self.other_closes)
            .increment();
    }

    /// How many connections the server closed with `code`.
    #[must_use]
    pub fn closes(&self, code: u16) -> u64 {
        let place = CLOSE_CODES.iter().position(|known| *known == code);
        place.and_then(|place| self.closes.get(place)).map_or(0, Counter::get)
    }

    /// Everything, for an exporter.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = vec![
            gauge("ws_connections", "registered connections", &self.connections),
            gauge("broker_spaces_watched", "spaces that somebody watches", &self.spaces_watched),
            gauge("broker_subscriptions", "pairs of a connection and a space", &self.subscriptions),
            gauge("presence_entries", "presence entries", &self.presence_entries),
            counter("broker_durable_delivered_total", "durable events queued", &self.durable_delivered),
            counter("broker_ephemeral_delivered_total", "ephemeral events queued", &self.ephemeral_delivered),
            counter("broker_ephemeral_dropped_total", "ephemeral events dropped", &self.ephemeral_dropped),
            counter("broker_pull_hints_total", "pull hints queued", &self.pull_hints),
            counter("ws_slow_consumer_total", "connections cut for not reading", &self.slow_consumers),
            counter("broker_repairs_total", "spaces repaired by the position check", &self.repairs),
            counter(
                "broker_position_check_failures_total",
                "position checks that failed",
                &self.position_check_failures,
            ),
        ];
        samples.extend(
            CLOSE_CODES.iter().zip(&self.closes).map(|(code, count)| closes(code.to_string(), count)),
        );
        samples.push(closes("other".to_owned(), &self.other_closes));
        samples
    }
}

fn gauge(name: &'static str, help: &'static str, gauge: &Gauge) -> Sample {
    Sample { name, help, kind: SampleKind::Gauge, label: None, value: gauge.get() }
}

fn counter(name: &'static str, help: &'static str, counter: &Counter) -> Sample {
    Sample { name, help, kind: SampleKind::Counter, label: None, value: counter.get().cast_signed() }
}

fn closes(code: String, count: &Counter) -> Sample {
    Sample {
        label: Some(("code", code)),
        ..counter("ws_closes_total", "connections closed by the server", count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_counted_by_code() {
        let metrics = Metrics::default();
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::new(4999, "no such code"));
        assert_eq!(metrics.closes(close_code::SLOW_CONSUMER), 2);
        assert_eq!(metrics.closes(close_code::NORMAL), 0);
        let other = metrics.samples().pop().unwrap();
        assert_eq!((other.label, other.value), (Some(("code", "other".to_owned())), 1));
    }

    #[test]
    fn every_series_is_exported_once() {
        let samples = Metrics::default().samples();
        let mut names: Vec<_> = samples.iter().map(|sample| (sample.name, sample.label.clone())).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), samples.len());
    }
}
