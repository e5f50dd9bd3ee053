//! Accepted subscription, as its response shows it.

use less_sync_engine::IssuedToken;

use crate::broker::Position;

/// Accepted subscription.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) position: Position,
    /// Token for a server.
    pub(super) token: Option<IssuedToken>,
}
