//! Errors of storage operations: what all of them share, and a type parameter for what one of them rejects.

use std::convert::Infallible;
use std::error::Error;

/// Error of a storage operation (storage §3.2). `R` holds the rejections that only this kind of operation has, one enum
/// per trait of the contract; an operation without any returns `StorageError` alone. Sources are for operators; clients
/// see a code only.
#[derive(Debug, thiserror::Error)]
pub enum StorageError<R = Infallible> {
    /// No such space.
    #[error("space not found")]
    SpaceNotFound,
    /// A token alone for a space with a root key, or a chain for one without. The former means that a shared space was
    /// created under the derived id of a personal one.
    #[error("space has a root key and cannot be personal")]
    SpaceKindMismatch,
    /// The space is homed on another server; this one must not write it (storage T11).
    #[error("space is homed on another server")]
    SpaceIsRemote,
    /// A token of the caller's chain was revoked in this space (storage T12).
    #[error("a token of the chain is revoked")]
    Revoked,
    /// A rejection of this operation only; nothing changed, except as documented for the rejection.
    #[error(transparent)]
    Rejected(R),
    /// The store cannot be reached, timed out, or is overloaded; a retry may help. The outcome of a commit may be unknown:
    /// no event must be published for it (storage T9).
    #[error("storage unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// An unexpected failure: a bug, or a damaged database.
    #[error("storage failed")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}

impl<R> StorageError<R> {
    /// True for a failure of the store, as opposed to a decision of the contract.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Database(_) => true,
            Self::SpaceNotFound
            | Self::SpaceKindMismatch
            | Self::SpaceIsRemote
            | Self::Revoked
            | Self::Rejected(_) => false,
        }
    }

    /// The failure as an error without rejections, or the decision as it is.
    ///
    /// # Errors
    /// The error itself, if it is a decision of the contract.
    pub fn into_failure(self) -> Result<StorageError, Self> {
        match self {
            Self::Unavailable(source) => Ok(StorageError::Unavailable(source)),
            Self::Database(source) => Ok(StorageError::Database(source)),
            decision @ (Self::SpaceNotFound
            | Self::SpaceKindMismatch
            | Self::SpaceIsRemote
            | Self::Revoked
            | Self::Rejected(_)) => Err(decision),
        }
    }

    /// The same error with its rejection, if it is one, converted.
    #[must_use]
    pub fn map_rejected<S>(self, convert: impl FnOnce(R) -> S) -> StorageError<S> {
        match self {
            Self::SpaceNotFound => StorageError::SpaceNotFound,
            Self::SpaceKindMismatch => StorageError::SpaceKindMismatch,
            Self::SpaceIsRemote => StorageError::SpaceIsRemote,
            Self::Revoked => StorageError::Revoked,
            Self::Rejected(rejection) => StorageError::Rejected(convert(rejection)),
            Self::Unavailable(source) => StorageError::Unavailable(source),
            Self::Database(source) => StorageError::Database(source),
        }
    }
}

impl<R> StorageError<R> {
    /// The rejection of this operation.
    ///
    /// # Errors
    /// Any other error.
    pub fn rejection(self) -> Result<R, StorageError> {
        match self {
            Self::Rejected(rejection) => Ok(rejection),
            Self::SpaceNotFound => Err(StorageError::SpaceNotFound),
            Self::SpaceKindMismatch => Err(StorageError::SpaceKindMismatch),
            Self::SpaceIsRemote => Err(StorageError::SpaceIsRemote),
            Self::Revoked => Err(StorageError::Revoked),
            Self::Unavailable(source) => Err(StorageError::Unavailable(source)),
            Self::Database(source) => Err(StorageError::Database(source)),
        }
    }
}

impl StorageError {
    /// The same error as that of an operation with rejections of its own.
    #[must_use]
    pub fn widen<R>(self) -> StorageError<R> {
        self.map_rejected(|never| match never {})
    }
}

/// Declares the rejections of one trait of the contract, and the error of its operations.
macro_rules! rejections {
    ($error:ident: $(#[$doc:meta])* $name:ident { $($variants:tt)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $name { $($variants)* }

        #[doc = concat!("Error of an operation whose rejections are [`", stringify!($name), "`].")]
        pub type $error = crate::StorageError<$name>;

        impl From<$name> for $error {
            fn from(rejection: $name) -> Self {
                Self::Rejected(rejection)
            }
        }
    };
}

pub(crate) use rejections;
