//! Errors of use cases: authorization, rate limits, and what the store rejects.

use std::convert::Infallible;

use less_sync_auth::rights::Scope;
use less_sync_storage::StorageError;

/// Rejection or failure of a use case. `R` holds the rejections of the storage operation behind it, as in [`StorageError`].
#[derive(Debug, thiserror::Error)]
pub enum EngineError<R = Infallible> {
    /// A definite authorization decision; never an outage (protocol D-29).
    #[error("forbidden")]
    Forbidden,
    /// The space is not here, though the caller's chain for it is good in itself (protocol §4.1 step 3).
    #[error("space is unknown to a caller with a chain of their own")]
    UnknownSpace,
    /// Another server holds the space, and this one cannot reach it.
    #[error("home server of the space is unavailable")]
    HomeUnavailable,
    /// The caller's token lacks a scope.
    #[error("scope {} is missing", .0.as_str())]
    ScopeMissing(Scope),
    /// A counted limit is used up.
    #[error("rate limited to {limit}")]
    RateLimited {
        /// The limit, for the message to the client.
        limit: usize,
    },
    /// The store rejected or failed.
    #[error("storage operation failed")]
    Storage(#[source] StorageError<R>),
}

impl<R> From<StorageError<R>> for EngineError<R> {
    fn from(error: StorageError<R>) -> Self {
        Self::Storage(error)
    }
}

impl EngineError {
    /// The same error as that of a use case with rejections of its own.
    #[must_use]
    pub fn widen<R>(self) -> EngineError<R> {
        match self {
            Self::Forbidden => EngineError::Forbidden,
            Self::UnknownSpace => EngineError::UnknownSpace,
            Self::HomeUnavailable => EngineError::HomeUnavailable,
            Self::ScopeMissing(scope) => EngineError::ScopeMissing(scope),
            Self::RateLimited { limit } => EngineError::RateLimited { limit },
            Self::Storage(error) => EngineError::Storage(error.widen()),
        }
    }
}
