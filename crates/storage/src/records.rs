//! Records of a space: opaque blobs, each written under the cursor of its push.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    PullError, PullPage, PullPosition, PullRequest, PullState, Push, PushError, Pushed, ReadGrant,
    RecordVersion, StorageError, Ticket, WriteGrant,
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
    /// [`crate::PushRejection::CursorExhausted`]; [`crate::PushRejection::QuotaExceeded`]; [`StorageError::Unavailable`] when the queue is full, or the outcome is unknown.
    fn enqueue(&self, grant: &WriteGrant, push: Push) -> Ticket;

    /// Places a push in the submission queue and waits for its outcome.
    ///
    /// # Errors
    /// As [`Records::enqueue`].
    async fn push(&self, grant: &WriteGrant, push: Push) -> Result<Pushed, PushError> {
        self.enqueue(grant, push).await
    }

    /// Begins a pull: reads the state of the space and the first page in one snapshot, in one round trip. A pull of a single page
    /// is the space as of one moment. Holds nothing afterwards.
    ///
    /// # Errors
    /// [`StorageError::SpaceNotFound`], [`StorageError::SpaceKindMismatch`], [`StorageError::Revoked`],
    /// [`crate::PullRejection::CursorAhead`].
    async fn begin_pull(
        &self,
        grant: &ReadGrant,
        request: PullRequest,
    ) -> Result<(PullState, PullPage), PullError>;

    /// Reads the page of rows after `position`: a short read of its own, limited by the adapter's page size in rows and
    /// bytes, of which the row that reaches the limit is the last. Holds nothing afterwards.
    ///
    /// Pages go on beyond the bound of `state`, since a row that is rewritten during a pull moves there. A page without a next
    /// one therefore ends a stream with every row of the bound in it, in the version that the pull met. A reader that cannot
    /// catch up with its writers stops at will: what it has not met is above the bound.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError>;

    /// Reads at most `length` bytes of the blob of a record, from the byte `from` on; `None` if the record does not have this
    /// version any more. A range beyond the end of the blob is cut there. For readers that are too slow to hold a whole blob in
    /// memory for them.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn blob_piece(
        &self,
        grant: &ReadGrant,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, StorageError>;
}
