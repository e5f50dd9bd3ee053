//! Violations of the object contract, the same for all stores.

use less_sync_storage::BlobError;

/// Violation of the contract of an object, by its writer, its reader or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// More bytes were written or delivered than announced.
    #[error("object is longer than announced")]
    TooLong,
    /// Fewer bytes were written than announced.
    #[error("object is shorter than announced")]
    TooShort,
    /// The stored object ended before its announced size.
    #[error("stored object ended early")]
    EndedEarly,
    /// The range is not within the object.
    #[error("range is not within the object")]
    Range,
    /// The name is not a valid object name.
    #[error("invalid object name")]
    Name,
    /// The upload was aborted, or its unfinished object deleted.
    #[error("upload was aborted")]
    Aborted,
}

impl From<Violation> for BlobError {
    fn from(violation: Violation) -> Self {
        Self::Failed(Box::new(violation))
    }
}
