//! Subscriber: the subscription of one connection to one space, as a state machine (protocol §6.2).
//!
//! ```text
//! register ──► Pending ──confirm──► Buffering ──activate──► Live
//!                                    ▲  │  ▲                 │
//!                            confirm │  end └────register────┘
//!                                    │  ▼
//!                                   Ending ──activate──► removed
//! ```
//!
//! All methods run under the lock of the shard and never wait: what they queue goes into bounded outboxes.

mod event_buffer;
mod state;

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, SpaceId};
use less_sync_engine::{Revocation, SubscriptionBasis};

use super::authority::{Authority, Effect};
use super::confirmation::{Confirmation, SubscriptionStart};
use super::durable_event::Broadcast;
use super::fan_out::FanOut;
use super::sequencer::{Delivery, Step};
use crate::outbox::Outbox;
use crate::subscription_id::SubscriptionId;
use event_buffer::EventBuffer;
use state::{Advance, AwaitedResponse, Buffering, Ending, Pending, SubscriberState, SubscriptionState};

/// Subscription of one connection to one space.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) connection: ConnectionId,
    pub(super) outbox: Arc<Outbox>,
    state: SubscriberState,
}

/// Outcome of [`Subscriber::activate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// The subscriber is live.
    Activated,
    /// The response was made for another registration, or for one that was never confirmed. Nothing has changed.
    Unchanged,
    /// The authorization had ended: the last notification is queued, and the subscriber is to be removed.
    Ended,
}

/// Outcome of [`Subscriber::end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOutcome {
    /// The last notification is queued, and the subscriber is to be removed.
    Ended,
    /// The last notification follows the outstanding response.
    Deferred,
    /// The subscription is not confirmed, so it has no authorization that could end.
    NotConfirmed,
}

impl Subscriber {
    /// A pending subscriber. `revocations`: revocations in the space so far.
    pub(super) fn new(
        connection: ConnectionId,
        outbox: Arc<Outbox>,
        id: SubscriptionId,
        revocations: u64,
    ) -> Self {
        let pending =
            Pending { response: AwaitedResponse::new(id, revocations), buffer: EventBuffer::default() };
        Self { connection, outbox, state: SubscriberState::Pending(Box::new(pending)) }
    }

    /// Registers the subscriber anew: its events are buffered for the response of `id`. A confirmed subscription stays
    /// confirmed, and what is buffered for an earlier response stays buffered.
    pub(super) fn register_again(&mut self, id: SubscriptionId, revocations: u64) {
        match &mut self.state {
            SubscriberState::Pending(pending) => pending.response.supersede(id, revocations),
            SubscriberState::Buffering(buffering) => buffering.response.supersede(id, revocations),
            SubscriberState::Ending(ending) => ending.response.supersede(id, revocations),
            SubscriberState::Live(subscription) => {
                let (subscription, response) =
                    (std::mem::take(subscription), AwaitedResponse::new(id, revocations));
                let buffering = Buffering { subscription, response, buffer: EventBuffer::default() };
                self.state = SubscriberState::Buffering(Box::new(buffering));
            }
        }
    }

    /// True while the subscription is authorized: its connection may set presence and send events.
    pub(super) fn is_confirmed(&self) -> bool {
        match self.state {
            SubscriberState::Buffering(_) | SubscriberState::Live(_) => true,
            SubscriberState::Pending(_) | SubscriberState::Ending(_) => false,
        }
    }

    /// True while events are passed on at once.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, SubscriberState::Live(_))
    }

    /// Authority of the subscription; none before the confirmation.
    pub(super) fn authority(&self) -> Option<&Authority> {
        self.state.subscription().map(|subscription| &subscription.authority)
    }

    /// Removes what `revocation` revokes from the authority of the subscription.
    pub(super) fn revoke(&mut self, revocation: &Revocation, ends_member: bool) -> Effect {
        let subscription = self.state.subscription_mut();
        subscription
            .map_or(Effect::Retained, |subscription| subscription.authority.revoke(revocation, ends_member))
    }

    /// Confirms the registration `id`, whose response will show the state of `start`. `revocations`: revocations in the
    /// space so far.
    pub(super) fn confirm(
        &mut self,
        id: SubscriptionId,
        start: SubscriptionStart,
        revocations: u64,
    ) -> Confirmation {
        // Events were dropped while the subscription was ending; the hint up to the delivered cursor of the space, which
        // `activate` sends, covers those.
        let mut dropped = EventBuffer::default();
        let (response, before, buffer) = match &mut self.state {
            SubscriberState::Live(_) => return Confirmation::Superseded,
            SubscriberState::Pending(pending) => (&pending.response, None, &mut pending.buffer),
            SubscriberState::Buffering(buffering) => {
                (&buffering.response, Some(buffering.subscription.delivered), &mut buffering.buffer)
            }
            SubscriberState::Ending(ending) => {
                (&ending.response, Some(ending.subscription.delivered), &mut dropped)
            }
        };
        if response.id != id {
            return Confirmation::Superseded;
        }
        // Closes the race between authorization and revocation: the authorizer may have read the revocations before this
        // one was committed, and this subscriber had no chain yet when it was published, so no one else would end it.
        if !matches!(start.basis, SubscriptionBasis::Owner) && response.revocations != revocations {
            return Confirmation::Stale;
        }
        buffer.discard_through(start.position.cursor);
        let (response, buffer) = (response.clone(), std::mem::take(buffer));
        let authority = match &mut self.state {
            SubscriberState::Buffering(buffering) => std::mem::take(&mut buffering.subscription.authority),
            SubscriberState::Pending(_) | SubscriberState::Live(_) | SubscriberState::Ending(_) => {
                Authority::default()
            }
        };
        let subscription = SubscriptionState::new(start, before, authority);
        self.state = SubscriberState::Buffering(Box::new(Buffering { subscription, response, buffer }));
        Confirmation::Confirmed
    }

    /// Activates the registration `id`, whose response has been written: sends what was buffered, and a pull hint for
    /// whatever else the space delivered up to `delivered`.
    pub(super) fn activate(
        &mut self,
        id: SubscriptionId,
        delivered: Option<Cursor>,
        fan_out: &mut FanOut<'_>,
    ) -> Activation {
        match &mut self.state {
            SubscriberState::Buffering(buffering) if buffering.response.id == id => {
                let Buffering { subscription, response, buffer } = &mut **buffering;
                let (subscription, buffer) = (std::mem::take(subscription), std::mem::take(buffer));
                let revoked_notice = response.revoked_notice.take();
                self.state = SubscriberState::Live(subscription);
                self.flush(buffer, delivered, fan_out);
                if let Some(notice) = revoked_notice {
                    self.notify_revoked(notice, fan_out);
                }
                Activation::Activated
            }
            SubscriberState::Ending(ending) if ending.response.id == id => {
                let farewell = std::mem::take(&mut ending.farewell);
                self.send_farewell(fan_out.space, farewell);
                Activation::Ended
            }
            SubscriberState::Pending(_)
            | SubscriberState::Buffering(_)
            | SubscriberState::Live(_)
            | SubscriberState::Ending(_) => Activation::Unchanged,
        }
    }

    fn flush(&mut self, buffer: EventBuffer, delivered: Option<Cursor>, fan_out: &mut FanOut<'_>) {
        let hint = match buffer {
            EventBuffer::Events(events) => {
                for step in events.take() {
                    self.deliver(&Delivery::Event(step), fan_out);
                }
                None
            }
            EventBuffer::PullHint(cursor) => Some(cursor),
        };
        // The space may have delivered more than was buffered: its deliveries began at the state of a subscriber that read
        // a newer one, or went out while this one was ending. Without a hint the client would miss that unknowingly. A
        // hint for what it has is dropped by `advance`.
        if let Some(cursor) = hint.max(delivered) {
            self.deliver(&Delivery::PullHint(cursor), fan_out);
        }
    }

    /// Passes on the next delivery of the space, or buffers it.
    pub(super) fn deliver(&mut self, delivery: &Delivery<Broadcast>, fan_out: &mut FanOut<'_>) {
        let subscription = match &mut self.state {
            SubscriberState::Live(subscription) => subscription,
            SubscriberState::Pending(pending) => {
                return pending.buffer.push(delivery, fan_out.max_buffered(), &self.outbox);
            }
            SubscriberState::Buffering(buffering) => {
                return buffering.buffer.push(delivery, fan_out.max_buffered(), &self.outbox);
            }
            SubscriberState::Ending(_) => return,
        };
        match subscription.advance(delivery) {
            Advance::Duplicate => {}
            Advance::Contiguous(broadcast) if broadcast.origin == Some(self.connection) => {}
            Advance::Contiguous(Broadcast { frame: Some(frame), second, .. }) => {
                fan_out.queue_event(&self.outbox, frame, second.as_ref());
            }
            // No frame: this subscriber was registered between the look at the subscribers and the fan-out.
            Advance::Contiguous(Broadcast { frame: None, .. }) | Advance::Gap => {
                let (Delivery::Event(Step { cursor, .. }) | Delivery::PullHint(cursor)) = delivery;
                fan_out.queue_hint(&self.outbox, *cursor);
            }
        }
    }

    /// Sends a pull hint up to `cursor`, whether or not the client misses anything.
    pub(super) fn hint(&mut self, cursor: Cursor, fan_out: &mut FanOut<'_>) {
        let hint = Delivery::PullHint(cursor);
        match &mut self.state {
            SubscriberState::Live(subscription) => {
                subscription.delivered = subscription.delivered.max(cursor);
                fan_out.queue_hint(&self.outbox, cursor);
            }
            SubscriberState::Pending(pending) => {
                pending.buffer.push(&hint, fan_out.max_buffered(), &self.outbox);
            }
            SubscriberState::Buffering(buffering) => {
                buffering.buffer.push(&hint, fan_out.max_buffered(), &self.outbox);
            }
            SubscriberState::Ending(_) => {}
        }
    }

    /// Continues at `cursor`, which may be below what was delivered: the history of the space has changed. Sends a pull hint
    /// with it, after the response if one is outstanding.
    pub(super) fn rewind(&mut self, cursor: Cursor, fan_out: &mut FanOut<'_>) {
        match &mut self.state {
            SubscriberState::Live(subscription) => {
                subscription.delivered = cursor;
                fan_out.queue_hint(&self.outbox, cursor);
            }
            SubscriberState::Pending(pending) => pending.buffer = EventBuffer::PullHint(cursor),
            SubscriberState::Buffering(buffering) => {
                buffering.subscription.delivered = Cursor::ZERO;
                buffering.buffer = EventBuffer::PullHint(cursor);
            }
            SubscriberState::Ending(ending) => ending.subscription.delivered = Cursor::ZERO,
        }
    }

    /// Sends the second notification of the event with `cursor`, unless its first one is part of the state in a response.
    pub(super) fn second(&mut self, cursor: Cursor, frame: &Bytes, fan_out: &mut FanOut<'_>) {
        match &mut self.state {
            SubscriberState::Live(subscription) if subscription.delivered >= cursor => {
                fan_out.queue_notice(&self.outbox, frame.clone());
            }
            SubscriberState::Pending(pending) => pending.buffer.add_second(cursor, frame, &self.outbox),
            SubscriberState::Buffering(buffering) => {
                buffering.buffer.add_second(cursor, frame, &self.outbox);
            }
            SubscriberState::Live(_) | SubscriberState::Ending(_) => {}
        }
    }

    /// Sends the notice that another chain of the space was revoked; after the response if one is outstanding.
    pub(super) fn notify_revoked(&mut self, notice: Bytes, fan_out: &mut FanOut<'_>) {
        match self.state.awaited_response_mut() {
            Some(response) => response.revoked_notice = Some(notice),
            None => fan_out.queue_notice(&self.outbox, notice),
        }
    }

    /// Ends the authorization of the subscription. `farewell` is its last notification: sent at once, or after the
    /// outstanding response, and nothing that is queued or buffered goes out before it.
    pub(super) fn end(&mut self, space: SpaceId, farewell: Bytes) -> EndOutcome {
        match &mut self.state {
            SubscriberState::Pending(_) => EndOutcome::NotConfirmed,
            SubscriberState::Live(_) => {
                self.send_farewell(space, farewell);
                EndOutcome::Ended
            }
            SubscriberState::Buffering(buffering) => {
                // The client may not learn of the end before the response that lists the space (protocol G2).
                let Buffering { subscription, response, .. } = &mut **buffering;
                let (subscription, response) = (std::mem::take(subscription), response.clone());
                self.state = SubscriberState::Ending(Box::new(Ending { subscription, response, farewell }));
                EndOutcome::Deferred
            }
            SubscriberState::Ending(ending) => {
                ending.farewell = farewell;
                EndOutcome::Deferred
            }
        }
    }

    fn send_farewell(&self, space: SpaceId, farewell: Bytes) {
        self.outbox.purge(space);
        // Queued without its space: a purge by a later `unsubscribe` must not take the last notification away.
        self.outbox.durable(None, farewell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A popular space has thousands of subscribers, and a connection up to a thousand subscriptions.
    #[test]
    fn subscriber_takes_48_bytes() {
        assert_eq!(size_of::<Subscriber>(), 48);
    }
}
