//! Data keys of records and files: the same statements on two tables.

mod keyed;
mod rewrap;

use async_trait::async_trait;
use less_sync_core::{Cursor, FileId, RecordId};
use less_sync_storage::{
    Access, AdminGrant, DEK_PAGE_ROWS, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap,
    RewrapGuard, Rewrapped, StorageError,
};
use sqlx::PgConnection;

use self::keyed::{Bounds, Keyed};
use self::rewrap::Rewrapping;
use crate::PostgresStorage;
use crate::access::{Gate, cids, for_reading};
use crate::pool::Class;
use crate::transaction::Aborted;

#[async_trait]
impl Deks for PostgresStorage {
    async fn begin_deks(&self, grant: &ReadGrant, since: Cursor) -> Result<DekListing, StorageError> {
        let mut lease = self.pool.lease(Class::Request).await?;
        let space = for_reading(lease.connection(), grant.access()).await;
        let space = lease.settle(space)??;
        Ok(DekListing { since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn record_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<RecordId>, StorageError> {
        self.dek_page(grant.access(), listing, position).await
    }

    async fn file_deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<FileId>, StorageError> {
        self.dek_page(grant.access(), listing, position).await
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<RecordId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        self.rewrap(grant.access(), &entries, guard).await
    }

    async fn rewrap_file_deks(
        &self,
        grant: &AdminGrant,
        entries: Vec<Rewrap<FileId>>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        self.rewrap(grant.access(), &entries, guard).await
    }

    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError> {
        let mut lease = self.pool.lease(Class::Request).await?;
        let found = has_files(lease.connection(), grant.access()).await;
        lease.conclude(found)
    }
}

impl PostgresStorage {
    /// One row more than a page has is looked at, only to know that there is one.
    async fn dek_page<Id: Keyed>(
        &self,
        access: &Access,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage<Id>, StorageError> {
        let mut lease = self.pool.lease(Class::Stream).await?;
        let limit = i64::try_from(DEK_PAGE_ROWS + 1).unwrap_or(i64::MAX);
        let bounds = Bounds { space: access.space().as_uuid(), position, cursor: listing.cursor, limit };
        let rows = Id::page(lease.connection(), bounds).await;
        let mut deks = lease.conclude(rows)?;
        let more = deks.len() > DEK_PAGE_ROWS;
        deks.truncate(DEK_PAGE_ROWS);
        let next =
            deks.last().map(|last| DekPosition { cursor: last.cursor, id: last.id.uuid().into_bytes() });
        Ok(DekPage { deks, next: next.filter(|_| more) })
    }

    async fn rewrap<Id: Keyed>(
        &self,
        access: &Access,
        entries: &[Rewrap<Id>],
        guard: RewrapGuard,
    ) -> Result<Rewrapped, StorageError> {
        if entries.is_empty() {
            return Ok(Rewrapped::default());
        }
        self.pool.transact(Class::Push, &Rewrapping { access, entries, guard }).await
    }
}

/// The first in the order of pulls will do: without an order the plan may be to look at all of them.
async fn has_files(db: &mut PgConnection, access: &Access) -> Result<bool, Aborted> {
    let found = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!",
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  (SELECT id FROM files WHERE space_id = $1 AND NOT deleted ORDER BY cursor, id LIMIT 1) AS file
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
    );
    let row = found.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    Gate { shared: row.shared, revoked: row.revoked }.admit(access)?;
    Ok(row.file.is_some())
}
