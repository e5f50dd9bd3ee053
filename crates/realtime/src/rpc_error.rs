//! Error responses of the socket: mapping of engine and storage errors to codes and messages (protocol §3).

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;

use less_sync_core::{ErrorChain, ErrorCode};
use less_sync_engine::EngineError;
use less_sync_storage::{
    DekRejection, EpochKeyRejection, EpochRejection, InvitationRejection, MembershipRejection, PullRejection,
    PushRejection, SpaceRejection, StorageError,
};

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
    pub(crate) fn with_limit<R>(error: EngineError<R>, counted: &str) -> Self
    where
        R: Error + 'static,
        RpcError: From<R>,
    {
        if let EngineError::RateLimited { limit } = error {
            return Self::new(ErrorCode::RateLimited, format!("rate limit exceeded: max {limit} {counted}"));
        }
        error.into()
    }

    pub(crate) fn invalid_space_id() -> Self {
        Self::bad_request("invalid space id")
    }
}

impl<R> From<EngineError<R>> for RpcError
where
    R: Error + 'static,
    RpcError: From<R>,
{
    fn from(error: EngineError<R>) -> Self {
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

impl<R> From<StorageError<R>> for RpcError
where
    R: Error + 'static,
    RpcError: From<R>,
{
    fn from(error: StorageError<R>) -> Self {
        match error {
            StorageError::SpaceNotFound => Self::new(ErrorCode::NotFound, "space not found"),
            StorageError::SpaceKindMismatch => {
                tracing::error!("id of a personal space is taken by a shared space");
                Self::new(ErrorCode::Forbidden, "forbidden")
            }
            StorageError::Revoked => Self::new(ErrorCode::Forbidden, "forbidden"),
            StorageError::Rejected(rejection) => rejection.into(),
            error @ (StorageError::SpaceIsRemote
            | StorageError::Unavailable(_)
            | StorageError::Database(_)) => internal(&error),
        }
    }
}

/// An error that clients cannot act on: the cause is for the operator.
fn internal(error: &(dyn Error + 'static)) -> RpcError {
    tracing::error!(error = %ErrorChain(error), "storage operation failed");
    RpcError::new(ErrorCode::Internal, "internal")
}

impl From<Infallible> for RpcError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<SpaceRejection> for RpcError {
    fn from(rejection: SpaceRejection) -> Self {
        match rejection {
            SpaceRejection::Exists => Self::new(ErrorCode::Conflict, "space already exists"),
        }
    }
}

impl From<PushRejection> for RpcError {
    fn from(rejection: PushRejection) -> Self {
        match rejection {
            PushRejection::EpochStale => Self::new(ErrorCode::EpochStale, "epoch stale"),
            PushRejection::StoreFull => Self::new(ErrorCode::PayloadTooLarge, "store full"),
            PushRejection::QuotaExceeded(_) => Self::new(ErrorCode::PayloadTooLarge, "quota exceeded"),
            PushRejection::CursorExhausted => internal(&rejection),
        }
    }
}

impl From<PullRejection> for RpcError {
    fn from(rejection: PullRejection) -> Self {
        match rejection {
            PullRejection::CursorAhead { since, cursor } => {
                Self::new(ErrorCode::CursorAhead, format!("since {since} exceeds current cursor {cursor}"))
            }
        }
    }
}

impl From<MembershipRejection> for RpcError {
    fn from(rejection: MembershipRejection) -> Self {
        match rejection {
            MembershipRejection::VersionConflict => Self::new(ErrorCode::Conflict, "conflict"),
            MembershipRejection::HashChainBroken => Self::new(ErrorCode::Conflict, "hash chain broken"),
            MembershipRejection::LogFull => Self::new(ErrorCode::PayloadTooLarge, "membership log full"),
            MembershipRejection::PayloadTooLarge => {
                Self::new(ErrorCode::PayloadTooLarge, "payload too large")
            }
            MembershipRejection::StoreFull => Self::new(ErrorCode::PayloadTooLarge, "store full"),
            MembershipRejection::CursorExhausted => internal(&rejection),
        }
    }
}

impl From<EpochRejection> for RpcError {
    fn from(rejection: EpochRejection) -> Self {
        match rejection {
            EpochRejection::Mismatch => Self::new(ErrorCode::Conflict, "epoch mismatch"),
            EpochRejection::RewrapIncomplete { .. } => Self::new(ErrorCode::Conflict, "rewrap incomplete"),
        }
    }
}

impl From<EpochKeyRejection> for RpcError {
    fn from(rejection: EpochKeyRejection) -> Self {
        match rejection {
            EpochKeyRejection::InvalidEpoch => Self::new(ErrorCode::BadRequest, "invalid epoch"),
        }
    }
}

impl From<DekRejection> for RpcError {
    fn from(rejection: DekRejection) -> Self {
        match rejection {
            DekRejection::EpochMismatch => {
                Self::new(ErrorCode::Conflict, "DEK epoch does not match current key generation")
            }
            DekRejection::RecordNotFound => {
                Self::new(ErrorCode::BadRequest, "one or more DEK records were not found")
            }
            DekRejection::FileNotFound => {
                Self::new(ErrorCode::BadRequest, "one or more file DEK records were not found")
            }
            DekRejection::Replaced => Self::new(ErrorCode::Conflict, "wrapped DEK was replaced concurrently"),
        }
    }
}

impl From<InvitationRejection> for RpcError {
    fn from(rejection: InvitationRejection) -> Self {
        match rejection {
            InvitationRejection::NotFound => Self::new(ErrorCode::NotFound, "not found"),
            InvitationRejection::MailboxFull => Self::new(ErrorCode::RateLimited, "mailbox full"),
        }
    }
}
