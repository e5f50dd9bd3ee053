//! What breaks the contract of an object, whichever store it is in.

use less_sync_storage::BlobError;

/// Why an object or a request for one cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// More was written than was announced.
    #[error("object is longer than announced")]
    TooLong,
    /// Less was written than was announced.
    #[error("object is shorter than announced")]
    TooShort,
    /// The stored object ended before its size.
    #[error("stored object ended early")]
    EndedEarly,
    /// A range that is not within the object.
    #[error("range is not within the object")]
    Range,
    /// A name that no object can have.
    #[error("not a name of an object")]
    Name,
    /// The object that was being written was removed meanwhile, or its writer gave up.
    #[error("upload was given up")]
    GivenUp,
}

impl From<Violation> for BlobError {
    fn from(violation: Violation) -> Self {
        Self::Failed(Box::new(violation))
    }
}
