//! Pull: changes of a space after a cursor, page by page.

use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use less_sync_storage::{
    FairSemaphore, PullPage, PullPosition, PullRejection, PullRequest, PullState, ReadGrant, Storage,
};

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
        let _permit = self.page_reads.acquire(grant.access().flow()).await;
        let (state, first) = self.storage.begin_pull(&grant, request).await?;
        Ok(Pull { first: Some(first), ..self.pages(grant, state) })
    }

    /// The pull that reads the pages of `state`.
    pub(crate) fn pages(&self, grant: ReadGrant, state: PullState) -> Pull {
        Pull {
            storage: self.storage.clone(),
            page_reads: self.page_reads.clone(),
            grant,
            state,
            first: None,
            next: Some(state.start()),
            budget: CatchUpBudget::default(),
        }
    }
}

/// A pull in progress.
pub struct Pull {
    storage: Arc<dyn Storage>,
    /// Limit of concurrent page reads in this process, shared fairly by users (protocol B-05).
    page_reads: FairSemaphore,
    grant: ReadGrant,
    state: PullState,
    /// First page until it is taken, read together with the state.
    first: Option<PullPage>,
    next: Option<PullPosition>,
    budget: CatchUpBudget,
}

impl Pull {
    /// State of the space when the pull began. Every row up to its cursor is in the pages, in this version or a newer one.
    #[must_use]
    pub fn state(&self) -> PullState {
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
    pub async fn next_page(&mut self) -> Result<Option<PullPage>, EngineError> {
        let page = if let Some(first) = self.first.take() {
            first
        } else {
            let Some(position) = self.next.take() else { return Ok(None) };
            if !self.budget.permits(self.state.is_past_bound(position)) {
                return Ok(None);
            }
            // The semaphore is never closed, so this always yields a permit; an error would only leave the read uncounted.
            let _permit = self.page_reads.acquire(self.grant.access().flow()).await;
            self.storage.pull_page(&self.grant, &self.state, position).await?
        };
        self.next = page.next;
        Ok(Some(page))
    }
}

/// Pages that a pull may read beyond its bound: as many as below it, and at least [`MIN_CATCH_UP_PAGES`]. A writer that
/// rewrites more than a page between any two of these pages would otherwise keep the pull from ending (decision 0017).
#[derive(Debug, Default)]
struct CatchUpBudget {
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

impl std::fmt::Debug for Pull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pull").field("state", &self.state).field("next", &self.next).finish_non_exhaustive()
    }
}
