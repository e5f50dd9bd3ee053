//! Error responses of the socket: mapping of engine and storage errors to codes and messages (protocol §3).

use std::borrow::Cow;

use less_sync_core::ErrorCode;
use less_sync_engine::EngineError;
use less_sync_storage::StorageError;

/// Code and message of an error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
}

impl RpcError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn bad_request(message: &'static str) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// As `RpcError::from(error)`, except that a used-up rate limit is reported with its limit and what it counts, such as
    /// "spaces per day".
    pub(crate) fn with_limit(error: EngineError, counted: &str) -> Self {
        if let EngineError::RateLimited { limit } = error {
            return Self::new(ErrorCode::RateLimited, format!("rate limit exceeded: max {limit} {counted}"));
        }
        error.into()
    }

    pub(crate) fn invalid_space_id() -> Self {
        Self::bad_request("invalid space id")
    }
}

impl From<EngineError> for RpcError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Forbidden => Self::new(ErrorCode::Forbidden, "forbidden"),
            EngineError::UnknownSpace => Self::new(ErrorCode::NotFound, "space not found"),
            EngineError::HomeUnavailable => Self::new(ErrorCode::HomeUnavailable, "home server unavailable"),
            EngineError::ScopeMissing(scope) => {
                Self::new(ErrorCode::Forbidden, format!("{} scope required", scope.as_str()))
            }
            EngineError::RateLimited { .. } => Self::new(ErrorCode::RateLimited, "rate limited"),
            EngineError::Storage(error) => error.into(),
        }
    }
}

impl From<StorageError> for RpcError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::SpaceNotFound => Self::new(ErrorCode::NotFound, "space not found"),
            StorageError::SpaceExists => Self::new(ErrorCode::Conflict, "space already exists"),
            StorageError::SpaceKindMismatch => {
                tracing::error!("id of a personal space is taken by a shared space");
                Self::new(ErrorCode::Forbidden, "forbidden")
            }
            StorageError::CursorAhead { since, cursor } => {
                Self::new(ErrorCode::CursorAhead, format!("since {since} exceeds current cursor {cursor}"))
            }
            StorageError::EpochStale => Self::new(ErrorCode::EpochStale, "epoch stale"),
            StorageError::Revoked => Self::new(ErrorCode::Forbidden, "forbidden"),
            StorageError::VersionConflict => Self::new(ErrorCode::Conflict, "conflict"),
            StorageError::HashChainBroken => Self::new(ErrorCode::Conflict, "hash chain broken"),
            StorageError::MembershipLogFull => Self::new(ErrorCode::PayloadTooLarge, "membership log full"),
            StorageError::PayloadTooLarge => Self::new(ErrorCode::PayloadTooLarge, "payload too large"),
            StorageError::EpochMismatch => Self::new(ErrorCode::Conflict, "epoch mismatch"),
            StorageError::RewrapIncomplete { .. } => Self::new(ErrorCode::Conflict, "rewrap incomplete"),
            StorageError::InvalidEpoch => Self::new(ErrorCode::BadRequest, "invalid epoch"),
            StorageError::DekEpochMismatch => {
                Self::new(ErrorCode::Conflict, "DEK epoch does not match current key generation")
            }
            StorageError::DekRecordNotFound => {
                Self::new(ErrorCode::BadRequest, "one or more DEK records were not found")
            }
            StorageError::FileDekNotFound => {
                Self::new(ErrorCode::BadRequest, "one or more file DEK records were not found")
            }
            StorageError::DekReplaced => {
                Self::new(ErrorCode::Conflict, "wrapped DEK was replaced concurrently")
            }
            StorageError::InvitationNotFound => Self::new(ErrorCode::NotFound, "not found"),
            StorageError::MailboxFull => Self::new(ErrorCode::RateLimited, "mailbox full"),
            StorageError::RateLimited { .. } => Self::new(ErrorCode::RateLimited, "rate limited"),
            // Files are transferred over HTTP; no method of the socket returns their errors.
            StorageError::RecordNotFound
            | StorageError::FileNotFound
            | StorageError::FileOwnedElsewhere
            | StorageError::UploadLost
            | StorageError::SpaceIsRemote
            | StorageError::CursorExhausted
            | StorageError::Unavailable(_)
            | StorageError::Database(_) => {
                tracing::error!(error = %less_sync_core::ErrorChain(&error), "storage operation failed");
                Self::new(ErrorCode::Internal, "internal")
            }
        }
    }
}
