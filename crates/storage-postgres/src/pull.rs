//! Page of a pull: a short read in index order (storage §3.7).

mod begin;
mod blob_piece;

use bytes::Bytes;
use less_sync_core::{Dek, SpaceId};
use less_sync_storage::stored::{CorruptRow, chain_seq, cursor, dek, size as stored_size};
use less_sync_storage::{
    FileEntry, FileState, MemberEntry, PullPage, PullPosition, PullState, Record, RecordState, Row,
};
use uuid::Uuid;

pub(crate) use self::begin::begin;
pub(crate) use self::blob_piece::blob_piece;
use crate::columns::hash;
use crate::session::Session;

/// Limits of a page; the row that reaches one of them is the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageLimits {
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
}

/// A row of any kind; what its kind does not have is `None`.
pub(crate) struct PageRow {
    rank: i32,
    id: Option<Uuid>,
    cursor: i64,
    deleted: bool,
    wrapped_dek: Option<Vec<u8>>,
    /// Blob of a record, payload of a membership entry.
    content: Option<Vec<u8>>,
    chain_seq: Option<i32>,
    prev_hash: Option<Vec<u8>>,
    entry_hash: Option<Vec<u8>>,
    size: Option<i64>,
    record_id: Option<Uuid>,
    more: bool,
}

/// Lower bounds of the branches of the statement. An id that no other is greater than stands for "nothing of this cursor",
/// so the lower bound never is an id that a row may have.
struct After {
    record: (i64, Uuid),
    member: i64,
    file: (i64, Uuid),
}

impl After {
    fn new(position: PullPosition) -> Self {
        let (at, id) = (position.cursor.as_i64(), Uuid::from_bytes(position.id));
        let record = if position.rank == Row::RECORD { id } else { Uuid::max() };
        let file = if position.rank == Row::FILE { (at, id) } else { (at - 1, Uuid::max()) };
        // An entry has its cursor to itself.
        let member = if position.rank >= Row::MEMBER { at } else { at - 1 };
        Self { record: (at, record), member, file }
    }
}

/// The rows after `position`, up to the limits: a page ends with the row that reaches one of them.
///
/// Each kind is a branch that reads its own index in order and stops after a page, so what is merged and weighed is a
/// page per branch, never the space. `octet_length` of a blob that is stored out of line does not fetch it, so what is
/// cut off costs nothing.
pub(crate) async fn select(
    connection: &mut Session,
    space: SpaceId,
    state: &PullState,
    position: PullPosition,
    limits: PageLimits,
) -> Result<Vec<PageRow>, sqlx::Error> {
    let after = After::new(position);
    let factor = i64::try_from(state.page_factor(position)).unwrap_or(1);
    let rows = sqlx::query_file_as!(
        PageRow,
        "src/pull/page.sql",
        space.as_uuid(),
        limits.rows.saturating_mul(factor),
        limits.bytes.saturating_mul(factor),
        after.record.0,
        after.record.1,
        after.member,
        after.file.0,
        after.file.1,
    );
    rows.fetch_all(connection).await
}

/// Builds the page from its rows, without the tombstones that the pull does not deliver.
pub(crate) fn page(state: &PullState, rows: Vec<PageRow>) -> Result<PullPage, CorruptRow> {
    let more = rows.last().is_some_and(|last| last.more);
    let mut rows = rows.into_iter().map(PageRow::read).collect::<Result<Vec<Row>, _>>()?;
    let next = rows.last().filter(|_| more).map(Row::position);
    rows.retain(|row| state.delivers(row.cursor(), row.is_tombstone()));
    Ok(PullPage { rows, next })
}

impl PageRow {
    fn read(self) -> Result<Row, CorruptRow> {
        match u8::try_from(self.rank) {
            Ok(Row::RECORD) => self.record().map(Row::Record),
            Ok(Row::MEMBER) => self.member().map(Row::Member),
            Ok(Row::FILE) => self.file().map(Row::File),
            _ => Err(CorruptRow("kind of row")),
        }
    }

    fn record(self) -> Result<Record, CorruptRow> {
        let state = match self.content {
            _ if self.deleted => RecordState::Tombstone,
            // The original server took keys of any length. One of another length opens nothing (storage §3.11), and must
            // not keep the records after it from those who pull.
            Some(blob) => RecordState::Live {
                blob: Bytes::from(blob),
                dek: self.wrapped_dek.and_then(|key| Dek::try_from(&*key).ok()),
            },
            None => return Err(CorruptRow("blob")),
        };
        let id = self.id.ok_or(CorruptRow("record id"))?;
        Ok(Record { id: id.into(), cursor: cursor(self.cursor)?, state })
    }

    fn member(self) -> Result<MemberEntry, CorruptRow> {
        Ok(MemberEntry {
            chain_seq: chain_seq(self.chain_seq.ok_or(CorruptRow("position in a membership log"))?)?,
            cursor: cursor(self.cursor)?,
            prev_hash: self.prev_hash.map(hash).transpose()?,
            entry_hash: self.entry_hash.map(hash).ok_or(CorruptRow("entry hash"))??,
            payload: self.content.ok_or(CorruptRow("membership payload"))?.into(),
        })
    }

    fn file(self) -> Result<FileEntry, CorruptRow> {
        let state = match (self.size, self.wrapped_dek) {
            _ if self.deleted => FileState::Tombstone,
            (Some(size), Some(key)) => FileState::Live { size: stored_size(size)?, dek: dek(&key)? },
            _ => return Err(CorruptRow("file")),
        };
        Ok(FileEntry {
            id: self.id.ok_or(CorruptRow("file id"))?.into(),
            record: self.record_id.ok_or(CorruptRow("owner of a file"))?.into(),
            cursor: cursor(self.cursor)?,
            state,
        })
    }
}
