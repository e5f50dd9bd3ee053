//! Metrics of the WebSocket edge: connections, broker, mailbox notices (operations §7.2).

use less_sync_core::{Close, close_code};
use less_sync_engine::{Counter, Gauge};

/// Close codes with a series of their own; any other code counts as `other`.
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

/// Metrics of the connections of one endpoint.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Registered connections.
    pub connections: Gauge,
    /// Presence and event frames of clients beyond their rate, lost to newer ones.
    pub ephemeral_superseded: Counter,
    closes: [Counter; CLOSE_CODES.len()],
    other_closes: Counter,
}

/// Metrics of one broker.
#[derive(Debug, Default)]
pub struct BrokerMetrics {
    /// Spaces with at least one subscriber.
    pub spaces_watched: Gauge,
    /// Subscriptions: pairs of a connection and a space.
    pub subscriptions: Gauge,
    /// Presence entries.
    pub presence_entries: Gauge,
    /// Durable events queued, one per subscriber.
    pub durable_delivered: Counter,
    /// Ephemeral events queued, one per subscriber.
    pub ephemeral_delivered: Counter,
    /// Ephemeral events dropped from a full outbox in favour of newer ones.
    pub ephemeral_dropped: Counter,
    /// Pull hints queued in place of events, one per subscriber.
    pub pull_hints: Counter,
    /// Connections closed because their queue of durable events was full.
    pub slow_consumers: Counter,
    /// Spaces with a lost event that the position check repaired by a pull hint.
    pub repairs: Counter,
    /// Position checks aborted by a storage error.
    pub position_check_failures: Counter,
}

/// Metrics of the notices to owners of mailboxes.
#[derive(Debug, Default)]
pub struct MailboxMetrics {
    /// Notices queued, one per connection.
    pub notices_delivered: Counter,
    /// Connections closed because their queue of durable events was full.
    pub slow_consumers: Counter,
}

/// Kind of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Monotonically increasing count.
    Counter,
    /// Current amount, which may decrease.
    Gauge,
}

/// Exported value of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Name of the series.
    pub name: &'static str,
    /// Help text of the series.
    pub help: &'static str,
    /// Kind of the series.
    pub kind: SampleKind,
    /// Label names and values, in the order of the specification; empty for a series without labels.
    pub labels: Vec<(&'static str, String)>,
    /// Current value.
    pub value: i64,
}

impl ConnectionMetrics {
    /// Counts a connection closed by the server with `close`.
    pub fn closed(&self, close: Close) {
        CLOSE_CODES
            .iter()
            .zip(&self.closes)
            .find_map(|(code, counter)| (*code == close.code).then_some(counter))
            .unwrap_or(&self.other_closes)
            .increment();
    }

    /// Connections closed by the server with `code`; 0 for a code without a series of its own.
    #[must_use]
    pub fn closes(&self, code: u16) -> u64 {
        let index = CLOSE_CODES.iter().position(|known| *known == code);
        index.and_then(|index| self.closes.get(index)).map_or(0, Counter::get)
    }
}

/// Samples of all series of an endpoint, for an exporter.
pub(crate) fn samples(
    connections: &ConnectionMetrics,
    broker: &BrokerMetrics,
    mailboxes: &MailboxMetrics,
) -> Vec<Sample> {
    let durable = broker.durable_delivered.get() + mailboxes.notices_delivered.get();
    let slow = broker.slow_consumers.get() + mailboxes.slow_consumers.get();
    let mut samples = vec![
        gauge("ws_connections", "registered connections", &connections.connections),
        gauge("broker_spaces_watched", "spaces with subscribers", &broker.spaces_watched),
        gauge("broker_subscriptions", "pairs of a connection and a space", &broker.subscriptions),
        gauge("presence_entries", "presence entries", &broker.presence_entries),
        total("broker_durable_delivered_total", "durable events queued", durable),
        counter("broker_ephemeral_delivered_total", "ephemeral events queued", &broker.ephemeral_delivered),
        counter("broker_ephemeral_dropped_total", "ephemeral events dropped", &broker.ephemeral_dropped),
        counter(
            "ws_ephemeral_superseded_total",
            "presence and event frames beyond their rate, lost to newer ones",
            &connections.ephemeral_superseded,
        ),
        counter("broker_pull_hints_total", "pull hints queued", &broker.pull_hints),
        total("ws_slow_consumer_total", "connections closed as slow consumers", slow),
        counter("broker_repairs_total", "spaces repaired by the position check", &broker.repairs),
        counter(
            "broker_position_check_failures_total",
            "position checks that failed",
            &broker.position_check_failures,
        ),
    ];
    let by_code = CLOSE_CODES.iter().zip(&connections.closes);
    samples.extend(by_code.map(|(code, count)| closes(code.to_string(), count)));
    samples.push(closes("other".to_owned(), &connections.other_closes));
    samples
}

fn gauge(name: &'static str, help: &'static str, gauge: &Gauge) -> Sample {
    Sample { name, help, kind: SampleKind::Gauge, labels: Vec::new(), value: gauge.get() }
}

pub(crate) fn counter(name: &'static str, help: &'static str, counter: &Counter) -> Sample {
    total(name, help, counter.get())
}

fn total(name: &'static str, help: &'static str, count: u64) -> Sample {
    Sample { name, help, kind: SampleKind::Counter, labels: Vec::new(), value: count.cast_signed() }
}

fn closes(code: String, count: &Counter) -> Sample {
    Sample {
        labels: vec![("code", code)],
        ..counter("ws_closes_total", "connections closed by the server", count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::inbound_memory::InboundMemory;
    use crate::rpc_metrics::RpcMetrics;

    /// The page with the table of series.
    const PAGE: &str = include_str!("../../../docs/spec/operations.md");

    /// Prefixes of the series of this crate.
    const PREFIXES: [&str; 4] = ["`ws_", "`rpc_", "`broker_", "`presence_"];

    /// Name, kind and labels of the series that operations §7.2 lists for this crate as counted.
    fn documented() -> BTreeSet<[String; 3]> {
        let (_, section) = PAGE.split_once("\nCounted by this build:\n").unwrap();
        let (table, _) = section.split_once("\nNot counted yet:\n").unwrap();
        let rows = table.lines().map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        let series = rows.filter_map(|cells| match cells.as_slice() {
            [_, name, kind, labels, ..] => Some([*name, *kind, *labels]),
            _ => None,
        });
        let ours = series.filter(|[name, ..]| PREFIXES.iter().any(|prefix| name.starts_with(prefix)));
        ours.map(|cells| cells.map(|cell| cell.replace('`', ""))).collect()
    }

    fn exported() -> BTreeSet<[String; 3]> {
        let samples = all_samples(&ConnectionMetrics::default());
        let describe = |sample: Sample| {
            let kind = match sample.kind {
                SampleKind::Counter => "counter",
                SampleKind::Gauge => "gauge",
            };
            let labels: Vec<_> = sample.labels.iter().map(|(name, _)| *name).collect();
            [sample.name.to_owned(), kind.to_owned(), labels.join(", ")]
        };
        let memory = InboundMemory::new(1, 1).samples();
        samples.into_iter().chain(memory).chain(RpcMetrics::default().samples()).map(describe).collect()
    }

    #[test]
    fn series_are_those_of_the_specification() {
        assert_eq!(exported(), documented());
    }

    fn all_samples(connections: &ConnectionMetrics) -> Vec<Sample> {
        samples(connections, &BrokerMetrics::default(), &MailboxMetrics::default())
    }

    #[test]
    fn closes_are_counted_by_code() {
        let metrics = ConnectionMetrics::default();
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::new(4999, "no such code"));
        assert_eq!(metrics.closes(close_code::SLOW_CONSUMER), 2);
        assert_eq!(metrics.closes(close_code::NORMAL), 0);
        let other = all_samples(&metrics).pop().unwrap();
        assert_eq!((other.labels, other.value), (vec![("code", "other".to_owned())], 1));
    }

    #[test]
    fn every_series_is_exported_once() {
        let samples = all_samples(&ConnectionMetrics::default());
        let mut names: Vec<_> = samples.iter().map(|sample| (sample.name, sample.labels.clone())).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), samples.len());
    }

    #[test]
    fn mailbox_notices_count_as_durable_events() {
        let (broker, mailboxes) = (BrokerMetrics::default(), MailboxMetrics::default());
        broker.durable_delivered.add(2);
        mailboxes.notices_delivered.add(3);
        mailboxes.slow_consumers.increment();
        let samples = samples(&ConnectionMetrics::default(), &broker, &mailboxes);
        let value = |name| samples.iter().find(|sample| sample.name == name).map(|sample| sample.value);
        assert_eq!(value("broker_durable_delivered_total"), Some(5));
        assert_eq!(value("ws_slow_consumer_total"), Some(1));
    }
}
