//! Records: pushes go to the writer, pulls to the readers.

use async_trait::async_trait;
use less_sync_storage::{
    PullPage, PullPosition, PullRequest, PullState, Push, PushLimits, Pushed, ReadGrant, Records,
    StorageError, WriteGrant,
};

use crate::{SqliteStorage, pull, push, spaces};

#[async_trait]
impl Records for SqliteStorage {
    async fn push(&self, grant: &WriteGrant, push: Push, limits: PushLimits) -> Result<Pushed, StorageError> {
        let space = grant.space();
        let bytes = push.check(limits)?;
        self.writer.write(bytes, move |db| push::apply(db, space, &push)).await
    }

    async fn begin_pull(&self, grant: &ReadGrant, request: PullRequest) -> Result<PullState, StorageError> {
        let id = grant.space();
        let found = self.readers.read(move |db| spaces::find(db, id)).await?;
        PullState::begin(&found.ok_or(StorageError::SpaceNotFound)?, request)
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        let (space, state, limits) = (grant.space(), *state, self.pages);
        self.readers.read(move |db| pull::page(db, space, &state, position, limits)).await
    }
}
