//! Limits of a broker, and the secret of its peer ids.

use std::fmt;
use std::time::Duration;

use crate::limits::Limits;

/// Durable events buffered per subscription until its response is written (protocol §6.2).
const BUFFERED_EVENTS: usize = 64;

/// Limits of a broker, and the secret of its peer ids.
#[derive(Clone)]
pub struct BrokerSettings {
    /// Maximum durable events buffered per subscription until its response is written, inclusive. On overflow one pull
    /// hint replaces them.
    pub buffered_events: usize,
    /// Maximum durable events per space that wait for an earlier one, inclusive. On overflow one pull hint replaces them;
    /// likewise beyond [`BrokerSettings::reordered_bytes`].
    pub reordered_events: usize,
    /// Maximum sum of the encoded lengths of the events counted by [`BrokerSettings::reordered_events`], in bytes, inclusive.
    pub reordered_bytes: usize,
    /// Maximum presence data per entry, in bytes, inclusive. Longer data is ignored.
    pub presence_max_data: usize,
    /// Maximum presence entries per space, inclusive. Further ones are ignored.
    pub presence_per_space: usize,
    /// Age at which a presence entry expires.
    pub presence_stale: Duration,
    /// Maximum data per ephemeral event, in bytes, inclusive. Longer data is ignored.
    pub event_max_data: usize,
    /// HMAC key of the peer ids: random, new in every process (auth §4.4).
    pub peer_id_secret: [u8; 32],
}

impl BrokerSettings {
    /// Settings derived from `limits`, with a random `peer_id_secret`.
    #[must_use]
    pub fn new(limits: &Limits, peer_id_secret: [u8; 32]) -> Self {
        Self {
            buffered_events: BUFFERED_EVENTS,
            // The arrival of the missing event releases all waiting ones at once into the queue of each subscriber, which
            // may hold some already: half the queue leaves room, so that reordering alone closes no slow consumer.
            reordered_events: limits.event_queue / 2,
            reordered_bytes: limits.queue_bytes / 2,
            presence_max_data: limits.presence_max_data,
            presence_per_space: limits.presence_per_space,
            presence_stale: limits.presence_stale,
            event_max_data: limits.event_max_data,
            peer_id_secret,
        }
    }
}

impl fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerSettings")
            .field("buffered_events", &self.buffered_events)
            .field("presence_per_space", &self.presence_per_space)
            .field("presence_stale", &self.presence_stale)
            .finish_non_exhaustive()
    }
}
