//! Chunks of a home server as rows of the store's types, checked.

use bytes::Bytes;
use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::deks::{DekRecord, FileDekRecord};
use less_sync_core::wire::pull::{PullFile, PullMembership, PullRecord};
use less_sync_core::{Dek, SpaceId};
use less_sync_storage::{DekId, FileEntry, FileState, MemberEntry, Record, RecordState, Row, StoredDek};

use super::chunk_queue::{Chunk, ChunkKind};

/// Row of a pull of `space`; `None` for a chunk that is none.
pub(super) fn row(chunk: &Chunk, space: SpaceId) -> Option<Row> {
    let data = &chunk.data;
    let is_of_space = |text: &str| text.parse().ok() == Some(space);
    match chunk.kind {
        ChunkKind::Record => {
            let row = PullRecord::decode(data).ok().filter(|row| is_of_space(row.space))?;
            Some(Row::Record(Record { id: row.id, cursor: row.cursor, state: record_state(&row, data)? }))
        }
        ChunkKind::Membership => {
            let row = PullMembership::decode(data).ok().filter(|row| is_of_space(row.space))?;
            let [entry] = &row.entries[..] else { return None };
            Some(Row::Member(MemberEntry {
                chain_seq: entry.chain_seq,
                cursor: row.cursor,
                prev_hash: entry.prev_hash.map(TryInto::try_into).transpose().ok()?,
                entry_hash: entry.entry_hash.try_into().ok()?,
                payload: data.slice_ref(entry.payload),
            }))
        }
        ChunkKind::File => {
            let row = PullFile::decode(data).ok().filter(|row| is_of_space(row.space))?;
            let state = match row.dek {
                _ if row.deleted => FileState::Tombstone,
                Some(dek) => FileState::Live { size: row.size, dek: Dek::try_from(dek).ok()? },
                None => return None,
            };
            Some(Row::File(FileEntry { id: row.id, record: row.record_id, cursor: row.cursor, state }))
        }
        ChunkKind::Begin
        | ChunkKind::Commit
        | ChunkKind::RecordKey
        | ChunkKind::FileKey
        | ChunkKind::Unknown => None,
    }
}

fn record_state(row: &PullRecord<'_>, data: &Bytes) -> Option<RecordState> {
    if row.deleted {
        return Some(RecordState::Tombstone);
    }
    let dek = row.dek.map(Dek::try_from).transpose().ok()?;
    Some(RecordState::Live { blob: data.slice_ref(row.blob?), dek })
}

/// Row of a listing of keys; `None` for a chunk that is none.
pub(super) fn dek(chunk: &Chunk) -> Option<StoredDek> {
    match chunk.kind {
        ChunkKind::RecordKey => {
            let row = DekRecord::decode(&chunk.data).ok()?;
            Some(StoredDek { id: DekId::from(row.id), cursor: row.seq, dek: Dek::try_from(row.dek).ok()? })
        }
        ChunkKind::FileKey => {
            let row = FileDekRecord::decode(&chunk.data).ok()?;
            Some(StoredDek { id: DekId::from(row.id), cursor: row.cursor, dek: Dek::try_from(row.dek).ok()? })
        }
        ChunkKind::Begin
        | ChunkKind::Record
        | ChunkKind::Membership
        | ChunkKind::File
        | ChunkKind::Commit
        | ChunkKind::Unknown => None,
    }
}
