//! What a request for a file can be answered instead of its result.

use less_sync_storage::{BlobError, StorageError};

use crate::EngineError;

/// Rejection or failure of a use case of files; one variant per row of http §7.2 and §7.4.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The caller's token does not allow files.
    #[error("files scope required")]
    ScopeMissing,
    /// No such space.
    #[error("space not found")]
    SpaceNotFound,
    /// A shared space, and no chain or a token without a DID.
    #[error("authorization required")]
    AuthorizationRequired,
    /// The chain does not give what is asked for, or was revoked.
    #[error("access denied")]
    AccessDenied,
    /// Another server holds the space.
    #[error("space is homed on another server")]
    Remote,
    /// No such file, or a deleted one, or its object is gone.
    #[error("file not found")]
    FileNotFound,
    /// The record that shall own the file is not there, or deleted.
    #[error("record not found in this space")]
    RecordNotFound,
    /// The file belongs to another record.
    #[error("file belongs to another record")]
    OwnedElsewhere,
    /// The key is older than the space accepts.
    #[error("key generation stale")]
    KeyGenerationStale,
    /// Larger than files may be.
    #[error("file too large")]
    TooLarge,
    /// As many uploads as there may be are under way.
    #[error("too many uploads")]
    TooManyUploads,
    /// As many downloads as there may be are under way.
    #[error("too many downloads")]
    TooManyDownloads,
    /// The object store has no room.
    #[error("insufficient storage")]
    StorageFull,
    /// Another number of bytes came than was announced.
    #[error("length differs from what was announced")]
    LengthMismatch,
    /// The bytes do not have the digest that was announced.
    #[error("digest mismatch")]
    DigestMismatch,
    /// The object is not what the row says.
    #[error("object of {actual} bytes where {expected} belong")]
    Damaged {
        /// Size by the row.
        expected: u64,
        /// Size by the store.
        actual: u64,
    },
    /// The upload took so long that its object was given up.
    #[error("upload lost")]
    UploadLost,
    /// The database rejected or failed.
    #[error("storage rejected or failed")]
    Storage(#[source] StorageError),
    /// The object store failed.
    #[error("object store failed")]
    Blobs(#[source] BlobError),
    /// The server is stopping.
    #[error("server is stopping")]
    Stopping,
}

impl From<StorageError> for FileError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is a failure")]
    fn from(error: StorageError) -> Self {
        match error {
            // Also a personal space that somebody took the id of: it has no files (http §7.2 row 5a).
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
