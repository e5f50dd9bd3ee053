//! Pages of a pull, read from the store.

use std::sync::Arc;

use bytes::Bytes;
use less_sync_storage::{
    FairSemaphore, PullPage, PullPosition, PullState, ReadGrant, RecordVersion, Storage,
};

use crate::EngineError;
use crate::held_blobs::{HeldBlob, HeldBlobs};

/// A pull in progress, from the store.
pub(crate) struct StoredPull {
    pub(super) storage: Arc<dyn Storage>,
    /// Limit of concurrent page reads in this process, shared fairly by users (protocol B-05).
    pub(super) page_reads: FairSemaphore,
    pub(super) held_blobs: HeldBlobs,
    pub(super) grant: ReadGrant,
    pub(super) state: PullState,
    /// First page until it is taken, read together with the state.
    pub(super) first: Option<PullPage>,
    /// Position of the page that was read last.
    pub(super) start: PullPosition,
    pub(super) next: Option<PullPosition>,
    /// True if the next page repeats rows of the last one.
    pub(super) is_repeated: bool,
    pub(super) budget: CatchUpBudget,
}

impl StoredPull {
    /// State of the space when the pull began. Every row up to its cursor is in the pages, in this version or a newer one.
    pub(crate) fn state(&self) -> PullState {
        self.state
    }

    /// True if all rows up to the bound have been read.
    pub(crate) fn is_past_bound(&self) -> bool {
        self.next.is_none_or(|position| self.state.is_past_bound(position))
    }

    /// Reads the next page; `None` after the last one. Pages go on beyond the cursor of the state until one ends at the end of
    /// the space, or until the reader has fallen behind its writers for too many pages.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`]; after an error the pull has ended.
    pub(crate) async fn next_page(&mut self) -> Result<Option<PullPage>, EngineError> {
        let page = if let Some(first) = self.first.take() {
            first
        } else {
            let Some(position) = self.next.take() else { return Ok(None) };
            let is_repeated = std::mem::take(&mut self.is_repeated);
            if !is_repeated && !self.budget.permits(self.state.is_past_bound(position)) {
                return Ok(None);
            }
            self.start = position;
            // The semaphore is never closed, so this always yields a permit; an error would only leave the read uncounted.
            let _permit = self.page_reads.acquire(self.grant.access().flow()).await;
            self.storage.pull_page(&self.grant, &self.state, position).await?
        };
        self.next = page.next;
        Ok(Some(page))
    }

    /// Forgets the rest of the page that was read last: the next page begins behind `last`, the last row of it that was
    /// delivered, or at its start. For a reader that has stalled, and would otherwise hold the rest in memory.
    pub(crate) fn put_back(&mut self, last: Option<PullPosition>) {
        self.next = Some(last.unwrap_or(self.start));
        self.is_repeated = true;
    }

    /// Permit to hold a large blob in memory while the client reads it. `None`: the user or all of them together hold as many as
    /// they may, and the blob is to be read in pieces.
    pub(crate) fn try_hold_blob(&self) -> Option<HeldBlob> {
        self.held_blobs.try_hold(self.grant.access().flow())
    }

    /// Reads a piece of the blob of a record, see [`less_sync_storage::Records::blob_piece`].
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::blob_piece`].
    pub(crate) async fn blob_piece(
        &self,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, EngineError> {
        let _permit = self.page_reads.acquire(self.grant.access().flow()).await;
        Ok(self.storage.blob_piece(&self.grant, version, from, length).await?)
    }
}

/// Pages that a pull may read beyond its bound: as many as below it, and at least [`MIN_CATCH_UP_PAGES`]. A writer that
/// rewrites more than a page between any two of these pages would otherwise keep the pull from ending (decision 0017).
#[derive(Debug, Default)]
pub(super) struct CatchUpBudget {
    below: u64,
    beyond: u64,
}

const MIN_CATCH_UP_PAGES: u64 = 64;

impl CatchUpBudget {
    /// Counts a page, and returns false if it is one too many.
    fn permits(&mut self, is_past_bound: bool) -> bool {
        if is_past_bound {
            self.beyond += 1;
            self.beyond <= self.below.max(MIN_CATCH_UP_PAGES)
        } else {
            self.below += 1;
            true
        }
    }
}
