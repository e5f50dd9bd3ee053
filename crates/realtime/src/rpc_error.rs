//! Error responses of the socket: mapping of engine and storage errors to codes and messages (protocol §3).

use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use less_sync_auth::ucan::UcanError;
use less_sync_core::{Close, ErrorChain, ErrorCode};
use less_sync_engine::{EngineError, HomeError, HomeHandle, Rule};
use less_sync_storage::{
    DekRejection, EpochKeyRejection, EpochRejection, InvitationRejection, MembershipRejection, PullRejection,
    PushRejection, SpaceRejection, StorageError,
};

/// Code and message of an error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    /// Rule behind the rejection, for the operator; `None` for outcomes that are no denial, such as conflicts.
    pub(crate) rule: Option<Rule>,
    /// Close of the connection that follows the response.
    pub(crate) close: Option<Close>,
    /// Time after which a repeat may succeed, for native servers (federation §9.9).
    pub(crate) retry_after: Option<Duration>,
    /// Server that holds the space: the request is forwarded instead of being rejected, where its method can be.
    pub(crate) home: Option<HomeHandle>,
}

impl RpcError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let rule = match code {
            ErrorCode::InvalidParams | ErrorCode::BadRequest => Some(Rule::Malformed),
            ErrorCode::EpochStale => Some(Rule::KeyGeneration),
            ErrorCode::PayloadTooLarge => Some(Rule::TooLarge),
            ErrorCode::RateLimited => Some(Rule::ActionLimit),
            ErrorCode::MethodNotFound => Some(Rule::UnknownMethod),
            ErrorCode::HomeUnavailable | ErrorCode::HomeUntrusted | ErrorCode::HomeUnsupported => {
                Some(Rule::RemoteSpace)
            }
            ErrorCode::Forbidden
            | ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::CursorAhead
            | ErrorCode::Internal => None,
        };
        Self { code, message: message.into(), rule, close: None, retry_after: None, home: None }
    }

    /// The same error, decided by `rule`.
    pub(crate) fn by(self, rule: Rule) -> Self {
        Self { rule: Some(rule), ..self }
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
            EngineError::Forbidden(rule) => Self::new(ErrorCode::Forbidden, "forbidden").by(rule),
            EngineError::UnknownSpace => {
                Self::new(ErrorCode::NotFound, "space not found").by(Rule::UnknownSpace)
            }
            EngineError::HomeUnavailable => Self::new(ErrorCode::HomeUnavailable, "home server unavailable"),
            EngineError::HomeUntrusted => Self::new(ErrorCode::HomeUntrusted, "home server is not trusted"),
            EngineError::HomeConflict => {
                Self::new(ErrorCode::Conflict, "home server conflict").by(Rule::RemoteSpace)
            }
            EngineError::Remote(home) => {
                Self { home: Some(home), ..Self::new(ErrorCode::HomeUnavailable, "home server unavailable") }
            }
            EngineError::Home(error) => error.into(),
            EngineError::ScopeMissing(scope) => {
                Self::new(ErrorCode::Forbidden, format!("{} scope required", scope.as_str()))
                    .by(Rule::Scope(scope))
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
            StorageError::SpaceNotFound => {
                Self::new(ErrorCode::NotFound, "space not found").by(Rule::UnknownSpace)
            }
            StorageError::SpaceKindMismatch => {
                tracing::error!("id of a personal space is taken by a shared space");
                Self::new(ErrorCode::Forbidden, "forbidden").by(Rule::SpaceKind)
            }
            StorageError::Revoked => {
                Self::new(ErrorCode::Forbidden, "forbidden").by(Rule::Chain(UcanError::Revoked))
            }
            StorageError::Rejected(rejection) => rejection.into(),
            error @ (StorageError::SpaceIsRemote
            | StorageError::Unavailable(_)
            | StorageError::Database(_)) => internal(&error),
        }
    }
}

impl From<HomeError> for RpcError {
    /// A rejection of the home server is passed on; a failure of the way there never looks like one (federation INV-3).
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Unavailable => Self::new(ErrorCode::HomeUnavailable, "home server unavailable"),
            HomeError::Untrusted => Self::new(ErrorCode::HomeUntrusted, "home server is not trusted"),
            HomeError::Unsupported => {
                Self::new(ErrorCode::HomeUnsupported, "not supported by the home server")
            }
            HomeError::Busy => Self::new(ErrorCode::RateLimited, "rate limited"),
            HomeError::TooLarge => Self::new(ErrorCode::PayloadTooLarge, "payload too large"),
            HomeError::Rejected { code, message } => match ErrorCode::parse(&code) {
                Some(ErrorCode::MethodNotFound) => HomeError::Unsupported.into(),
                Some(code) => Self::new(code, message),
                None => Self::new(ErrorCode::Internal, "internal"),
            },
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
            PushRejection::StoreFull => {
                Self::new(ErrorCode::PayloadTooLarge, "store full").by(Rule::StoreFull)
            }
            PushRejection::QuotaExceeded(quota) => {
                Self::new(ErrorCode::PayloadTooLarge, "quota exceeded").by(Rule::Quota(quota))
            }
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
            MembershipRejection::LogFull => {
                Self::new(ErrorCode::PayloadTooLarge, "membership log full").by(Rule::Full)
            }
            MembershipRejection::PayloadTooLarge => {
                Self::new(ErrorCode::PayloadTooLarge, "payload too large")
            }
            MembershipRejection::StoreFull => {
                Self::new(ErrorCode::PayloadTooLarge, "store full").by(Rule::StoreFull)
            }
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
            EpochKeyRejection::StoreFull => {
                Self::new(ErrorCode::PayloadTooLarge, "store full").by(Rule::StoreFull)
            }
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
            InvitationRejection::MailboxFull => {
                Self::new(ErrorCode::RateLimited, "mailbox full").by(Rule::Full)
            }
            InvitationRejection::StoreFull => {
                Self::new(ErrorCode::PayloadTooLarge, "store full").by(Rule::StoreFull)
            }
        }
    }
}
