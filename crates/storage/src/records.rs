//! Records of a space: opaque blobs, each written under the cursor of its push.

use async_trait::async_trait;

use crate::{
    PullError, PullPage, PullPosition, PullRequest, PullState, Push, PushError, Pushed, ReadGrant,
    StorageError, Ticket, WriteGrant,
};

/// Records of a space: opaque blobs, each written under the cursor of its push.
#[async_trait]
pub trait Records: Send + Sync {
    /// Places a push in the submission queue and returns at once, without waiting. Pushes to one space take effect in the
    /// order of the calls, those without changes included; an edge that pipelines pushes relies on that order.
    ///
    /// The push applies every change or none, under one new cursor (storage §3.6). Files of records that become tombstones
    /// become tombstones with them, and their objects are marked for deletion. When the ticket resolves to `Committed` the
    /// push is durable. No changes: reads the cursor, writes nothing. A blind repeat is a conflict.
    ///
    /// # Errors
    /// The ticket resolves to [`StorageError::SpaceNotFound`]; [`StorageError::SpaceKindMismatch`];
    /// [`StorageError::SpaceIsRemote`]; in shared spaces [`StorageError::Revoked`], then [`crate::PushRejection::EpochStale`];
    /// [`crate::PushRejection::CursorExhausted`]; [`StorageError::Unavailable`] when the queue is full, or the outcome is unknown.
    fn enqueue(&self, grant: &WriteGrant, push: Push) -> Ticket;

    /// Places a push in the submission queue and waits for its outcome.
    ///
    /// # Errors
    /// As [`Records::enqueue`].
    async fn push(&self, grant: &WriteGrant, push: Push) -> Result<Pushed, PushError> {
        self.enqueue(grant, push).await
    }

    /// Begins a pull: reads the state of the space, once, and thereby fixes its upper bound. Holds nothing
    /// afterwards.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`],
    /// [`crate::PullRejection::CursorAhead`].
    async fn begin_pull(&self, grant: &ReadGrant, request: PullRequest) -> Result<PullState, PullError>;

    /// Reads a page of rows after `position` and up to the bound of `state`: a short read of its own, limited by
    /// the adapter's page size in rows and bytes (always at least one row while there are any). Holds nothing
    /// afterwards. A row rewritten since the pull began has moved above the bound and is left out.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError>;
}
