//! Frames of a response on their way through the outbox, and the actions that follow their write.

use bytes::Bytes;
use less_sync_core::SpaceId;

use crate::message_part::MessagePart;
use crate::subscription_id::SubscriptionId;

/// A frame of a response: a chunk, or the response itself.
#[derive(Debug)]
pub struct Reply {
    /// The whole message.
    pub frame: Bytes,
    /// Actions once the frame has been handed to the socket.
    pub after: Option<AfterWrite>,
}

impl Reply {
    /// Size of the frame and of what follows it, in bytes.
    pub(super) fn size(&self) -> usize {
        self.frame.len() + self.after.as_ref().map_or(0, AfterWrite::size)
    }
}

/// The next frame to write.
#[derive(Debug)]
pub struct Outgoing {
    /// Payload of the frame.
    pub frame: Bytes,
    /// Position of the frame in its message.
    pub part: MessagePart,
    /// Actions once the frame has been handed to the socket.
    pub after: Option<Box<AfterWrite>>,
}

/// Actions that follow once a response has been handed to the socket.
#[derive(Debug, Default)]
pub struct AfterWrite {
    /// Subscriptions that go live.
    pub subscriptions: Vec<PendingSubscription>,
    /// Ephemeral frames that exceeded the budget of the response; each is sent if its space is still subscribed to.
    pub ephemeral: Vec<(SpaceId, Bytes)>,
}

impl AfterWrite {
    /// Size of the frames that follow, in bytes.
    pub(super) fn size(&self) -> usize {
        self.ephemeral.iter().map(|(_, frame)| frame.len()).sum()
    }
}

/// A subscription whose events are buffered until the response that lists it has been written (protocol G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingSubscription {
    /// The space.
    pub space: SpaceId,
    /// Id of the subscription; a newer subscription to the same space has another one.
    pub id: SubscriptionId,
}
