//! An uploaded or deleted file as watchers get it.

use bytes::Bytes;
use less_sync_core::wire::event;
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, frame};
use less_sync_engine::FileEvent;
use less_sync_storage::FileEntry;

use super::hint::Position;
use crate::wire;

/// The `file` notification, with one file.
pub(super) fn encode(space: SpaceId, file: &FileEntry) -> Bytes {
    let (size, dek, deleted) = wire::file(file);
    let entry = event::FileEntry { id: file.id, record_id: file.record, size, dek, deleted };
    let event = event::FileEvent { space, cursor: file.cursor, files: vec![entry] };
    frame::notification(method::FILE, &event)
}

/// Where the change left the space.
pub(super) fn position(event: &FileEvent) -> Position {
    let FileEvent { key_generation, rewrap_epoch, .. } = *event;
    Position { cursor: event.file.cursor, key_generation, rewrap_epoch }
}
