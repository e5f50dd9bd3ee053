//! Notifications in both directions.

use less_sync_core::wire::event::{
    EphemeralEvent, FileEntry, FileEvent, MembershipEvent, Presence, PresenceLeave, RecordEntry, Resubscribe,
    Revoked, Sync,
};
use less_sync_core::wire::presence::{EventSendParams, PresenceClearParams, PresenceSetParams};

use super::members::entry;
use super::values::{bytes, count, cursor, epoch, file_id, flag, list, maybe, record_id, space_id, text};

wire_type!(sync: Sync<'static> {
    space: space_id(), prev: cursor(), cursor: cursor(), key_generation: epoch(), rewrap_epoch: maybe(epoch()),
    records: list(record())
});
wire_type!(record: RecordEntry<'static> {
    id: record_id(), blob: maybe(bytes()), cursor: cursor(), dek: maybe(bytes()), deleted: flag()
});
wire_type!(membership: MembershipEvent<'static> { space: space_id(), cursor: cursor(), entries: list(entry()) });
wire_type!(files: FileEvent<'static> { space: space_id(), cursor: cursor(), files: list(file()) });
wire_type!(file: FileEntry<'static> {
    id: file_id(), record_id: record_id(), size: count(), dek: maybe(bytes()), deleted: flag()
});
wire_type!(revoked: Revoked<'static> { space: space_id(), reason: text() });
wire_type!(resubscribe: Resubscribe { spaces: list(space_id()) });
wire_type!(presence: Presence<'static> { space: space_id(), peer: text(), data: bytes() });
wire_type!(presence_leave: PresenceLeave<'static> { space: space_id(), peer: text() });
wire_type!(ephemeral: EphemeralEvent<'static> { space: space_id(), peer: text(), data: bytes() });

wire_type!(presence_set: PresenceSetParams<'static> { space: text(), data: bytes() });
wire_type!(presence_clear: PresenceClearParams<'static> { space: text() });
wire_type!(event_send: EventSendParams<'static> { space: text(), data: bytes() });
