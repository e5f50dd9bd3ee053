//! What a use case can answer instead of its result.

use less_sync_auth::rights::Scope;
use less_sync_storage::StorageError;

/// Rejection or failure of a use case.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
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
    #[error("storage rejected or failed")]
    Storage(#[from] StorageError),
}
