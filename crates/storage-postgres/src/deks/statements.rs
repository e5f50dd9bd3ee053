//! SQL statements on data keys, one set for each kind.

use less_sync_core::{Cursor, DekKind};
use less_sync_storage::DekPosition;
use uuid::Uuid;

use crate::session::Session;

/// Bounds of one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) space: Uuid,
    /// Position of the last row of the page before, exclusive.
    pub(super) position: DekPosition,
    /// Highest cursor, inclusive.
    pub(super) cursor: Cursor,
    /// Maximum number of rows.
    pub(super) limit: i64,
}

/// Row of a page.
#[derive(Debug)]
pub(super) struct PageRow {
    pub(super) id: Uuid,
    pub(super) cursor: i64,
    pub(super) wrapped_dek: Vec<u8>,
}

/// Stored row of a record or file.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: Uuid,
    pub(super) cursor: i64,
    /// Stored key. `None`: a tombstone, or a record that was pushed without one.
    pub(super) dek: Option<Vec<u8>>,
}

/// Selects live keys, ascending (cursor, id). Keys of another length, which no current client makes, open nothing and are
/// left out.
pub(super) async fn page(
    db: &mut Session,
    kind: DekKind,
    bounds: Bounds,
) -> Result<Vec<PageRow>, sqlx::Error> {
    match kind {
        DekKind::Record => Records::page(db, bounds).await,
        DekKind::File => Files::page(db, bounds).await,
    }
}

/// Selects those rows of a space that exist among `ids`, in no particular order.
pub(super) async fn find(
    db: &mut Session,
    kind: DekKind,
    space: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Stored>, sqlx::Error> {
    match kind {
        DekKind::Record => Records::find(db, space, ids).await,
        DekKind::File => Files::find(db, space, ids).await,
    }
}

/// Replaces the key of each of these rows.
pub(super) async fn replace(
    db: &mut Session,
    kind: DekKind,
    space: Uuid,
    ids: &[Uuid],
    deks: &[&[u8]],
) -> Result<(), sqlx::Error> {
    match kind {
        DekKind::Record => Records::replace(db, space, ids, deks).await,
        DekKind::File => Files::replace(db, space, ids, deks).await,
    }
}

/// Statements on one table. They are checked at compile time, so the name of the table has to be part of each text.
///
/// The planner plans for a space of average size, and most of them are small. A plan that compares each row of a space with
/// each id would be a trap in a large one, so the space is not a constant, but comes with each id. `$live` is the condition
/// of an index that holds no other rows, in the words of the index: every row that a page visits is returned.
macro_rules! statements {
    ($table_type:ident, $table:literal, $live:literal) => {
        struct $table_type;

        impl $table_type {
            async fn page(db: &mut Session, bounds: Bounds) -> Result<Vec<PageRow>, sqlx::Error> {
                let page = sqlx::query_as!(
                    PageRow,
                    r#"SELECT id, cursor, wrapped_dek AS "wrapped_dek!" FROM "#
                        + $table
                        + " WHERE space_id = $1 AND (cursor, id) > ($2, $3) AND cursor <= $4 AND "
                        + $live
                        + " ORDER BY cursor, id LIMIT $5",
                    bounds.space,
                    bounds.position.cursor.as_i64(),
                    Uuid::from_bytes(*bounds.position.id.as_bytes()),
                    bounds.cursor.as_i64(),
                    bounds.limit,
                );
                page.fetch_all(db).await
            }

            async fn find(db: &mut Session, space: Uuid, ids: &[Uuid]) -> Result<Vec<Stored>, sqlx::Error> {
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
                db: &mut Session,
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
        }
    };
}

statements!(Records, "records", "NOT deleted AND length(wrapped_dek) = 44");
statements!(Files, "files", "NOT deleted");
