//! How a subscription ends when its right does (protocol §5.3, §6.3): with one last frame about its space.

use bytes::Bytes;
use less_sync_core::wire::event::{Resubscribe, Revoked, UCAN_REVOKED};
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, frame};

/// When the watcher hears its last frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It has been told.
    Now,
    /// It waits for a response that lists the space, and is told right after it.
    Later,
}

/// Tells a watcher that somebody's right was revoked, perhaps its own.
pub(super) fn revoked(space: SpaceId) -> Bytes {
    frame::notification(method::REVOKED, &Revoked { space, reason: UCAN_REVOKED })
}

/// Tells a watcher that its subscriptions to these spaces are gone.
pub(super) fn resubscribe(spaces: Vec<SpaceId>) -> Bytes {
    frame::notification(method::RESUBSCRIBE, &Resubscribe { spaces })
}
