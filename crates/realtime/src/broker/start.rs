//! What a subscription begins with.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::Cursor;
use less_sync_storage::Space;

use super::Position;

/// Where a subscription begins, and what it rests on.
#[derive(Clone, Debug)]
pub struct SubscriptionStart {
    /// The state that its response shows.
    pub position: Position,
    /// Up to here its connection knows everything, or is told with the response: the cursor of `position`, unless the
    /// connection asked for more than was replayed and is to be sent a pull hint (protocol §6.4).
    pub caught_up_to: Cursor,
    /// The chain by which it is allowed; none in personal spaces. It ends when a token of the chain is revoked.
    pub chain: Option<Arc<VerifiedChain>>,
}

impl From<Position> for SubscriptionStart {
    fn from(position: Position) -> Self {
        Self { position, caught_up_to: position.cursor, chain: None }
    }
}

impl From<&Space> for SubscriptionStart {
    fn from(space: &Space) -> Self {
        Position::from(space).into()
    }
}

/// What became of a subscription whose state was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// It is allowed, and goes live when its response is written.
    Confirmed,
    /// Something was revoked in the space while the state was read: whether the chain is still good has to be asked again.
    Stale,
    /// The connection has subscribed again since, or watches no longer.
    Superseded,
}
