//! Pull: what happened in a space since a cursor, page by page.

use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use less_sync_storage::{PullPage, PullPosition, PullRequest, PullState, ReadGrant, Storage};
use tokio::sync::Semaphore;

use crate::{Credentials, Engine, EngineError};

impl Engine {
    /// Begins a pull of `space`. Nothing is held in the store between pages, so a reader may take its time.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; as
    /// [`less_sync_storage::Records::begin_pull`]. Storage failures are no rejection.
    pub async fn pull(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        request: PullRequest,
    ) -> Result<Pull, EngineError> {
        let grant = self.authorizer.admit(Method::Pull, credentials, space).await?.reading()?;
        let state = {
            let _turn = self.page_reads.acquire().await;
            self.storage.begin_pull(&grant, request).await?
        };
        Ok(self.pages(grant, state))
    }

    /// The pages of a pull that has begun.
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

/// A pull under way.
pub struct Pull {
    storage: Arc<dyn Storage>,
    /// Page reads at once in this process, in a fair queue (protocol B-05).
    page_reads: Arc<Semaphore>,
    grant: ReadGrant,
    state: PullState,
    next: Option<PullPosition>,
}

impl Pull {
    /// The state of the space when the pull began; its cursor bounds what the pages hold.
    #[must_use]
    pub fn state(&self) -> PullState {
        self.state
    }

    /// The next page; `None` after the last one.
    ///
    /// # Errors
    /// As [`less_sync_storage::Records::pull_page`]; the pull is over then.
    pub async fn next_page(&mut self) -> Result<Option<PullPage>, EngineError> {
        let Some(position) = self.next.take() else { return Ok(None) };
        // The semaphore is never closed; without a permit the read would merely not be counted.
        let _turn = self.page_reads.acquire().await;
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
