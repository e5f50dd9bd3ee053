//! Data keys of records and files: the same operations on two tables.

mod rewrap;
mod statements;

use async_trait::async_trait;
use less_sync_core::{Cursor, DekKind};
use less_sync_storage::stored::{CorruptRow, cursor, dek};
use less_sync_storage::{
    Access, AdminGrant, DekError, DekId, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap,
    RewrapGuard, Rewrapped, StorageError, StoredDek,
};

use self::rewrap::RewrapTransaction;
use self::statements::{Bounds, PageRow};
use crate::PostgresStorage;
use crate::access::{ReadCheck, cids, for_reading};
use crate::pool::Class;
use crate::session::Session;
use crate::transaction::Aborted;

#[async_trait]
impl Deks for PostgresStorage {
    async fn begin_deks(
        &self,
        grant: &ReadGrant,
        kind: DekKind,
        since: Cursor,
    ) -> Result<DekListing, StorageError> {
        let mut lease = self.pool.lease(Class::Request).await?;
        let space = for_reading(lease.connection(), grant.access()).await;
        let space = lease.settle(space)??;
        Ok(DekListing { kind, since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage, StorageError> {
        let mut lease = self.pool.lease(Class::Stream).await?;
        let limit = i64::try_from(DekPage::READ_ROWS).unwrap_or(i64::MAX);
        let bounds = Bounds { space: grant.space().as_uuid(), position, cursor: listing.cursor, limit };
        let rows = statements::page(lease.connection(), listing.kind, bounds).await;
        let rows = lease.settle(rows)?.into_iter().map(PageRow::read);
        Ok(DekPage::from_rows(rows.collect::<Result<_, CorruptRow>>()?))
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        kind: DekKind,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        let rewrap = RewrapTransaction { access: grant.access(), kind, entries: &entries, guard };
        self.pool.transact(Class::Push, &rewrap).await
    }

    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError> {
        let mut lease = self.pool.lease(Class::Request).await?;
        let found = has_files(lease.connection(), grant.access()).await;
        lease.conclude(found)
    }
}

impl PageRow {
    fn read(self) -> Result<StoredDek, CorruptRow> {
        Ok(StoredDek {
            id: DekId::from_bytes(self.id.into_bytes()),
            cursor: cursor(self.cursor)?,
            dek: dek(&self.wrapped_dek)?,
        })
    }
}

/// Looks for any live file. Selects the first one in the order of pulls: without an order the planner may scan all files.
async fn has_files(db: &mut Session, access: &Access) -> Result<bool, Aborted> {
    let found = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!",
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  (SELECT id FROM files WHERE space_id = $1 AND NOT deleted ORDER BY cursor, id LIMIT 1) AS file
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
    );
    let row = found.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: row.shared, revoked: row.revoked }.admit(access)?;
    Ok(row.file.is_some())
}
