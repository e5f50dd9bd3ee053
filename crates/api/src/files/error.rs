//! Mapping of [`FileError`] to error responses (http §7.2, §7.4, §7.7).

use http::StatusCode;
use less_sync_core::ErrorChain;
use less_sync_engine::Rule;
use less_sync_engine::files::FileError;
use less_sync_storage::{BlobError, StorageError};

use crate::error::ApiError;

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        use StatusCode as Status;
        let error_with = |status, text| Self::new(status, text);
        match error {
            FileError::ScopeMissing => Self::SCOPE_REQUIRED,
            FileError::SpaceNotFound(rule) => error_with(Status::NOT_FOUND, "space not found").by(rule),
            FileError::AuthorizationRequired(rule) => Self::unauthorized("authorization required").by(rule),
            FileError::AccessDenied(rule) => error_with(Status::FORBIDDEN, "access denied").by(rule),
            FileError::Remote => error_with(Status::NOT_IMPLEMENTED, "remote space files are not supported")
                .by(Rule::RemoteSpace),
            // Handlers relay such a request; none of them gets here.
            FileError::Elsewhere(_) | FileError::HomeUnavailable => Self::HOME_UNAVAILABLE,
            FileError::FileNotFound => error_with(Status::NOT_FOUND, "file not found"),
            FileError::RecordNotFound => Self::bad_request("record not found in this space"),
            FileError::OwnedElsewhere => error_with(Status::CONFLICT, "file belongs to another record"),
            FileError::KeyGenerationStale => {
                error_with(Status::CONFLICT, "key generation stale").by(Rule::KeyGeneration)
            }
            FileError::TooLarge => error_with(Status::PAYLOAD_TOO_LARGE, "file too large").by(Rule::TooLarge),
            FileError::TooManyUploads => Self::TOO_MANY_UPLOADS,
            FileError::TooManyDownloads => Self::TOO_MANY_DOWNLOADS,
            FileError::QuotaExceeded(quota) => {
                error_with(Status::INSUFFICIENT_STORAGE, "quota exceeded").by(Rule::Quota(quota))
            }
            full @ FileError::StorageFull(_) => insufficient_storage(&full),
            FileError::LengthMismatch => {
                Self::bad_request("Content-Length does not match request body length")
            }
            FileError::DigestMismatch => Self::bad_request("digest mismatch"),
            FileError::Damaged { .. } => Self::INTERNAL,
            FileError::Stopping => Self::SHUTTING_DOWN,
            failed @ (FileError::UploadLost
            | FileError::CursorExhausted
            | FileError::Storage(_)
            | FileError::Blobs(_)) => failure(&failed),
        }
    }
}

/// Logs the reason: a reached reserve, a full disk, an exhausted quota of the file system, or a full bucket.
fn insufficient_storage(error: &FileError) -> ApiError {
    tracing::warn!(error = %ErrorChain(error), "upload rejected");
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "insufficient storage").by(Rule::StoreFull)
}

/// Logs the cause; the response only says whether a retry may succeed.
fn failure(error: &FileError) -> ApiError {
    let is_transient = matches!(
        error,
        FileError::UploadLost
            | FileError::Storage(StorageError::Unavailable(_))
            | FileError::Blobs(BlobError::Unavailable(_))
    );
    let error = ErrorChain(error);
    if is_transient {
        tracing::warn!(%error, "file request failed");
        ApiError::TEMPORARILY_UNAVAILABLE
    } else {
        tracing::error!(%error, "file request failed");
        ApiError::INTERNAL
    }
}
