//! Bounded ring of the last connections that were closed as slow consumers (protocol §1.8).

use std::collections::VecDeque;

use less_sync_core::{ConnectionId, Timestamp};
use parking_lot::Mutex;

use crate::open_connection::TrafficTotals;

/// Slow consumers that are kept.
const KEPT: usize = 256;

/// Connection that was closed because its queue of durable events was full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowConsumer {
    /// Time of the close.
    pub at: Timestamp,
    /// Id of the connection.
    pub connection: ConnectionId,
    /// Hash of its user; `None` if it had not authenticated.
    pub actor: Option<u64>,
    /// Time of the upgrade.
    pub opened: Timestamp,
    /// Number of spaces that it watched.
    pub subscriptions: usize,
    /// Messages and bytes since it was opened.
    pub traffic: TrafficTotals,
}

/// The last slow consumers of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct SlowConsumers(Mutex<VecDeque<SlowConsumer>>);

impl SlowConsumers {
    /// Adds one, in place of the oldest one if the ring is full.
    pub(crate) fn add(&self, closed: SlowConsumer) {
        let mut kept = self.0.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(closed);
    }

    pub(crate) fn newest(&self) -> Vec<SlowConsumer> {
        self.0.lock().iter().rev().cloned().collect()
    }
}
