//! Listing of all spaces, and bounded counts of their rows.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use less_sync_storage::stored::{cursor, epoch};
use less_sync_storage::{
    INVENTORY_PAGE, Inventory, ListedSpace, PENDING_REWRAPS_BOUND, PendingRewraps, RowCounts, StorageError,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::pool::Class;
use crate::read::read;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

#[async_trait]
impl Inventory for PostgresStorage {
    async fn list_spaces(
        &self,
        after: Option<SpaceId>,
        limit: u32,
    ) -> Result<Vec<ListedSpace>, StorageError> {
        let limit = i64::from(limit.min(INVENTORY_PAGE));
        let rows = read!(self.pool, Class::Job, |db| list(db, after, limit))?;
        rows.into_iter().map(ListedRow::read).collect()
    }

    async fn count_rows(&self, space: SpaceId, bound: u32) -> Result<RowCounts, StorageError> {
        self.pool.transact(Class::Job, &Count { space, bound }).await
    }

    async fn pending_rewraps(&self) -> Result<PendingRewraps, StorageError> {
        self.pool.transact(Class::Job, &Pending).await
    }
}

/// Row of a listing.
struct ListedRow {
    id: Uuid,
    is_shared: bool,
    cursor: i64,
    stored_bytes: i64,
    key_generation: i32,
    rewrap_epoch: Option<i32>,
    home_server: Option<String>,
}

impl ListedRow {
    fn read(self) -> Result<ListedSpace, StorageError> {
        Ok(ListedSpace {
            id: self.id.into(),
            is_shared: self.is_shared,
            cursor: cursor(self.cursor)?,
            stored_bytes: u64::try_from(self.stored_bytes).unwrap_or(0),
            key_generation: epoch(self.key_generation)?,
            rewrap_epoch: self.rewrap_epoch.map(epoch).transpose()?,
            home_server: self.home_server,
        })
    }
}

/// Reads a page. The row after which the listing continues comes first, if it is still there, and is left out: there is no id
/// before the first one from which a statement could begin.
async fn list(db: &mut Session, after: Option<SpaceId>, limit: i64) -> Result<Vec<ListedRow>, sqlx::Error> {
    let from = after.map_or(Uuid::nil(), |space| space.as_uuid());
    let mut rows = sqlx::query_as!(
        ListedRow,
        r#"SELECT id, root_public_key IS NOT NULL AS "is_shared!", cursor, stored_bytes, key_generation, rewrap_epoch,
                  home_server
           FROM spaces WHERE id >= $1 ORDER BY id LIMIT $2"#,
        from,
        limit.saturating_add(1),
    )
    .fetch_all(db)
    .await?;
    rows.retain(|row| after.is_none_or(|after| row.id != after.as_uuid()));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// Bounded count of the rows of a space.
struct Count {
    space: SpaceId,
    bound: u32,
}

impl Transaction for Count {
    type Outcome = RowCounts;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<RowCounts, Aborted> {
        plan_by_key(db).await?;
        let counted = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM (SELECT FROM records WHERE space_id = $1 LIMIT $2) AS r) AS "records!",
                      (SELECT count(*) FROM (SELECT FROM files WHERE space_id = $1 LIMIT $2) AS f) AS "files!",
                      (SELECT count(*) FROM (SELECT FROM members WHERE space_id = $1 LIMIT $2) AS m) AS "members!""#,
            self.space.as_uuid(),
            i64::from(self.bound),
        );
        let counted = counted.fetch_one(db).await?;
        let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
        Ok(RowCounts {
            records: count(counted.records),
            files: count(counted.files),
            members: count(counted.members),
        })
    }
}

/// Bounded count of the spaces with a pending rewrap, and the age of the oldest one.
struct Pending;

impl Transaction for Pending {
    type Outcome = PendingRewraps;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<PendingRewraps, Aborted> {
        plan_by_key(db).await?;
        let pending = sqlx::query!(
            r#"SELECT (SELECT count(*) FROM
                           (SELECT FROM spaces WHERE rewrap_epoch IS NOT NULL LIMIT $1) AS s) AS "spaces!",
                      (SELECT (extract(epoch FROM now() - min(rewrap_since)) * 1000)::bigint FROM spaces
                       WHERE rewrap_epoch IS NOT NULL) AS oldest_millis"#,
            i64::from(PENDING_REWRAPS_BOUND),
        );
        let pending = pending.fetch_one(db).await?;
        let age = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        Ok(PendingRewraps {
            spaces: u32::try_from(pending.spaces).unwrap_or(u32::MAX),
            oldest: pending.oldest_millis.map(age),
        })
    }
}
