//! Records in SQLite: pushes go to the writer thread, pulls to the readers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{
    PullError, PullPage, PullPosition, PullRequest, PullState, Push, ReadGrant, RecordVersion, Records,
    StorageError, Ticket, WriteGrant,
};

use rusqlite::Connection;

use crate::access::for_reading;
use crate::push::Bounds;
use crate::writer::Load;
use crate::{SqliteStorage, pull, push};

#[async_trait]
impl Records for SqliteStorage {
    fn enqueue(&self, grant: &WriteGrant, push: Push) -> Ticket {
        let access = grant.access().clone();
        let load = Load::of(&access, push.weight());
        let bounds = Bounds { reserve: Arc::clone(&self.reserve), quotas: self.quotas };
        Ticket::new(self.writer.submit(load, move |db| push::apply(db, &access, &push, &bounds)))
    }

    async fn begin_pull(
        &self,
        grant: &ReadGrant,
        request: PullRequest,
    ) -> Result<(PullState, PullPage), PullError> {
        let (access, limits) = (grant.access().clone(), self.pages);
        let begin = move |db: &Connection| {
            let space = for_reading(db, &access)?;
            let state = PullState::begin((&space).into(), request)?;
            let first = pull::page(db, space.id, &state, state.start(), limits)?;
            Ok((state, first))
        };
        self.readers.snapshot(grant.access().flow(), begin).await
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        let (space, state, limits) = (grant.space(), *state, self.pages);
        let flow = grant.access().flow();
        self.readers.snapshot(flow, move |db| pull::page(db, space, &state, position, limits)).await
    }

    async fn blob_piece(
        &self,
        grant: &ReadGrant,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, StorageError> {
        let space = grant.space();
        let flow = grant.access().flow();
        self.readers.snapshot(flow, move |db| pull::blob_piece(db, space, version, from, length)).await
    }
}
