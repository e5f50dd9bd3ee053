//! Records in PostgreSQL: pushes go to the submission queue, pulls read a page at a time.

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{
    PullError, PullPage, PullPosition, PullRequest, PullState, Push, ReadGrant, RecordVersion, Records,
    StorageError, Ticket, WriteGrant,
};

use crate::pool::Class;
use crate::read::read;
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
        read!(self.pool, Class::Stream, |db| pull::begin(db, grant.access(), request, self.pages))?
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        Ok(pull::page(
            state,
            read!(self.pool, Class::Stream, |db| pull::select(
                db,
                grant.space(),
                state,
                position,
                self.pages
            ))?,
        )?)
    }

    async fn blob_piece(
        &self,
        grant: &ReadGrant,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, StorageError> {
        read!(self.pool, Class::Stream, |db| pull::blob_piece(db, grant.space(), version, from, length))
    }
}
