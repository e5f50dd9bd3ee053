//! States of a subscriber, with the data of each (protocol §6.2).

use bytes::Bytes;
use less_sync_core::Cursor;

use super::super::authority::Authority;
use super::super::confirmation::SubscriptionStart;
use super::super::durable_event::Broadcast;
use super::super::sequencer::Delivery;
use super::event_buffer::EventBuffer;
use crate::subscription_id::SubscriptionId;

/// State of a subscriber.
///
/// Every state but `Live` lasts for one request and is boxed: a space keeps its subscribers in one vector, up to thousands,
/// and nearly all of them are live.
#[derive(Debug)]
pub(super) enum SubscriberState {
    /// Registered, not authorized: buffers events.
    Pending(Box<Pending>),
    /// Authorized, response outstanding: buffers events, and may send.
    Buffering(Box<Buffering>),
    /// Response written: receives events at once.
    Live(SubscriptionState),
    /// Authorization ended while a response is outstanding: drops events, and is removed once the response is written.
    Ending(Box<Ending>),
}

/// Data of [`SubscriberState::Pending`].
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) response: AwaitedResponse,
    pub(super) buffer: EventBuffer,
}

/// Data of [`SubscriberState::Buffering`].
#[derive(Debug)]
pub(super) struct Buffering {
    pub(super) subscription: SubscriptionState,
    pub(super) response: AwaitedResponse,
    pub(super) buffer: EventBuffer,
}

/// Data of [`SubscriberState::Ending`].
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) subscription: SubscriptionState,
    pub(super) response: AwaitedResponse,
    /// Last notification of the subscription, sent right after the response.
    pub(super) farewell: Bytes,
}

/// `subscribe` response that has not been written yet.
#[derive(Clone, Debug)]
pub(super) struct AwaitedResponse {
    /// Registration that the response is made for.
    pub(super) id: SubscriptionId,
    /// Revocations in the space at the time of the registration.
    pub(super) revocations: u64,
    /// `revoked` notification about the chain of another subscriber, sent after the response.
    pub(super) revoked_notice: Option<Bytes>,
}

/// Progress and authorization of a confirmed subscription.
#[derive(Clone, Debug, Default)]
pub(super) struct SubscriptionState {
    /// Cursor up to which the client has, or is about to be sent, everything, inclusive.
    pub(super) delivered: Cursor,
    /// Authority of the subscription.
    pub(super) authority: Authority,
}

/// Effect of a delivery on a live subscription.
#[derive(Debug)]
pub(super) enum Advance<'d> {
    /// The client has it already.
    Duplicate,
    /// Event that continues what the client has.
    Contiguous(&'d Broadcast),
    /// The client misses something up to the cursor of the delivery.
    Gap,
}

impl SubscriberState {
    /// The outstanding response, in all states but `Live`.
    pub(super) fn awaited_response_mut(&mut self) -> Option<&mut AwaitedResponse> {
        match self {
            Self::Pending(pending) => Some(&mut pending.response),
            Self::Buffering(buffering) => Some(&mut buffering.response),
            Self::Ending(ending) => Some(&mut ending.response),
            Self::Live(_) => None,
        }
    }

    /// The confirmed subscription, whose authorization may have ended; none before the confirmation.
    pub(super) fn subscription(&self) -> Option<&SubscriptionState> {
        match self {
            Self::Pending(_) => None,
            Self::Buffering(buffering) => Some(&buffering.subscription),
            Self::Live(subscription) => Some(subscription),
            Self::Ending(ending) => Some(&ending.subscription),
        }
    }

    /// The same, to be changed.
    pub(super) fn subscription_mut(&mut self) -> Option<&mut SubscriptionState> {
        match self {
            Self::Pending(_) => None,
            Self::Buffering(buffering) => Some(&mut buffering.subscription),
            Self::Live(subscription) => Some(subscription),
            Self::Ending(ending) => Some(&mut ending.subscription),
        }
    }
}

impl AwaitedResponse {
    pub(super) fn new(id: SubscriptionId, revocations: u64) -> Self {
        Self { id, revocations, revoked_notice: None }
    }

    /// Replaces the awaited response by that of a newer registration. A pending notice stays pending.
    pub(super) fn supersede(&mut self, id: SubscriptionId, revocations: u64) {
        (self.id, self.revocations) = (id, revocations);
    }
}

impl SubscriptionState {
    /// State at the confirmation with `start`; `before` is the delivered cursor of the subscription that it renews, `authority`
    /// the authority of that unless it has ended.
    pub(super) fn new(start: SubscriptionStart, before: Option<Cursor>, authority: Authority) -> Self {
        let SubscriptionStart { position, caught_up_to, basis } = start;
        let delivered = if caught_up_to < position.cursor {
            // The client asked for a catch-up from here: it is owed a hint even if an earlier subscription got further.
            caught_up_to
        } else {
            // A state that was read before events of the earlier subscription went out does not repeat those.
            before.map_or(caught_up_to, |before| before.max(caught_up_to))
        };
        Self { delivered, authority: Authority::renewed(basis, authority) }
    }

    /// Advances to the cursor of `delivery`.
    pub(super) fn advance<'d>(&mut self, delivery: &'d Delivery<Broadcast>) -> Advance<'d> {
        let from = self.delivered;
        match delivery {
            Delivery::Event(step) if step.cursor > from => {
                self.delivered = step.cursor;
                // Above `from`: an event before this one went out before the subscription was confirmed.
                if step.prev <= from { Advance::Contiguous(&step.event) } else { Advance::Gap }
            }
            Delivery::PullHint(cursor) if *cursor > from => {
                self.delivered = *cursor;
                Advance::Gap
            }
            Delivery::Event(_) | Delivery::PullHint(_) => Advance::Duplicate,
        }
    }
}
