//! Begin of a pull: access, state and first page in one statement, and so in one snapshot (storage §3.7).

use less_sync_core::Cursor;
use less_sync_storage::stored::{CorruptRow, cursor, epoch};
use less_sync_storage::{Access, PullError, PullPage, PullRequest, PullState, SpaceHead, StorageError};
use uuid::Uuid;

use super::{PageLimits, PageRow, page};
use crate::access::{ReadCheck, cids};
use crate::session::Session;

/// Row of the statement: the space, and a row of the page. Without rows in the page there is one, with the space only.
struct BeginRow {
    shared: bool,
    revoked: bool,
    space_cursor: i64,
    key_generation: i32,
    rewrap_epoch: Option<i32>,
    /// Number of the row in the page, from 1.
    place: Option<i64>,
    rank: Option<i32>,
    id: Option<Uuid>,
    cursor: Option<i64>,
    deleted: Option<bool>,
    wrapped_dek: Option<Vec<u8>>,
    content: Option<Vec<u8>>,
    chain_seq: Option<i32>,
    prev_hash: Option<Vec<u8>>,
    entry_hash: Option<Vec<u8>>,
    size: Option<i64>,
    record_id: Option<Uuid>,
    more: Option<bool>,
}

/// Reads the state of the space and the first page.
pub(crate) async fn begin(
    connection: &mut Session,
    access: &Access,
    request: PullRequest,
    limits: PageLimits,
) -> Result<Result<(PullState, PullPage), PullError>, sqlx::Error> {
    let rows = select(connection, access, request.since, limits).await?;
    Ok(read(rows, access, request))
}

async fn select(
    connection: &mut Session,
    access: &Access,
    since: Cursor,
    limits: PageLimits,
) -> Result<Vec<BeginRow>, sqlx::Error> {
    let rows = sqlx::query_file_as!(
        BeginRow,
        "src/pull/begin.sql",
        access.space().as_uuid(),
        &cids(access),
        since.as_i64(),
        limits.rows,
        limits.bytes,
    );
    rows.fetch_all(connection).await
}

fn read(
    mut rows: Vec<BeginRow>,
    access: &Access,
    request: PullRequest,
) -> Result<(PullState, PullPage), PullError> {
    let space = rows.first().ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: space.shared, revoked: space.revoked }.admit(access)?;
    let state = PullState::begin(space.head()?, request)?;
    // The join keeps the order of the page, but does not promise to.
    rows.sort_by_key(|row| row.place);
    let rows = rows.into_iter().filter_map(BeginRow::page_row).collect();
    Ok((state, page(&state, rows)?))
}

impl BeginRow {
    fn head(&self) -> Result<SpaceHead, CorruptRow> {
        Ok(SpaceHead {
            cursor: cursor(self.space_cursor)?,
            key_generation: epoch(self.key_generation)?,
            rewrap_epoch: self.rewrap_epoch.map(epoch).transpose()?,
        })
    }

    /// The row of the page; `None` where the page has none.
    fn page_row(self) -> Option<PageRow> {
        Some(PageRow {
            rank: self.rank?,
            id: self.id,
            cursor: self.cursor?,
            deleted: self.deleted?,
            wrapped_dek: self.wrapped_dek,
            content: self.content,
            chain_seq: self.chain_seq,
            prev_hash: self.prev_hash,
            entry_hash: self.entry_hash,
            size: self.size,
            record_id: self.record_id,
            more: self.more?,
        })
    }
}
