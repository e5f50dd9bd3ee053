//! Branch of a pull: the rows of one table in the order of the timeline.

use bytes::Bytes;
use less_sync_core::{Cursor, FileId, RecordId, SpaceId};
use less_sync_storage::stored::{chain_seq, cursor, dek as stored_dek, size as stored_size};
use less_sync_storage::{
    FileEntry, FileState, MemberEntry, PullPosition, PullState, Record, RecordState, Row, StorageError,
};
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Rows, params};

use super::page_builder::PageBuilder;
use crate::error::{database, storage_error};

/// Kinds of rows, in the order in which those of one cursor are delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Record,
    Member,
    File,
}

/// Place of a row on the timeline: cursor, kind, id.
pub(super) type Key = (Cursor, Kind, [u8; 16]);

const RECORDS: &str = "\
    SELECT id, cursor, deleted, wrapped_dek, blob FROM records
    WHERE space_id = ?1 AND (cursor, id) > (?2, ?3)
    ORDER BY cursor, id";

const MEMBERS: &str = "\
    SELECT chain_seq, cursor, prev_hash, entry_hash, payload FROM members
    WHERE space_id = ?1 AND (cursor, chain_seq) > (?2, ?3)
    ORDER BY cursor, chain_seq";

const FILES: &str = "\
    SELECT id, cursor, deleted, record_id, size, wrapped_dek FROM files
    WHERE space_id = ?1 AND (cursor, id) > (?2, ?3)
    ORDER BY cursor, id";

impl Kind {
    /// The statement: space, position (cursor, id). Columns 0 and 1 are id and cursor. It has no limit: rows are
    /// taken one by one, and no more than a page needs.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Record => RECORDS,
            Self::Member => MEMBERS,
            Self::File => FILES,
        }
    }

    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Record => Row::RECORD,
            Self::Member => Row::MEMBER,
            Self::File => Row::FILE,
        }
    }

    /// The last row of this kind that a pull at `position` has passed (storage §3.7). Never "the cursor with the lowest
    /// id": the nil UUID is an id like any other.
    fn passed(self, position: PullPosition) -> (i64, Value) {
        let cursor = position.cursor.as_i64();
        match self.rank().cmp(&position.rank) {
            std::cmp::Ordering::Less => (cursor, self.id(u128::MAX)),
            std::cmp::Ordering::Equal => (cursor, self.id(u128::from_be_bytes(position.id))),
            std::cmp::Ordering::Greater => (cursor - 1, self.id(u128::MAX)),
        }
    }

    /// An id as its table holds it.
    fn id(self, id: u128) -> Value {
        match self {
            Self::Record | Self::File => Value::Blob(id.to_be_bytes().to_vec()),
            Self::Member => Value::Integer(i64::try_from(id).unwrap_or(i64::MAX)),
        }
    }
}

/// Rows of one kind that a pull has still to deliver.
pub(super) struct Branch<'statement> {
    kind: Kind,
    rows: Rows<'statement>,
    /// Of the row that `rows` stands at.
    key: Option<Key>,
}

impl<'statement> Branch<'statement> {
    /// The rows after `position`.
    pub(super) fn open<R>(
        kind: Kind,
        statement: &'statement mut CachedStatement<'_>,
        space: SpaceId,
        position: PullPosition,
    ) -> Result<Self, StorageError<R>> {
        let (cursor, id) = kind.passed(position);
        let rows = statement.query(params![space.as_bytes(), cursor, id]).map_err(storage_error)?;
        let mut branch = Self { kind, rows, key: None };
        branch.advance()?;
        Ok(branch)
    }

    /// Position of the next row on the timeline, if any.
    pub(super) fn key(&self) -> Option<Key> {
        self.key
    }

    /// Puts the next row into a page, if the pull delivers it.
    pub(super) fn take<R>(
        &mut self,
        pull: &PullState,
        page: &mut PageBuilder,
    ) -> Result<(), StorageError<R>> {
        if let (Some((cursor, kind, id)), Some(row)) = (self.key, self.rows.get())
            && pull.delivers(cursor, is_tombstone(kind, row)?)
        {
            match kind {
                Kind::Record => add_record(page, RecordId::from_bytes(id), cursor, row)?,
                Kind::Member => add_member(page, cursor, row)?,
                Kind::File => add_file(page, FileId::from_bytes(id), cursor, row)?,
            }
        }
        self.advance()
    }

    fn advance<R>(&mut self) -> Result<(), StorageError<R>> {
        self.rows.advance().map_err(storage_error)?;
        self.key = self.rows.get().map(|row| key(self.kind, row)).transpose()?;
        Ok(())
    }
}

fn is_tombstone<R>(kind: Kind, row: &rusqlite::Row<'_>) -> Result<bool, StorageError<R>> {
    match kind {
        Kind::Record | Kind::File => row.get(2).map_err(database),
        Kind::Member => Ok(false),
    }
}

fn key<R>(kind: Kind, row: &rusqlite::Row<'_>) -> Result<Key, StorageError<R>> {
    let id = match kind {
        Kind::Record | Kind::File => row.get(0).map_err(database)?,
        Kind::Member => u128::from(row.get::<_, u32>(0).map_err(database)?).to_be_bytes(),
    };
    Ok((cursor(row.get(1).map_err(database)?)?, kind, id))
}

fn add_record<R>(
    page: &mut PageBuilder,
    id: RecordId,
    cursor: Cursor,
    row: &rusqlite::Row<'_>,
) -> Result<(), StorageError<R>> {
    let dek = row.get_ref(3).and_then(|dek| Ok(dek.as_blob_or_null()?)).map_err(database)?;
    let blob = row.get_ref(4).and_then(|blob| Ok(blob.as_blob_or_null()?)).map_err(database)?;
    let dek = dek.map(stored_dek).transpose()?;
    let state = match blob {
        Some(_) => RecordState::Live { blob: Bytes::new(), dek },
        None => RecordState::Tombstone,
    };
    page.add(Row::Record(Record { id, cursor, state }), blob.unwrap_or_default());
    Ok(())
}

fn add_member<R>(
    page: &mut PageBuilder,
    cursor: Cursor,
    row: &rusqlite::Row<'_>,
) -> Result<(), StorageError<R>> {
    let chain_seq = chain_seq(row.get(0).map_err(database)?)?;
    let prev_hash = row.get(2).map_err(database)?;
    let entry_hash = row.get(3).map_err(database)?;
    let payload = row.get_ref(4).and_then(|payload| Ok(payload.as_blob()?)).map_err(database)?;
    let entry = MemberEntry { chain_seq, cursor, prev_hash, entry_hash, payload: Bytes::new() };
    page.add(Row::Member(entry), payload);
    Ok(())
}

fn add_file<R>(
    page: &mut PageBuilder,
    id: FileId,
    cursor: Cursor,
    row: &rusqlite::Row<'_>,
) -> Result<(), StorageError<R>> {
    let record = RecordId::from_bytes(row.get(3).map_err(database)?);
    let state = if row.get(2).map_err(database)? {
        FileState::Tombstone
    } else {
        let size = row.get::<_, i64>(4).map_err(database)?;
        let dek = row.get_ref(5).and_then(|dek| Ok(dek.as_blob()?)).map_err(database)?;
        FileState::Live { size: stored_size(size)?, dek: stored_dek(dek)? }
    };
    page.add(Row::File(FileEntry { id, record, cursor, state }), &[]);
    Ok(())
}
