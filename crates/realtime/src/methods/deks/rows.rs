//! Wire encoding of data keys, by kind. Each generation of clients has its own container, and reads one spelling in it
//! (newer-clients §4.3).

use less_sync_core::cbor::Encode;
use less_sync_core::wire::chunk;
use less_sync_core::wire::deks::{DekRecord, DekRow, DeksResult, FileDekRecord, FileDekRow, FileDeksResult};
use less_sync_core::{DekKind, frame};
use less_sync_storage::StoredDek;

/// Appends a row as a chunk of the response to request `id`.
pub(super) fn write_chunk(kind: DekKind, row: &StoredDek, id: &str, out: &mut Vec<u8>) {
    match kind {
        DekKind::Record => {
            let data = DekRecord { id: row.id.into(), dek: row.dek.as_bytes(), seq: row.cursor };
            frame::write_chunk(out, id, chunk::DEKS_RECORD, &data);
        }
        DekKind::File => {
            let data = FileDekRecord { id: row.id.into(), dek: row.dek.as_bytes(), cursor: row.cursor };
            frame::write_chunk(out, id, chunk::DEKS_FILES_RECORD, &data);
        }
    }
}

/// Appends a row as encoded in the result.
pub(super) fn write_row(kind: DekKind, row: &StoredDek, out: &mut Vec<u8>) {
    match kind {
        DekKind::Record => record_row(row).encode(out),
        DekKind::File => file_row(row).encode(out),
    }
}

/// Complete listing, as the result of the method that lists keys of `kind`.
pub(crate) struct ListingResult {
    pub(super) kind: DekKind,
    /// Chunks sent for the request.
    pub(super) chunks: u64,
    /// Rows to repeat in the result.
    pub(super) rows: Vec<StoredDek>,
}

impl Encode for ListingResult {
    fn encode(&self, out: &mut Vec<u8>) {
        let chunks = self.chunks;
        match self.kind {
            DekKind::Record => {
                DeksResult { chunks, deks: Some(self.rows.iter().map(record_row).collect()) }.encode(out);
            }
            DekKind::File => {
                FileDeksResult { chunks, deks: Some(self.rows.iter().map(file_row).collect()) }.encode(out);
            }
        }
    }

    fn size_hint(&self) -> usize {
        /// Size of an encoded row, in bytes, rounded up.
        const ROW: usize = 128;
        ROW * (self.rows.len() + 1)
    }
}

fn record_row(row: &StoredDek) -> DekRow<'_> {
    DekRow { id: row.id.into(), wrapped_dek: row.dek.as_bytes(), seq: row.cursor }
}

fn file_row(row: &StoredDek) -> FileDekRow<'_> {
    FileDekRow { id: row.id.into(), wrapped_dek: row.dek.as_bytes(), cursor: row.cursor }
}
