//! Uploaded and deleted files as watchers get them.

use bytes::Bytes;
use less_sync_core::wire::event;
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, frame, limits};
use less_sync_engine::{FileEvent, PushedEvent};
use less_sync_storage::FileEntry;

use super::hint::Position;
use crate::stored_rows;

/// The `file` notification, with one file.
pub(super) fn encode(space: SpaceId, file: &FileEntry) -> Bytes {
    let (size, dek, deleted) = stored_rows::file(file);
    let entry = event::FileEntry { id: file.id, record_id: file.record, size, dek, deleted };
    let event = event::FileEvent { space, cursor: file.cursor, files: vec![entry] };
    frame::notification(method::FILE, &event)
}

/// The `file` notification about files that went with their records, which follows the `sync` about those (protocol §5.1);
/// none when there are no such files. So many that the frame would be larger than clients accept are left to their next
/// pull.
pub(super) fn encode_deleted(push: &PushedEvent) -> Option<Bytes> {
    if push.deleted_files.is_empty() {
        return None;
    }
    let deleted = push.deleted_files.iter().map(|file| event::FileEntry {
        id: file.id,
        record_id: file.record,
        size: 0,
        dek: None,
        deleted: true,
    });
    let event = event::FileEvent { space: push.space, cursor: push.cursor, files: deleted.collect() };
    Some(frame::notification(method::FILE, &event)).filter(|frame| frame.len() <= limits::OUTBOUND_FRAME)
}

/// Where the change left the space.
pub(super) fn position(event: &FileEvent) -> Position {
    let FileEvent { key_generation, rewrap_epoch, .. } = *event;
    Position { cursor: event.file.cursor, key_generation, rewrap_epoch }
}
