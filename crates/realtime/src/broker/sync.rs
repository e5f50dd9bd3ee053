//! A committed push as its watchers get it.

use bytes::Bytes;
use less_sync_core::wire::event::{RecordEntry, Sync};
use less_sync_core::wire::method;
use less_sync_core::{Cursor, frame, limits};
use less_sync_engine::PushedEvent;
use less_sync_storage::{Change, RecordState};

use super::hint::{self, Position};
use crate::stored_rows;

/// The least that a record adds to a frame beside its blob, in bytes.
const RECORD_ENVELOPE: usize = 48;

/// The `sync` notification; a pull hint when that would be larger than clients accept (protocol §2.7).
pub(super) fn encode(event: &PushedEvent) -> Bytes {
    if event.changes.iter().map(least_size).sum::<usize>() <= limits::OUTBOUND_FRAME {
        let frame = frame::notification(method::SYNC, &sync(event));
        if frame.len() <= limits::OUTBOUND_FRAME {
            return frame;
        }
    }
    hint::encode(event.space, position(event))
}

/// Where the push left the space.
pub(super) fn position(event: &PushedEvent) -> Position {
    let PushedEvent { cursor, key_generation, rewrap_epoch, .. } = *event;
    Position { cursor, key_generation, rewrap_epoch }
}

fn sync(event: &PushedEvent) -> Sync<'_> {
    Sync {
        space: event.space,
        prev: event.prev,
        cursor: event.cursor,
        key_generation: event.key_generation,
        rewrap_epoch: event.rewrap_epoch,
        records: event.changes.iter().map(|change| record(change, event.cursor)).collect(),
    }
}

fn record(change: &Change, cursor: Cursor) -> RecordEntry<'_> {
    let (blob, dek, deleted) = stored_rows::record(&change.state);
    RecordEntry { id: change.id, blob, cursor, dek, deleted }
}

fn least_size(change: &Change) -> usize {
    RECORD_ENVELOPE
        + match &change.state {
            RecordState::Live { blob, .. } => blob.len(),
            RecordState::Tombstone => 0,
        }
}
