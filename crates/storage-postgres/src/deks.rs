//! Data keys of records and files: the same operations on two tables.

mod rewrap;
mod statements;

use async_trait::async_trait;
use less_sync_core::{Cursor, DekKind};
use less_sync_storage::stored::{CorruptRow, cursor, dek};
use less_sync_storage::{
    Access, AdminGrant, DekError, DekId, DekListing, DekPage, DekPosition, Deks, ReadGrant, Rewrap,
    RewrapGuard, RewrapPieces, Rewrapped, StorageError, StoredDek,
};
use uuid::Uuid;

use self::rewrap::RewrapTransaction;
use self::statements::{Bounds, PageRow};
use crate::PostgresStorage;
use crate::access::{ReadCheck, cids, for_reading};
use crate::pool::Class;
use crate::read::read;
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
        let space = read!(self.pool, Class::Request, |db| for_reading(db, grant.access()))??;
        Ok(DekListing { kind, since, cursor: space.cursor, key_generation: space.key_generation })
    }

    async fn deks(
        &self,
        grant: &ReadGrant,
        listing: &DekListing,
        position: DekPosition,
    ) -> Result<DekPage, StorageError> {
        let space = grant.space().as_uuid();
        read!(self.pool, Class::Stream, |db| page(db, space, listing.kind, position, listing.cursor))
    }

    async fn rewrap_deks(
        &self,
        grant: &AdminGrant,
        kind: DekKind,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        let (access, pieces) = (grant.access(), RewrapPieces::new(entries));
        let piece =
            |entries, writes| RewrapTransaction { access, kind, pieces: &pieces, entries, guard, writes };
        // All pieces are checked before the first one is written, so that what can be known beforehand rejects the rewrap
        // as a whole. Only a race may still end it between two pieces.
        if pieces.iter().len() > 1 {
            for entries in pieces.iter() {
                self.pool.transact(Class::Push, &piece(entries, false)).await?;
            }
        }
        let mut replaced = 0;
        for entries in pieces.iter() {
            replaced += self.pool.transact(Class::Push, &piece(entries, true)).await?;
        }
        Ok(pieces.outcome(replaced))
    }

    async fn has_files(&self, grant: &ReadGrant) -> Result<bool, StorageError> {
        read!(self.pool, Class::Request, |db| has_files(db, grant.access()))
    }
}

/// The page of keys of `kind` after `position`, up to the cursor `bound`.
pub(crate) async fn page<R>(
    db: &mut Session,
    space: Uuid,
    kind: DekKind,
    position: DekPosition,
    bound: Cursor,
) -> Result<DekPage, Aborted<R>> {
    let limit = i64::try_from(DekPage::READ_ROWS).unwrap_or(i64::MAX);
    let rows = statements::page(db, kind, Bounds { space, position, cursor: bound, limit }).await?;
    Ok(DekPage::from_rows(rows.into_iter().map(PageRow::read).collect::<Result<_, CorruptRow>>()?))
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
