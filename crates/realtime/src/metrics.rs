//! Metrics of the WebSocket edge: connections, broker, mailbox notices (operations §7.2).

use less_sync_core::{Close, close_code};
use less_sync_metrics::{Counter, Gauge, Reading, Registry};

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
    /// Pages that pulls put back because their client did not read.
    pub pull_stalls: Counter,
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

impl ConnectionMetrics {
    /// Counts a connection closed by the server with `close`.
    pub fn closed(&self, close: Close) {
        CLOSE_CODES
            .iter()
            .zip(&self.closes)
            .find_map(|(code, counter)| (*code == close.code).then_some(counter))
            .unwrap_or(&self.other_closes)
            .inc();
    }

    /// Connections closed by the server with `code`; 0 for a code without a series of its own.
    #[must_use]
    pub fn closes(&self, code: u16) -> u64 {
        let index = CLOSE_CODES.iter().position(|known| *known == code);
        index.and_then(|index| self.closes.get(index)).map_or(0, Counter::get)
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("ws_connections", "registered connections", self.connections.clone());
        let by_code = CLOSE_CODES.iter().zip(&self.closes).map(|(code, count)| (code.to_string(), count));
        let closes = by_code.chain([("other".to_owned(), &self.other_closes)]);
        let closes = closes.map(|(code, count)| ([code], count.clone()));
        registry.family("ws_closes_total", "connections closed by the server", ["code"], closes);
        registry.register(
            "ws_ephemeral_superseded_total",
            "presence and event frames beyond their rate, lost to newer ones",
            self.ephemeral_superseded.clone(),
        );
        let help = "pages that pulls put back because their client did not read";
        registry.register("ws_pull_stalls_total", help, self.pull_stalls.clone());
    }
}

impl BrokerMetrics {
    /// Registers the metrics of a broker together with those that it shares with the notices to mailboxes.
    pub(crate) fn register(&self, mailboxes: &MailboxMetrics, registry: &mut Registry) {
        registry.register("broker_spaces_watched", "spaces with subscribers", self.spaces_watched.clone());
        let help = "pairs of a connection and a space";
        registry.register("broker_subscriptions", help, self.subscriptions.clone());
        registry.register("presence_entries", "presence entries", self.presence_entries.clone());
        registry.register(
            "broker_durable_delivered_total",
            "durable events and mailbox notices queued, one per receiver",
            sum(&self.durable_delivered, &mailboxes.notices_delivered),
        );
        registry.register(
            "broker_ephemeral_delivered_total",
            "presence and event frames queued, one per receiver",
            self.ephemeral_delivered.clone(),
        );
        registry.register(
            "broker_ephemeral_dropped_total",
            "ephemeral frames dropped from a full queue",
            self.ephemeral_dropped.clone(),
        );
        let help = "pull hints queued in place of events";
        registry.register("broker_pull_hints_total", help, self.pull_hints.clone());
        registry.register(
            "ws_slow_consumer_total",
            "connections closed because their queue of durable events was full",
            sum(&self.slow_consumers, &mailboxes.slow_consumers),
        );
        let help = "spaces repaired by the position check";
        registry.register("broker_repairs_total", help, self.repairs.clone());
        registry.register(
            "broker_position_check_failures_total",
            "position checks aborted by a storage error",
            self.position_check_failures.clone(),
        );
    }
}

fn sum(one: &Counter, other: &Counter) -> Reading {
    let (one, other) = (one.clone(), other.clone());
    Reading::counter(move || one.get() + other.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_counted_by_code() {
        let metrics = ConnectionMetrics::default();
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::SLOW_CONSUMER);
        metrics.closed(Close::new(4999, "no such code"));
        assert_eq!(metrics.closes(close_code::SLOW_CONSUMER), 2);
        assert_eq!(metrics.closes(close_code::NORMAL), 0);
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        assert!(registry.render().contains("ws_closes_total{code=\"other\"} 1\n"));
    }

    #[test]
    fn mailbox_notices_count_as_durable_events() {
        let (broker, mailboxes) = (BrokerMetrics::default(), MailboxMetrics::default());
        broker.durable_delivered.inc_by(2);
        mailboxes.notices_delivered.inc_by(3);
        mailboxes.slow_consumers.inc();
        let mut registry = Registry::default();
        broker.register(&mailboxes, &mut registry);
        let text = registry.render();
        assert!(text.contains("broker_durable_delivered_total 5\n"), "{text}");
        assert!(text.contains("ws_slow_consumer_total 1\n"), "{text}");
    }
}
