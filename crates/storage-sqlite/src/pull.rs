//! One page of a pull: a short read in index order (storage §3.7).

use std::ops::Range;

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, RecordId, SpaceId};
use less_sync_storage::{PullPage, PullPosition, PullState, Record, RecordState, Row, StorageError};
use rusqlite::{Connection, params};

use crate::error::{CorruptRow, database, storage_error};
use crate::spaces::cursor;

/// Where a page ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// An id that no id is greater than.
const LAST_ID: [u8; 16] = [0xff; 16];

const LIVE: &str = "\
    SELECT id, cursor, wrapped_dek, blob FROM records
    WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4 AND deleted = 0
    ORDER BY cursor, id LIMIT ?5";

const ALL: &str = "\
    SELECT id, cursor, wrapped_dek, blob FROM records
    WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4
    ORDER BY cursor, id LIMIT ?5";

/// The rows after `position`, up to the limits: a page ends with the row that reaches one of them.
pub(crate) fn page(
    db: &Connection,
    space: SpaceId,
    state: &PullState,
    position: PullPosition,
    limits: PageLimits,
) -> Result<PullPage, StorageError> {
    let after = if position.rank == Row::RECORD { position.id } else { LAST_ID };
    let row_limit = i64::try_from(limits.rows.saturating_add(1)).unwrap_or(i64::MAX);
    let sql = if state.tombstones { ALL } else { LIVE };
    let mut select = db.prepare_cached(sql).map_err(storage_error)?;
    let mut rows = select
        .query(params![space.as_bytes(), position.cursor.as_i64(), after, state.cursor.as_i64(), row_limit])
        .map_err(storage_error)?;
    let mut page = PageBuilder::default();
    while let Some(row) = rows.next().map_err(storage_error)? {
        if page.is_full(limits) {
            // This row is looked at only to know that there is one.
            return Ok(page.finish(true));
        }
        page.add(row)?;
    }
    Ok(page.finish(false))
}

/// The blobs of a page share one allocation, which the records then refer to.
#[derive(Default)]
struct PageBuilder {
    blobs: Vec<u8>,
    rows: Vec<PageRow>,
}

struct PageRow {
    id: RecordId,
    cursor: Cursor,
    dek: Option<Dek>,
    /// Where in `blobs`; none for a tombstone.
    blob: Option<Range<usize>>,
}

impl PageBuilder {
    fn is_full(&self, limits: PageLimits) -> bool {
        self.rows.len() >= limits.rows || self.blobs.len() >= limits.bytes
    }

    fn add(&mut self, row: &rusqlite::Row<'_>) -> Result<(), StorageError> {
        let id = RecordId::from_bytes(row.get(0).map_err(database)?);
        let cursor = cursor(row.get(1).map_err(database)?)?;
        let dek = row.get_ref(2).and_then(|dek| Ok(dek.as_blob_or_null()?)).map_err(database)?;
        let dek = dek.map(Dek::try_from).transpose().map_err(|_| CorruptRow("wrapped key"))?;
        let blob = row.get_ref(3).and_then(|blob| Ok(blob.as_blob_or_null()?)).map_err(database)?;
        let blob = blob.map(|blob| {
            let start = self.blobs.len();
            self.blobs.extend_from_slice(blob);
            start..self.blobs.len()
        });
        self.rows.push(PageRow { id, cursor, dek, blob });
        Ok(())
    }

    fn finish(self, more: bool) -> PullPage {
        let blobs = Bytes::from(self.blobs);
        let rows: Vec<Row> = self.rows.into_iter().map(|row| Row::Record(row.into_record(&blobs))).collect();
        let next = rows.last().filter(|_| more).map(Row::position);
        PullPage { rows, next }
    }
}

impl PageRow {
    fn into_record(self, blobs: &Bytes) -> Record {
        let state = match self.blob {
            Some(range) => RecordState::Live { blob: blobs.slice(range), dek: self.dek },
            None => RecordState::Tombstone,
        };
        Record { id: self.id, cursor: self.cursor, state }
    }
}
