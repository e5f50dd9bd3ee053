//! Data keys of records and of files, as they travel.

use std::str::FromStr;

use less_sync_core::cbor::Encode;
use less_sync_core::wire::chunk;
use less_sync_core::wire::deks::{DekRecord, DekRow, DeksResult, FileDekRecord, FileDekRow, FileDeksResult};
use less_sync_core::{FileId, RecordId, frame};
use less_sync_engine::Keyed;
use less_sync_storage::StoredDek;

use crate::listed_dek_bounds::Kind;

/// What differs between records and files. Each generation of clients has its own container, and reads one spelling in
/// it (newer-clients §4.3).
pub(crate) trait DekRows: Keyed + FromStr + Ord {
    /// Which of the two.
    const KIND: Kind;

    /// Appends a row as a chunk of the answer to request `id`.
    fn write_chunk(row: &StoredDek<Self>, id: &str, out: &mut Vec<u8>);

    /// Appends a row as it stands in the result.
    fn write_row(row: &StoredDek<Self>, out: &mut Vec<u8>);

    /// The result after `chunks` chunks.
    fn result(chunks: u64, rows: &[StoredDek<Self>]) -> impl Encode + Send;
}

impl DekRows for RecordId {
    const KIND: Kind = Kind::Records;

    fn write_chunk(row: &StoredDek<Self>, id: &str, out: &mut Vec<u8>) {
        let data = DekRecord { id: row.id, dek: row.dek.as_bytes(), seq: row.cursor };
        frame::write_chunk(out, id, chunk::DEKS_RECORD, &data);
    }

    fn write_row(row: &StoredDek<Self>, out: &mut Vec<u8>) {
        record_row(row).encode(out);
    }

    fn result(chunks: u64, rows: &[StoredDek<Self>]) -> impl Encode + Send {
        DeksResult { chunks, deks: Some(rows.iter().map(record_row).collect()) }
    }
}

impl DekRows for FileId {
    const KIND: Kind = Kind::Files;

    fn write_chunk(row: &StoredDek<Self>, id: &str, out: &mut Vec<u8>) {
        let data = FileDekRecord { id: row.id, dek: row.dek.as_bytes(), cursor: row.cursor };
        frame::write_chunk(out, id, chunk::DEKS_FILES_RECORD, &data);
    }

    fn write_row(row: &StoredDek<Self>, out: &mut Vec<u8>) {
        file_row(row).encode(out);
    }

    fn result(chunks: u64, rows: &[StoredDek<Self>]) -> impl Encode + Send {
        FileDeksResult { chunks, deks: Some(rows.iter().map(file_row).collect()) }
    }
}

fn record_row(row: &StoredDek<RecordId>) -> DekRow<'_> {
    DekRow { id: row.id, wrapped_dek: row.dek.as_bytes(), seq: row.cursor }
}

fn file_row(row: &StoredDek<FileId>) -> FileDekRow<'_> {
    FileDekRow { id: row.id, wrapped_dek: row.dek.as_bytes(), cursor: row.cursor }
}
