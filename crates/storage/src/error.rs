//! What can go wrong below the use cases.

use std::error::Error;
use std::time::Duration;

use less_sync_core::Cursor;

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
    /// A token of the chain that the caller came with was revoked in this space (storage T12).
    #[error("a token of the chain is revoked")]
    Revoked,
    /// The membership log has moved on since the caller looked.
    #[error("metadata version does not match")]
    VersionConflict,
    /// The entry does not continue the membership log.
    #[error("hash chain broken")]
    HashChainBroken,
    /// The membership log has reached its cap.
    #[error("membership log full")]
    MembershipLogFull,
    /// The payload of a membership entry is over its limit.
    #[error("membership payload too large")]
    PayloadTooLarge,
    /// The epoch to complete is not the one that is pending.
    #[error("epoch mismatch")]
    EpochMismatch,
    /// Live data keys older than the epoch are left; the minimum was raised all the same (storage §3.11).
    #[error("rewrap incomplete: {records} records and {files} files left")]
    RewrapIncomplete {
        /// Records left, at most 1000.
        records: usize,
        /// Files left, at most 1000.
        files: usize,
    },
    /// Shares of an epoch that is not due yet.
    #[error("epoch out of range")]
    InvalidEpoch,
    /// A new data key is not of the current epoch.
    #[error("epoch of a data key does not match the key generation")]
    DekEpochMismatch,
    /// A data key for a record that does not exist.
    #[error("record of a data key not found")]
    DekRecordNotFound,
    /// A data key for a file that does not exist.
    #[error("file of a data key not found")]
    FileDekNotFound,
    /// A data key is not the one that the caller had seen.
    #[error("wrapped data key was replaced concurrently")]
    DekReplaced,
    /// The record that shall own a file is not there, or deleted.
    #[error("record of a file not found")]
    RecordNotFound,
    /// No such file, or a deleted one.
    #[error("file not found")]
    FileNotFound,
    /// The file belongs to another record.
    #[error("file belongs to another record")]
    FileOwnedElsewhere,
    /// The upload took too long, and its object is being removed; a new one may succeed.
    #[error("upload lost")]
    UploadLost,
    /// No such invitation in this mailbox.
    #[error("invitation not found")]
    InvitationNotFound,
    /// The mailbox, or what one peer may put into it, is full.
    #[error("mailbox full")]
    MailboxFull,
    /// The actor has used up what it may do in this window.
    #[error("rate limited, retry after {retry_after:?}")]
    RateLimited {
        /// When the oldest action leaves the window; at least a second.
        retry_after: Duration,
    },
    /// The store cannot be reached or did not answer in time; a retry may help. The outcome of a commit may
    /// be unknown: the caller must not notify anybody (storage T9).
    #[error("storage unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Anything unexpected.
    #[error("storage failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}
