//! Rejections and failures of file requests.

use less_sync_storage::{BlobError, StorageError};

use crate::EngineError;

/// Rejection or failure of a use case of files; one variant per row of http §7.2 and §7.4.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The caller's token lacks the scope for files.
    #[error("files scope required")]
    ScopeMissing,
    /// The space does not exist.
    #[error("space not found")]
    SpaceNotFound,
    /// Request to a shared space without a chain, or with a token without a DID.
    #[error("authorization required")]
    AuthorizationRequired,
    /// The chain is invalid, lacks the permission, or was revoked.
    #[error("access denied")]
    AccessDenied,
    /// The home server of the space is another one.
    #[error("space is homed on another server")]
    Remote,
    /// The file does not exist, is deleted, or lacks its object.
    #[error("file not found")]
    FileNotFound,
    /// The record that is to own the file does not exist or is deleted.
    #[error("record not found in this space")]
    RecordNotFound,
    /// The file belongs to another record.
    #[error("file belongs to another record")]
    OwnedElsewhere,
    /// The key generation of the wrapped DEK is below the minimum of the space.
    #[error("key generation stale")]
    KeyGenerationStale,
    /// The file exceeds the maximum size.
    #[error("file too large")]
    TooLarge,
    /// The limit of concurrent uploads is reached.
    #[error("too many uploads")]
    TooManyUploads,
    /// The limit of concurrent downloads is reached.
    #[error("too many downloads")]
    TooManyDownloads,
    /// The object store is full.
    #[error("insufficient storage")]
    StorageFull,
    /// The body has another length than announced.
    #[error("length of the body differs from the announced length")]
    LengthMismatch,
    /// The body has another digest than announced.
    #[error("digest mismatch")]
    DigestMismatch,
    /// The object has another size than its file.
    #[error("object has {actual} bytes instead of {expected}")]
    Damaged {
        /// Size in the database, in bytes.
        expected: u64,
        /// Size in the object store, in bytes.
        actual: u64,
    },
    /// The upload intent expired before the commit, and the sweeper deleted the object.
    #[error("upload lost")]
    UploadLost,
    /// Failure of the database.
    #[error("database operation failed")]
    Storage(#[source] StorageError),
    /// Failure of the object store.
    #[error("object store failed")]
    Blobs(#[source] BlobError),
    /// The server shuts down.
    #[error("server is stopping")]
    Stopping,
}

impl From<StorageError> for FileError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other variant is a failure of the database")]
    fn from(error: StorageError) -> Self {
        match error {
            // Also a personal space whose id is taken by a shared space: it has no files (http §7.2 row 5a).
            StorageError::SpaceNotFound | StorageError::SpaceKindMismatch => Self::SpaceNotFound,
            StorageError::SpaceIsRemote => Self::Remote,
            StorageError::Revoked => Self::AccessDenied,
            StorageError::RecordNotFound => Self::RecordNotFound,
            StorageError::FileNotFound => Self::FileNotFound,
            StorageError::FileOwnedElsewhere => Self::OwnedElsewhere,
            StorageError::EpochStale => Self::KeyGenerationStale,
            StorageError::UploadLost => Self::UploadLost,
            error => Self::Storage(error),
        }
    }
}

impl From<BlobError> for FileError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::StorageFull,
            BlobError::NotFound => Self::FileNotFound,
            error @ (BlobError::Unavailable(_) | BlobError::Failed(_)) => Self::Blobs(error),
        }
    }
}

impl From<EngineError> for FileError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Storage(error) => error.into(),
            EngineError::Forbidden
            | EngineError::UnknownSpace
            | EngineError::HomeUnavailable
            | EngineError::ScopeMissing(_)
            | EngineError::RateLimited { .. } => Self::AccessDenied,
        }
    }
}
