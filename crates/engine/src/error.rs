//! Errors of use cases: authorization, rate limits, and what the store rejects.

use std::convert::Infallible;

use less_sync_auth::rights::Scope;
use less_sync_storage::StorageError;

use crate::{HomeError, HomeHandle, Rule};

/// Rejection or failure of a use case. `R` holds the rejections of the storage operation behind it, as in [`StorageError`].
#[derive(Debug, thiserror::Error)]
pub enum EngineError<R = Infallible> {
    /// A definite authorization decision; never an outage (protocol D-29).
    #[error("forbidden")]
    Forbidden(Rule),
    /// The space is not here, though the caller's chain for it is good in itself (protocol §4.1 step 3).
    #[error("space is unknown to a caller with a chain of their own")]
    UnknownSpace,
    /// Another server holds the space, and this one cannot reach it.
    #[error("home server of the space is unavailable")]
    HomeUnavailable,
    /// Server that holds the space is not a trusted peer.
    #[error("home server of the space is not trusted")]
    HomeUntrusted,
    /// Server named by the client is not the one that holds the space.
    #[error("client names another home server of the space")]
    HomeConflict,
    /// Another server holds the space, and the request has to be forwarded: the caller's chain is good for it.
    #[error("space is held by another server")]
    Remote(HomeHandle),
    /// The request was passed on to the server that holds the space, and failed there or on the way.
    #[error("call to the home server failed")]
    Home(#[source] HomeError),
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
            Self::Forbidden(rule) => EngineError::Forbidden(rule),
            Self::UnknownSpace => EngineError::UnknownSpace,
            Self::HomeUnavailable => EngineError::HomeUnavailable,
            Self::HomeUntrusted => EngineError::HomeUntrusted,
            Self::HomeConflict => EngineError::HomeConflict,
            Self::Remote(home) => EngineError::Remote(home),
            Self::Home(error) => EngineError::Home(error),
            Self::ScopeMissing(scope) => EngineError::ScopeMissing(scope),
            Self::RateLimited { limit } => EngineError::RateLimited { limit },
            Self::Storage(error) => EngineError::Storage(error.widen()),
        }
    }
}
