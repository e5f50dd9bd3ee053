//! Confirmation of a registered subscription: its start and the outcome.

use less_sync_core::Cursor;
use less_sync_engine::SubscriptionBasis;
use less_sync_storage::Space;

use super::position::Position;

/// Start of a subscription, as read from storage after its registration.
#[derive(Clone, Debug)]
pub struct SubscriptionStart {
    /// State of the space in the `subscribe` response.
    pub position: Position,
    /// Cursor up to which the client is complete once it has the response, inclusive: that of `position`, or a lower one
    /// if the client asked for a catch-up that was too large to replay. It is then sent a pull hint (protocol §6.4).
    pub caught_up_to: Cursor,
    /// Basis of the subscription. A revocation of one of its tokens ends the subscription.
    pub basis: SubscriptionBasis,
}

impl From<Position> for SubscriptionStart {
    fn from(position: Position) -> Self {
        Self { position, caught_up_to: position.cursor, basis: SubscriptionBasis::Owner }
    }
}

impl From<&Space> for SubscriptionStart {
    fn from(space: &Space) -> Self {
        Position::from(space).into()
    }
}

/// Outcome of the confirmation of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The subscription is authorized, and goes live when its response has been written.
    Confirmed,
    /// A revocation in the space raced the authorization, so the chain may be revoked. Nothing has changed; the
    /// subscription has to be registered and authorized again.
    Stale,
    /// The registration was replaced by a newer one of the same connection, or removed. Nothing has changed.
    Superseded,
}
