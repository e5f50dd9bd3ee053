//! Epochs: the key generations of a space, and the rewrap that each of them starts (storage §3.11).

use async_trait::async_trait;
use less_sync_core::{Epoch, Requested};

use crate::error::rejections;
use crate::{AdminGrant, ReadGrant, Space, StorageError};

/// Maximum count of outdated keys, of each kind, in the rejection of a completion.
pub const MAX_COUNTED_KEYS: usize = 1000;

/// Outcome of an attempt to begin an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// The epoch is current, and its rewrap is pending.
    Begun(Epoch),
    /// Another epoch was due, or a rewrap is pending; nothing changed.
    Conflict {
        /// The current key generation.
        key_generation: Epoch,
        /// The pending rewrap, if any.
        rewrap_epoch: Option<Epoch>,
    },
}

rejections! {
    EpochError:
    /// Rejections of operations on epochs.
    EpochRejection {
        /// The epoch to complete is not the pending one.
        #[error("epoch mismatch")]
        Mismatch,
        /// Live data keys older than the epoch are left; the minimum was raised nevertheless (storage §3.11).
        #[error("rewrap incomplete: {records} records and {files} files left")]
        RewrapIncomplete {
            /// Records left, at most [`MAX_COUNTED_KEYS`].
            records: usize,
            /// Files left, at most [`MAX_COUNTED_KEYS`].
            files: usize,
        },
    }
}

/// Epochs. None of these operations moves the cursor.
#[async_trait]
pub trait Epochs: Send + Sync {
    /// State of the space.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`].
    async fn space_state(&self, grant: &ReadGrant) -> Result<Space, StorageError>;

    /// Begins `epoch` if it is the next one and no rewrap is pending; with `raise_minimum`, pushes under older epochs
    /// are rejected from now on. Any other epoch is a conflict. A repeat is a conflict in which both epochs are `epoch`.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`].
    async fn advance_epoch(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        raise_minimum: bool,
    ) -> Result<Advanced, StorageError>;

    /// Ends the rewrap of `epoch`: no live data key of a record or a file may be older. Raises the minimum to `epoch`,
    /// and deletes the key shares of epochs up to `epoch` − 2 (newer-clients §4.2). A repeat, when nothing is pending and
    /// `epoch` ≥ 2 is current, changes nothing.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::SpaceIsRemote`],
    /// [`StorageError::Revoked`]; [`EpochRejection::Mismatch`]; [`EpochRejection::RewrapIncomplete`], with the minimum
    /// raised nevertheless, so that writers under the old epoch cannot delay the end forever.
    async fn complete_rewrap(&self, grant: &AdminGrant, epoch: Requested<Epoch>) -> Result<(), EpochError>;
}
