//! Durable events of a space, encoded once for all of its subscribers (protocol §5.1).

use bytes::Bytes;
use less_sync_core::wire::event::{self, MembershipEvent, RecordEntry, Sync};
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, Cursor, SpaceId, frame, limits};
use less_sync_engine::{AppendedEvent, FileEvent, PushedEvent};
use less_sync_storage::{Change, DeletedFile, RecordState};

use super::notifications;
use super::position::Position;
use super::sequencer::EncodedLen;
use crate::stored_rows;

/// Minimum length that a record adds to a `sync` frame besides its blob, in bytes.
const RECORD_OVERHEAD: usize = 48;

/// Encoded event in the form in which all subscribers share it.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// Encoded notification; none if the space had no subscriber but the origin when the event was encoded.
    pub(super) frame: Option<Bytes>,
    /// Second notification of the same event, sent right after the first.
    pub(super) second: Option<Bytes>,
    /// Connection that caused the event, if it came over a connection; excluded from the fan-out (protocol G5).
    pub(super) origin: Option<ConnectionId>,
}

impl EncodedLen for Broadcast {
    fn encoded_len(&self) -> usize {
        self.frame.iter().chain(&self.second).map(Bytes::len).sum()
    }
}

/// Subscribers of a space, as far as the encoding of an event depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// No subscriber: the event is dropped.
    NoSubscribers,
    /// The origin of the event alone: the event moves cursors, but needs no frame.
    OriginOnly,
    /// At least one subscriber besides the origin.
    Subscribers,
}

/// Committed mutation that moves the cursor of its space by one.
pub(super) trait DurableEvent {
    /// Space of the mutation.
    fn space(&self) -> SpaceId;
    /// Cursor of the space before the mutation.
    fn prev(&self) -> Cursor;
    /// Position of the space after the mutation.
    fn position(&self) -> Position;
    /// Connection that caused the mutation, if it came over a connection.
    fn origin(&self) -> Option<ConnectionId>;
    /// Encodes the notification, and the second one if the event has two.
    fn encode(&self) -> (Bytes, Option<Bytes>);
    /// Lower bound of the encoded length, in bytes.
    fn min_len(&self) -> usize {
        0
    }
    /// Encodes the event for a broadcast.
    fn encoded(&self) -> (Option<Bytes>, Option<Bytes>) {
        let (frame, second) = self.encode();
        (Some(frame), second)
    }
}

impl DurableEvent for PushedEvent {
    fn space(&self) -> SpaceId {
        self.space
    }

    fn prev(&self) -> Cursor {
        self.prev
    }

    fn position(&self) -> Position {
        let Self { cursor, key_generation, rewrap_epoch, .. } = *self;
        Position { cursor, key_generation, rewrap_epoch }
    }

    fn origin(&self) -> Option<ConnectionId> {
        Some(self.origin)
    }

    fn encode(&self) -> (Bytes, Option<Bytes>) {
        (sync(self), deleted_files(self))
    }

    fn min_len(&self) -> usize {
        self.changes.iter().map(min_len).sum()
    }
}

impl DurableEvent for AppendedEvent {
    fn space(&self) -> SpaceId {
        self.space
    }

    fn prev(&self) -> Cursor {
        self.prev
    }

    fn position(&self) -> Position {
        let Self { key_generation, rewrap_epoch, .. } = *self;
        Position { cursor: self.entry.cursor, key_generation, rewrap_epoch }
    }

    fn origin(&self) -> Option<ConnectionId> {
        Some(self.origin)
    }

    /// `membership`. The maximum payload of an entry is far below the maximum frame, so the frame always fits.
    fn encode(&self) -> (Bytes, Option<Bytes>) {
        let entries = vec![stored_rows::entry(&self.entry)];
        let event = MembershipEvent { space: self.space, cursor: self.entry.cursor, entries };
        (frame::notification(method::MEMBERSHIP, &event), None)
    }
}

impl DurableEvent for FileEvent {
    fn space(&self) -> SpaceId {
        self.space
    }

    fn prev(&self) -> Cursor {
        self.prev
    }

    fn position(&self) -> Position {
        let Self { key_generation, rewrap_epoch, .. } = *self;
        Position { cursor: self.file.cursor, key_generation, rewrap_epoch }
    }

    fn origin(&self) -> Option<ConnectionId> {
        None
    }

    /// `file`, with one file.
    fn encode(&self) -> (Bytes, Option<Bytes>) {
        let file = &self.file;
        let (size, dek, deleted) = stored_rows::file(file);
        let entry = event::FileEntry { id: file.id, record_id: file.record, size, dek, deleted };
        let event = event::FileEvent { space: self.space, cursor: file.cursor, files: vec![entry] };
        (frame::notification(method::FILE, &event), None)
    }
}

/// `sync`, or a pull hint if the `sync` would exceed the maximum frame of clients (protocol §2.7).
fn sync(event: &PushedEvent) -> Bytes {
    // The lower bound saves encoding megabytes only to throw them away.
    if event.min_len() <= limits::OUTBOUND_FRAME {
        let sync = Sync {
            space: event.space,
            prev: event.prev,
            cursor: event.cursor,
            key_generation: event.key_generation,
            rewrap_epoch: event.rewrap_epoch,
            records: event.changes.iter().map(|change| record(change, event.cursor)).collect(),
        };
        let frame = frame::notification(method::SYNC, &sync);
        if frame.len() <= limits::OUTBOUND_FRAME {
            return frame;
        }
    }
    notifications::pull_hint(event.space, event.position())
}

fn record(change: &Change, cursor: Cursor) -> RecordEntry<'_> {
    let (blob, dek, deleted) = stored_rows::record(&change.state);
    RecordEntry { id: change.id, blob, cursor, dek, deleted }
}

fn min_len(change: &Change) -> usize {
    RECORD_OVERHEAD
        + match &change.state {
            RecordState::Live { blob, .. } => blob.len(),
            RecordState::Tombstone => 0,
        }
}

/// `file`, with the files deleted together with their records; it follows the `sync` about the records (protocol §5.1).
/// None if there are no such files, or so many that the frame would exceed the maximum frame of clients: those learn of the
/// deletions by their next pull.
fn deleted_files(push: &PushedEvent) -> Option<Bytes> {
    if push.deleted_files.is_empty() {
        return None;
    }
    let files = push.deleted_files.iter().map(deleted_file).collect();
    let event = event::FileEvent { space: push.space, cursor: push.cursor, files };
    Some(frame::notification(method::FILE, &event)).filter(|frame| frame.len() <= limits::OUTBOUND_FRAME)
}

fn deleted_file(file: &DeletedFile) -> event::FileEntry<'static> {
    event::FileEntry { id: file.id, record_id: file.record, size: 0, dek: None, deleted: true }
}
