//! Records of a space: opaque blobs, each written under the cursor of its push.

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Cursor, Dek, Epoch, RecordId};

use crate::error::rejections;
use crate::{Push, PushError, Pushed, ReadGrant, Row, StorageError, Ticket, WriteGrant};

/// What a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Ciphertext, possibly empty, and the wrapped key that opens it, when the client gave one.
    Live {
        /// The ciphertext.
        blob: Bytes,
        /// The wrapped data key.
        dek: Option<Dek>,
    },
    /// Deleted; neither blob nor key are kept.
    Tombstone,
}

/// What to do with a pull from beyond the cursor of the space (protocol D-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorAhead {
    /// Fail with [`PullRejection::CursorAhead`].
    Error,
    /// Stream everything from the start, tombstones included, with `prev` 0.
    Rewind,
}

/// What a pull asks for.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest {
    /// Everything above this cursor. Zero: live rows only, no tombstones.
    pub since: Cursor,
    /// When `since` is beyond the space.
    pub ahead: CursorAhead,
}

/// State of a space at the start of a pull; fixes the upper bound of all its pages (storage §3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullState {
    /// The `since` that is served: the requested one, or 0 after a rewind.
    pub prev: Cursor,
    /// The upper bound C.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Pending rewrap, if any.
    pub rewrap_epoch: Option<Epoch>,
    /// Whether tombstones are part of the answer.
    pub tombstones: bool,
}

/// Where a pull stands between two pages. Only an adapter makes one, only [`PullState::start`] begins one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullPosition {
    /// Cursor of the last row delivered.
    pub cursor: Cursor,
    /// Kind of the last row delivered, see [`Row`].
    pub rank: u8,
    /// Id of the last row delivered; of a membership entry its place in the log, big endian.
    pub id: [u8; 16],
}

impl PullState {
    /// The position before the first row.
    #[must_use]
    pub fn start(&self) -> PullPosition {
        PullPosition { cursor: self.prev, rank: Row::FILE, id: [0xff; 16] }
    }
}

/// A record as a pull delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record.
    pub id: RecordId,
    /// Cursor of its last change.
    pub cursor: Cursor,
    /// What it holds.
    pub state: RecordState,
}

/// A page of a pull.
#[derive(Clone, Debug)]
pub struct PullPage {
    /// Rows in order: ascending cursor; then records, membership entries, files; then id.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PullPosition>,
}

rejections! {
    PullError:
    /// Rejections of a pull.
    PullRejection {
        /// A pull from beyond the cursor of the space, with [`CursorAhead::Error`].
        #[error("since {since} exceeds current cursor {cursor}")]
        CursorAhead {
            /// Cursor that the pull asked for.
            since: Cursor,
            /// Cursor of the space.
            cursor: Cursor,
        },
    }
}

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
    /// [`StorageError::SpaceIsRemote`]; in shared spaces [`StorageError::Revoked`], then [`PushRejection::EpochStale`];
    /// [`PushRejection::CursorExhausted`]; [`StorageError::Unavailable`] when the queue is full, or the outcome is unknown.
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
    /// [`PullRejection::CursorAhead`].
    async fn begin_pull(&self, grant: &ReadGrant, request: PullRequest) -> Result<PullState, PullError>;

    /// One page of rows after `position` and up to the bound of `state`: a short read of its own, limited by
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
