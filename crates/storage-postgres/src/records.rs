//! Records in PostgreSQL: pushes go to the submission queue, pulls read a page at a time.

use async_trait::async_trait;
use less_sync_storage::{
    PullError, PullPage, PullPosition, PullRequest, PullState, Push, ReadGrant, Records, StorageError,
    Ticket, WriteGrant,
};

use crate::pool::Class;
use crate::{PostgresStorage, pull};

#[async_trait]
impl Records for PostgresStorage {
    fn enqueue(&self, grant: &WriteGrant, push: Push) -> Ticket {
        self.pusher.submit(grant.access().clone(), push)
    }

    async fn begin_pull(
        &self,
        grant: &ReadGrant,
        request: PullRequest,
    ) -> Result<(PullState, PullPage), PullError> {
        let mut lease = self.pool.lease(Class::Stream).await?;
        let begun = pull::begin(lease.connection(), grant.access(), request, self.pages).await;
        lease.settle(begun)?
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        let mut lease = self.pool.lease(Class::Stream).await?;
        let rows = pull::select(lease.connection(), grant.space(), state, position, self.pages).await;
        Ok(pull::page(state, lease.settle(rows)?)?)
    }
}
