//! What can go wrong below the use cases.

use std::error::Error;

use less_sync_core::{Cursor, RecordId};

/// Failure of a storage operation (storage §3.2). Sources are for operators; clients see a code only.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No such space.
    #[error("space not found")]
    SpaceNotFound,
    /// The id is taken.
    #[error("space already exists")]
    SpaceExists,
    /// Personal access to a row that has a root key: somebody created a shared space under a derived id.
    #[error("space has a root key and cannot be personal")]
    SpaceKindMismatch,
    /// The space lives on another server; this one must not write it (storage T11).
    #[error("space is homed on another server")]
    SpaceIsRemote,
    /// The same record twice in one push.
    #[error("record id repeated within a push")]
    DuplicateRecordId(RecordId),
    /// A blob over its limit.
    #[error("record blob too large")]
    BlobTooLarge,
    /// Too many changes in one push.
    #[error("too many records in one push")]
    PushRecordLimitExceeded,
    /// Blobs of one push over their common limit.
    #[error("too many bytes in one push")]
    PushPayloadLimitExceeded,
    /// A pull from beyond the cursor of the space, where the caller asked to hear of it.
    #[error("since {since} exceeds current cursor {cursor}")]
    CursorAhead {
        /// What was asked for.
        since: Cursor,
        /// Where the space is.
        cursor: Cursor,
    },
    /// The space has used its last cursor.
    #[error("cursor of the space is exhausted")]
    CursorExhausted,
    /// The push was made under an epoch older than the space still accepts.
    #[error("epoch older than the space accepts")]
    EpochStale,
    /// The store cannot be reached or did not answer in time; a retry may help. The outcome of a commit may
    /// be unknown: the caller must not notify anybody (storage T9).
    #[error("storage unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Anything unexpected.
    #[error("storage failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}
