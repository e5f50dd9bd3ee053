//! Buffer for the durable events of a subscription whose response is outstanding (protocol §6.2).

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::Cursor;

use super::super::durable_event::Broadcast;
use super::super::sequencer::{Delivery, EncodedLen as _, Step};
use crate::outbox::Outbox;

/// Buffered events, or the pull hint that replaced them.
#[derive(Debug)]
pub(super) enum EventBuffer {
    /// Events in cursor order.
    Events(BufferedEvents),
    /// Pull hint up to this cursor, in place of more events than the limits of the subscription or of its connection.
    PullHint(Cursor),
}

/// Buffered events, whose size is counted by the outbox of their connection.
#[derive(Debug, Default)]
pub(super) struct BufferedEvents {
    steps: Vec<Step<Broadcast>>,
    /// Outbox that counts the events, once there are any.
    counter: Option<Arc<Outbox>>,
}

impl Default for EventBuffer {
    /// An empty buffer, without an allocation.
    fn default() -> Self {
        Self::Events(BufferedEvents::default())
    }
}

impl EventBuffer {
    /// Adds a delivery; `limit` is the maximum number of events, inclusive, and `outbox` limits the bytes of all buffers of
    /// its connection.
    pub(super) fn push(&mut self, delivery: &Delivery<Broadcast>, limit: usize, outbox: &Arc<Outbox>) {
        if let (Self::Events(events), Delivery::Event(step)) = (&mut *self, delivery)
            && events.push(step, limit, outbox)
        {
            return;
        }
        // Deliveries ascend, so the newest cursor covers all earlier ones.
        let (Delivery::Event(Step { cursor, .. }) | Delivery::PullHint(cursor)) = delivery;
        *self = Self::PullHint(*cursor);
    }

    /// Adds a second notification to the buffered event with `cursor`. Without room a pull hint replaces both.
    pub(super) fn add_second(&mut self, cursor: Cursor, frame: &Bytes, outbox: &Arc<Outbox>) {
        let Self::Events(events) = self else { return };
        let Some(last) = events.steps.last_mut().filter(|last| last.cursor == cursor) else { return };
        if last.event.second.is_some() {
            return;
        }
        if outbox.try_buffer(frame.len()) {
            last.event.second = Some(frame.clone());
        } else {
            *self = Self::PullHint(cursor);
        }
    }

    /// Discards everything up to `cursor`, inclusive: it is part of the state in the response.
    pub(super) fn discard_through(&mut self, cursor: Cursor) {
        match self {
            Self::Events(events) => events.discard_through(cursor),
            Self::PullHint(hint) if *hint <= cursor => *self = Self::default(),
            Self::PullHint(_) => {}
        }
    }
}

impl BufferedEvents {
    /// Adds an event; false beyond a limit.
    fn push(&mut self, step: &Step<Broadcast>, limit: usize, outbox: &Arc<Outbox>) -> bool {
        let fits = self.steps.len() < limit && outbox.try_buffer(step.event.encoded_len());
        if fits {
            self.counter.get_or_insert_with(|| outbox.clone());
            self.steps.push(step.clone());
        }
        fits
    }

    fn discard_through(&mut self, cursor: Cursor) {
        let before = self.bytes();
        self.steps.retain(|step| step.cursor > cursor);
        self.uncount(before - self.bytes());
    }

    /// The events, which count no more.
    pub(super) fn take(mut self) -> Vec<Step<Broadcast>> {
        self.uncount(self.bytes());
        std::mem::take(&mut self.steps)
    }

    fn bytes(&self) -> usize {
        self.steps.iter().map(|step| step.event.encoded_len()).sum()
    }

    fn uncount(&self, bytes: usize) {
        if let Some(counter) = &self.counter {
            counter.unbuffer(bytes);
        }
    }
}

impl Drop for BufferedEvents {
    fn drop(&mut self) {
        self.uncount(self.bytes());
    }
}
