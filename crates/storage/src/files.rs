//! Files of a space, as far as a pull and the rotation of keys know them.

use less_sync_core::{Cursor, Dek, FileId, RecordId};

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Its object is in the store.
    Live {
        /// Length of the ciphertext, in bytes.
        size: u64,
        /// The wrapped data key.
        dek: Dek,
    },
    /// Deleted; neither object nor key are kept.
    Tombstone,
}

/// A file as a pull delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The file.
    pub id: FileId,
    /// The record that owns it, or did.
    pub record: RecordId,
    /// Cursor of its last change.
    pub cursor: Cursor,
    /// What is known of it.
    pub state: FileState,
}
