//! Rows as chunks (protocol §5.4).

use less_sync_core::frame;
use less_sync_core::wire::chunk;
use less_sync_core::wire::pull::{PullFile, PullMembership, PullRecord};
use less_sync_storage::{FileEntry, MemberEntry, Record, Row};

use crate::stored_rows;

/// Appends the chunk of `row` in `space` for the request `id`.
pub(super) fn write_row(out: &mut Vec<u8>, id: &str, space: &str, row: &Row) {
    match row {
        Row::Record(record) => {
            frame::write_chunk(out, id, chunk::PULL_RECORD, &pull_record(space, record));
        }
        Row::Member(entry) => {
            frame::write_chunk(out, id, chunk::PULL_MEMBERSHIP, &pull_membership(space, entry));
        }
        Row::File(file) => frame::write_chunk(out, id, chunk::PULL_FILE, &pull_file(space, file)),
    }
}

/// Approximate size of a row as a chunk, in bytes.
pub(super) fn size_hint(row: &Row) -> usize {
    const ENVELOPE: usize = 384;
    row.payload_bytes() + ENVELOPE
}

pub(super) fn pull_record<'a>(space: &'a str, record: &'a Record) -> PullRecord<'a> {
    let (blob, dek, deleted) = stored_rows::record(&record.state);
    PullRecord { space, id: record.id, blob, cursor: record.cursor, dek, deleted }
}

/// Chunk of a single entry, since each entry has its own cursor.
fn pull_membership<'a>(space: &'a str, entry: &'a MemberEntry) -> PullMembership<'a> {
    PullMembership { space, cursor: entry.cursor, entries: vec![stored_rows::entry(entry)] }
}

fn pull_file<'a>(space: &'a str, file: &'a FileEntry) -> PullFile<'a> {
    let (size, dek, deleted) = stored_rows::file(file);
    PullFile { space, id: file.id, record_id: file.record, size, dek, cursor: file.cursor, deleted }
}
