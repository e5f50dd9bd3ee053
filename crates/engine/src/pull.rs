//! Pull: changes of a space after a cursor, page by page, from the store or from the server that holds the space.

mod stored;

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use less_sync_storage::{PullPosition, PullRejection, PullRequest, PullState, ReadGrant, RecordVersion, Row};

use self::stored::StoredPull;
use crate::held_blobs::HeldBlob;
use crate::{Credentials, Engine, EngineError, RemotePull, RemoteRows};

impl Engine {
    /// Begins a pull of `space`. No transaction or connection is held between pages, however slow the reader is.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; [`EngineError::Home`] of a
    /// space that another server holds; as [`less_sync_storage::Records::begin_pull`]. A storage failure is not a rejection.
    pub async fn pull(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        request: PullRequest,
    ) -> Result<Pull, EngineError<PullRejection>> {
        let admission = self.authorizer.admit(Method::Pull, credentials, space).await;
        let admission = match admission {
            Err(EngineError::Remote(home)) => {
                let ucan = credentials.ucan.unwrap_or_default().into();
                let rows = home.pull(RemotePull { space, request, ucan }).await.map_err(EngineError::Home)?;
                return Ok(Pull(Source::Remote(rows)));
            }
            other => other,
        };
        let grant = admission.and_then(|admission| admission.reading()).map_err(EngineError::widen)?;
        let _permit = self.page_reads.acquire(grant.access().flow()).await;
        let (state, first) = self.storage.begin_pull(&grant, request).await?;
        let pages = StoredPull { first: Some(first), ..self.stored_pages(grant, state) };
        Ok(Pull(Source::Stored(Box::new(pages))))
    }

    /// The pull that reads the pages of `state` from the store.
    pub(crate) fn stored_pages(&self, grant: ReadGrant, state: PullState) -> StoredPull {
        StoredPull {
            storage: self.storage.clone(),
            page_reads: self.page_reads.clone(),
            held_blobs: self.held_blobs.clone(),
            grant,
            state,
            first: None,
            start: state.start(),
            next: Some(state.start()),
            is_repeated: false,
            budget: stored::CatchUpBudget::default(),
        }
    }
}

/// A pull in progress.
pub struct Pull(Source);

enum Source {
    Stored(Box<StoredPull>),
    Remote(Box<dyn RemoteRows>),
}

impl Pull {
    /// State of the space when the pull began. Every row up to its cursor is in the pages, in this version or a newer one.
    #[must_use]
    pub fn state(&self) -> PullState {
        match &self.0 {
            Source::Stored(stored) => stored.state(),
            Source::Remote(remote) => remote.state(),
        }
    }

    /// Reads the rows of the next page; `None` after the last one. Pages go on beyond the cursor of the state until one ends at
    /// the end of the space, or until the reader has fallen behind its writers for too many pages.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`], or [`EngineError::Home`]; after an error the pull has ended.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Row>>, EngineError> {
        match &mut self.0 {
            Source::Stored(stored) => Ok(stored.next_page().await?.map(|page| page.rows)),
            Source::Remote(remote) => remote.next().await.map_err(EngineError::Home),
        }
    }

    /// Forgets the rest of the page that was read last: the next page begins behind `last`, the last row of it that was
    /// delivered, or at its start. For a reader that has stalled, and would otherwise hold the rest in memory.
    pub fn put_back(&mut self, last: Option<PullPosition>) {
        match &mut self.0 {
            Source::Stored(stored) => stored.put_back(last),
            Source::Remote(remote) => remote.put_back(last),
        }
    }

    /// Large blobs of the pull while the client reads them.
    #[must_use]
    pub fn blob_memory(&self) -> BlobMemory {
        match &self.0 {
            Source::Stored(stored) => stored.try_hold_blob().map_or(BlobMemory::Full, BlobMemory::Permitted),
            Source::Remote(_) => BlobMemory::Received,
        }
    }

    /// Reads a piece of the blob of a record, see [`less_sync_storage::Records::blob_piece`]. `None` for a record that has
    /// been changed, and for one of another server.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::blob_piece`].
    pub async fn blob_piece(
        &self,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, EngineError> {
        match &self.0 {
            Source::Stored(stored) => stored.blob_piece(version, from, length).await,
            Source::Remote(_) => Ok(None),
        }
    }
}

/// Memory for a large blob while its client reads it.
#[derive(Debug)]
pub enum BlobMemory {
    /// The blob may be held as long as its client reads; it can be read in pieces otherwise.
    Permitted(HeldBlob),
    /// The user or all of them together hold as many as they may: the blob is to be read in pieces.
    Full,
    /// The blob has been received from another server, cannot be read in pieces, and has to be held.
    Received,
}

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull").field("state", &self.state()).finish_non_exhaustive()
    }
}
