//! Rejections and failures of file requests.

use std::convert::Infallible;

use less_sync_auth::ucan::UcanError;
use less_sync_storage::{BlobError, FileRejection, Quota, StorageError};

use crate::{EngineError, HomeHandle, Rule};

/// Rejection or failure of a use case of files; one variant per row of http §7.2 and §7.4.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The caller's token lacks the scope for files.
    #[error("files scope required")]
    ScopeMissing,
    /// The space does not exist.
    #[error("space not found")]
    SpaceNotFound(Rule),
    /// Request to a shared space without a chain, or with a token without a DID.
    #[error("authorization required")]
    AuthorizationRequired(Rule),
    /// The chain is invalid, lacks the permission, or was revoked.
    #[error("access denied")]
    AccessDenied(Rule),
    /// The home server of the space is another one.
    #[error("space is homed on another server")]
    Remote,
    /// The request has to be relayed to the server that holds the space: the caller's chain is good for it.
    #[error("space is held by another server")]
    Elsewhere(HomeHandle),
    /// The server that holds the space cannot be used.
    #[error("home server of the space is unavailable")]
    HomeUnavailable,
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
    /// The file would exceed the quota of the space or of its owner.
    #[error("storage quota exceeded")]
    QuotaExceeded(Quota),
    /// The object store is full.
    #[error("insufficient storage")]
    StorageFull(#[source] BlobError),
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
    /// The space has used its last cursor.
    #[error("cursor of the space is exhausted")]
    CursorExhausted,
    /// Failure of the database.
    #[error("database operation failed")]
    Storage(#[source] StorageError),
    /// Failure of the object store.
    #[error("object store operation failed")]
    Blobs(#[source] BlobError),
    /// The server shuts down.
    #[error("server is stopping")]
    Stopping,
}

impl<R> From<StorageError<R>> for FileError
where
    FileError: From<R>,
{
    fn from(error: StorageError<R>) -> Self {
        match error {
            // Also a personal space whose id is taken by a shared space: it has no files (http §7.2 row 5a).
            StorageError::SpaceNotFound => Self::SpaceNotFound(Rule::UnknownSpace),
            StorageError::SpaceKindMismatch => Self::SpaceNotFound(Rule::SpaceKind),
            StorageError::SpaceIsRemote => Self::Remote,
            StorageError::Revoked => Self::AccessDenied(Rule::Chain(UcanError::Revoked)),
            StorageError::Rejected(rejection) => rejection.into(),
            StorageError::Unavailable(source) => Self::Storage(StorageError::Unavailable(source)),
            StorageError::Database(source) => Self::Storage(StorageError::Database(source)),
        }
    }
}

impl From<FileRejection> for FileError {
    fn from(rejection: FileRejection) -> Self {
        match rejection {
            FileRejection::RecordNotFound => Self::RecordNotFound,
            FileRejection::FileNotFound => Self::FileNotFound,
            FileRejection::OwnedElsewhere => Self::OwnedElsewhere,
            FileRejection::EpochStale => Self::KeyGenerationStale,
            FileRejection::UploadLost => Self::UploadLost,
            FileRejection::CursorExhausted => Self::CursorExhausted,
            FileRejection::QuotaExceeded(quota) => Self::QuotaExceeded(quota),
        }
    }
}

impl From<Infallible> for FileError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<BlobError> for FileError {
    fn from(error: BlobError) -> Self {
        match error {
            error @ BlobError::Full(_) => Self::StorageFull(error),
            BlobError::NotFound => Self::FileNotFound,
            error @ (BlobError::Unavailable(_) | BlobError::Failed(_)) => Self::Blobs(error),
        }
    }
}

impl From<EngineError> for FileError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Storage(error) => error.into(),
            EngineError::Forbidden(rule) => Self::AccessDenied(rule),
            EngineError::UnknownSpace => Self::AccessDenied(Rule::UnknownSpace),
            EngineError::HomeUnavailable
            | EngineError::HomeUntrusted
            | EngineError::HomeConflict
            | EngineError::Remote(_)
            | EngineError::Home(_) => Self::AccessDenied(Rule::RemoteSpace),
            EngineError::ScopeMissing(scope) => Self::AccessDenied(Rule::Scope(scope)),
            EngineError::RateLimited { .. } => Self::AccessDenied(Rule::ActionLimit),
        }
    }
}
