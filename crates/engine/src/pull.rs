//! Pull: changes of a space after a cursor, page by page.

use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use less_sync_storage::{PullPage, PullPosition, PullRejection, PullRequest, PullState, ReadGrant, Storage};
use tokio::sync::Semaphore;

use crate::{Credentials, Engine, EngineError};

impl Engine {
    /// Begins a pull of `space`. No transaction or connection is held between pages, however slow the reader is.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; as
    /// [`less_sync_storage::Records::begin_pull`]. A storage failure is not a rejection.
    pub async fn pull(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        request: PullRequest,
    ) -> Result<Pull, EngineError<PullRejection>> {
        let admission = self.authorizer.admit(Method::Pull, credentials, space).await;
        let grant = admission.and_then(|admission| admission.reading()).map_err(EngineError::widen)?;
        let state = {
            let _permit = self.page_reads.acquire().await;
            self.storage.begin_pull(&grant, request).await?
        };
        Ok(self.pages(grant, state))
    }

    /// The pull that reads the pages of `state`.
    pub(crate) fn pages(&self, grant: ReadGrant, state: PullState) -> Pull {
        Pull {
            storage: self.storage.clone(),
            page_reads: self.page_reads.clone(),
            grant,
            state,
            next: Some(state.start()),
        }
    }
}

/// A pull in progress.
pub struct Pull {
    storage: Arc<dyn Storage>,
    /// Limit of concurrent page reads in this process, first come first served (protocol B-05).
    page_reads: Arc<Semaphore>,
    grant: ReadGrant,
    state: PullState,
    next: Option<PullPosition>,
}

impl Pull {
    /// State of the space when the pull began. The pages hold changes up to its cursor, inclusive.
    #[must_use]
    pub fn state(&self) -> PullState {
        self.state
    }

    /// Reads the next page; `None` after the last one.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`]; after an error the pull has ended.
    pub async fn next_page(&mut self) -> Result<Option<PullPage>, EngineError> {
        let Some(position) = self.next.take() else { return Ok(None) };
        // The semaphore is never closed, so this always yields a permit; an error would only leave the read uncounted.
        let _permit = self.page_reads.acquire().await;
        let page = self.storage.pull_page(&self.grant, &self.state, position).await?;
        self.next = page.next;
        Ok(Some(page))
    }
}

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull").field("state", &self.state).field("next", &self.next).finish_non_exhaustive()
    }
}
