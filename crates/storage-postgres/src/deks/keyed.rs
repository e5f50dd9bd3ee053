//! The two things that have a data key.

use less_sync_core::{Cursor, FileId, RecordId};
use less_sync_storage::{DekPosition, StorageError, StoredDek};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::columns::{cursor, dek};
use crate::transaction::Aborted;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) space: Uuid,
    /// Only rows after this,
    pub(super) position: DekPosition,
    /// and up to this cursor,
    pub(super) cursor: Cursor,
    /// and no more than so many.
    pub(super) limit: i64,
}

/// A row as it is. A key of `None`: a tombstone, or a record that was pushed without one.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) cursor: i64,
    pub(super) dek: Option<Vec<u8>>,
}

/// The statements on one kind of thing. `Ord` is that of the database.
pub(super) trait Keyed: Copy + Ord + Send + Sync + 'static {
    fn uuid(&self) -> Uuid;

    /// Live keys in their order. Those of another length, which nobody can have made with a current client, open
    /// nothing and are left out.
    fn page(
        db: &mut PgConnection,
        bounds: Bounds,
    ) -> impl Future<Output = Result<Vec<StoredDek<Self>>, Aborted>> + Send;

    /// Those rows of a space that exist among `ids`, in no particular order.
    fn find(
        db: &mut PgConnection,
        space: Uuid,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<Stored>, sqlx::Error>> + Send;

    /// Replaces the key of each of these rows.
    fn replace(
        db: &mut PgConnection,
        space: Uuid,
        ids: &[Uuid],
        deks: &[&[u8]],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// There is no such row.
    fn not_found() -> StorageError;
}

/// The statements are checked at compile time, so the name of their table has to be part of them.
///
/// What the planner must not do, since it plans for a space of average size, and most of them are small: look at a whole
/// space and sort what fits (so the rows come in order from within an `OFFSET 0`, which it does not see through), or
/// compare each row of a space with each id (so the space is not a constant, but comes with each id).
macro_rules! keyed {
    ($id:ty, $table:literal, $not_found:ident) => {
        impl Keyed for $id {
            fn uuid(&self) -> Uuid {
                self.as_uuid()
            }

            async fn page(db: &mut PgConnection, bounds: Bounds) -> Result<Vec<StoredDek<Self>>, Aborted> {
                let page = sqlx::query!(
                    r#"SELECT id, cursor, wrapped_dek AS "wrapped_dek!"
                       FROM (
                           SELECT id, cursor, wrapped_dek FROM "#
                        + $table
                        + r#"
                           WHERE space_id = $1 AND (cursor, id) > ($2, $3) AND cursor <= $4 AND NOT deleted
                           ORDER BY cursor, id OFFSET 0
                       ) AS live
                       WHERE length(wrapped_dek) = 44 ORDER BY cursor, id LIMIT $5"#,
                    bounds.space,
                    bounds.position.cursor.as_i64(),
                    Uuid::from_bytes(bounds.position.id),
                    bounds.cursor.as_i64(),
                    bounds.limit,
                );
                let rows = page.fetch_all(db).await?.into_iter().map(|row| {
                    Ok(StoredDek { id: row.id.into(), cursor: cursor(row.cursor)?, dek: dek(&row.wrapped_dek)? })
                });
                rows.collect()
            }

            async fn find(
                db: &mut PgConnection,
                space: Uuid,
                ids: &[Uuid],
            ) -> Result<Vec<Stored>, sqlx::Error> {
                let rows = sqlx::query_as!(
                    Stored,
                    r#"SELECT row.id, row.cursor, nullif(row.wrapped_dek, '') AS dek
                       FROM unnest($1::uuid[], $2::uuid[]) AS wanted (space_id, id)
                       JOIN "#
                        + $table
                        + " AS row ON row.space_id = wanted.space_id AND row.id = wanted.id",
                    &vec![space; ids.len()],
                    ids,
                );
                rows.fetch_all(db).await
            }

            async fn replace(
                db: &mut PgConnection,
                space: Uuid,
                ids: &[Uuid],
                deks: &[&[u8]],
            ) -> Result<(), sqlx::Error> {
                let replaced = sqlx::query!(
                    "UPDATE "
                        + $table
                        + " AS row SET wrapped_dek = new.dek
                           FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS new (space_id, id, dek)
                           WHERE row.space_id = new.space_id AND row.id = new.id",
                    &vec![space; ids.len()],
                    ids,
                    deks as &[&[u8]],
                );
                replaced.execute(db).await.map(drop)
            }

            fn not_found() -> StorageError {
                StorageError::$not_found
            }
        }
    };
}

keyed!(RecordId, "records", DekRecordNotFound);
keyed!(FileId, "files", FileDekNotFound);
