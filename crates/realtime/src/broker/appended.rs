//! A committed entry of the membership log as watchers get it.

use bytes::Bytes;
use less_sync_core::wire::event::MembershipEvent;
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, frame};
use less_sync_engine::AppendedEvent;
use less_sync_storage::MemberEntry;

use super::hint::Position;
use crate::stored_rows;

/// The `membership` notification. The bound of a payload lies far below that of a frame.
pub(super) fn encode(space: SpaceId, entry: &MemberEntry) -> Bytes {
    let event = MembershipEvent { space, cursor: entry.cursor, entries: vec![stored_rows::entry(entry)] };
    frame::notification(method::MEMBERSHIP, &event)
}

/// Where the append left the space.
pub(super) fn position(event: &AppendedEvent) -> Position {
    let AppendedEvent { key_generation, rewrap_epoch, .. } = *event;
    Position { cursor: event.entry.cursor, key_generation, rewrap_epoch }
}
