//! Buffer for the durable events of a subscription whose response is outstanding (protocol §6.2).

use less_sync_core::Cursor;

use super::super::durable_event::Broadcast;
use super::super::sequencer::{Delivery, Step};

/// Buffered events, or the pull hint that replaced them.
#[derive(Debug)]
pub(super) enum EventBuffer {
    /// Events in cursor order.
    Events(Vec<Step<Broadcast>>),
    /// Pull hint up to this cursor, in place of more events than the limit.
    PullHint(Cursor),
}

impl Default for EventBuffer {
    /// An empty buffer, without an allocation.
    fn default() -> Self {
        Self::Events(Vec::new())
    }
}

impl EventBuffer {
    /// Adds a delivery; `limit` is the maximum number of events, inclusive.
    pub(super) fn push(&mut self, delivery: &Delivery<Broadcast>, limit: usize) {
        match (&mut *self, delivery) {
            (Self::Events(events), Delivery::Event(step)) if events.len() < limit => {
                events.push(step.clone());
            }
            // Deliveries ascend, so the newest cursor covers all earlier ones.
            (_, Delivery::Event(Step { cursor, .. }) | Delivery::PullHint(cursor)) => {
                *self = Self::PullHint(*cursor);
            }
        }
    }

    /// Discards everything up to `cursor`, inclusive: it is part of the state in the response.
    pub(super) fn discard_through(&mut self, cursor: Cursor) {
        match self {
            Self::Events(events) => events.retain(|step| step.cursor > cursor),
            Self::PullHint(hint) if *hint <= cursor => *self = Self::default(),
            Self::PullHint(_) => {}
        }
    }
}
