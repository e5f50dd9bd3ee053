//! Encoding of notifications about a subscription: pull hint, revocation, resubscribe.

use bytes::Bytes;
use less_sync_core::wire::event::{MEMBERSHIP_REMOVED, Resubscribe, Revoked, Sync, UCAN_REVOKED};
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, frame};

use super::position::Position;

/// Pull hint up to `position`: a `sync` with `prev` = `cursor` and no records (protocol §2.7).
pub(super) fn pull_hint(space: SpaceId, position: Position) -> Bytes {
    let Position { cursor, key_generation, rewrap_epoch } = position;
    let hint = Sync { space, prev: cursor, cursor, key_generation, rewrap_epoch, records: Vec::new() };
    frame::notification(method::SYNC, &hint)
}

/// `revoked`: a UCAN for `space` was revoked, perhaps one of the recipient's chain (protocol §6.3).
pub(super) fn revoked(space: SpaceId) -> Bytes {
    frame::notification(method::REVOKED, &Revoked { space, reason: UCAN_REVOKED })
}

/// `revoked`: the recipient, a server, has no member in `space` any more (federation §10.4).
pub(super) fn membership_removed(space: SpaceId) -> Bytes {
    frame::notification(method::REVOKED, &Revoked { space, reason: MEMBERSHIP_REMOVED })
}

/// `resubscribe`: the recipient's subscriptions to `spaces` have ended (protocol §5.3).
pub(super) fn resubscribe(spaces: Vec<SpaceId>) -> Bytes {
    frame::notification(method::RESUBSCRIBE, &Resubscribe { spaces })
}
