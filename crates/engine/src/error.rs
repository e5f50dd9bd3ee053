//! What a use case can answer instead of its result.

use less_sync_storage::StorageError;

/// Refusal or failure of a use case.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A definite authorization decision; never an outage (protocol D-29).
    #[error("forbidden")]
    Forbidden,
    /// A counted limit is used up.
    #[error("rate limited to {limit}")]
    RateLimited {
        /// The limit, for the message to the client.
        limit: usize,
    },
    /// The store refused or failed.
    #[error("storage refused or failed")]
    Storage(#[from] StorageError),
}
