//! Wire form of stored rows, shared by responses and events.

use less_sync_core::wire::membership::Entry;
use less_sync_storage::{FileEntry, FileState, MemberEntry, RecordState};

/// Blob, wrapped key and tombstone flag of a record.
pub(crate) fn record(state: &RecordState) -> (Option<&[u8]>, Option<&[u8]>, bool) {
    match state {
        RecordState::Live { blob, dek } => {
            (Some(blob.as_ref()), dek.as_ref().map(|dek| dek.as_bytes().as_slice()), false)
        }
        RecordState::Tombstone => (None, None, true),
    }
}

/// Size, wrapped key and tombstone flag of a file.
pub(crate) fn file(file: &FileEntry) -> (u64, Option<&[u8]>, bool) {
    match &file.state {
        FileState::Live { size, dek } => (*size, Some(dek.as_bytes().as_slice()), false),
        FileState::Tombstone => (0, None, true),
    }
}

/// Entry of the membership log.
pub(crate) fn entry(entry: &MemberEntry) -> Entry<'_> {
    Entry {
        chain_seq: entry.chain_seq,
        prev_hash: entry.prev_hash.as_ref().map(<[u8; 32]>::as_slice),
        entry_hash: &entry.entry_hash,
        payload: &entry.payload,
    }
}
