//! `pull` (protocol §4.4, §5.4).

use std::collections::HashSet;

use bytes::Bytes;
use less_sync_core::wire::chunk;
use less_sync_core::wire::pull::{
    ChunkCount, OnCursorAhead, PullBegin, PullCommit, PullEntry, PullFile, PullMembership, PullParams,
    PullRecord,
};
use less_sync_core::{Cursor, SpaceId, frame, limits};
use less_sync_engine::{Credentials, EngineError, Pull};
use less_sync_storage::{
    CursorAhead, FileEntry, MemberEntry, PullPage, PullRejection, PullRequest, Record, Row, StorageError,
};

use super::params::space_id;
use super::stream::{Response, Stream, frames};
use crate::rpc_error::RpcError;
use crate::stored_rows;

/// `pull`. Streams the spaces in request order; a space that may not be read is skipped silently.
pub(super) async fn pull(
    stream: Stream<'_>,
    params: PullParams<'_>,
) -> Result<Response<ChunkCount>, RpcError> {
    if params.spaces.len() > limits::SPACES {
        return Err(RpcError::bad_request("too many spaces in pull request"));
    }
    let mut chunks = 0;
    let mut seen = HashSet::new();
    for entry in &params.spaces {
        let Ok(space) = space_id(entry.id) else { continue };
        // A request streams a space at most once: clients reject a second `pull.begin` (newer-clients §3.2).
        if seen.insert(space) {
            chunks += stream_space(stream, space, entry, params.on_cursor_ahead).await?;
        }
    }
    Ok(ChunkCount { chunks }.into())
}

/// Streams one space and returns the number of chunks.
async fn stream_space(
    stream: Stream<'_>,
    space: SpaceId,
    entry: &PullEntry<'_>,
    on_ahead: Option<OnCursorAhead>,
) -> Result<u64, RpcError> {
    // No space reaches a cursor above the maximum: all numbers beyond it are equally ahead.
    let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
    let ahead = match on_ahead {
        Some(OnCursorAhead::Error) => CursorAhead::Error,
        Some(OnCursorAhead::Rewind) | None => CursorAhead::Rewind,
    };
    let request = PullRequest { since, ahead };
    // Read anew for every space: a token refreshed during the stream applies to the rest of it.
    let caller = stream.current_caller();
    let failed = Some(stream.context.connection().failed_verifications());
    let credentials = Credentials { caller: &caller, ucan: entry.ucan, failed };
    let mut pull = match stream.context.engine().pull(credentials, space, request).await {
        Ok(pull) => pull,
        Err(error) if is_skipped(&error) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let state = pull.state();
    // A client that names `rewind` requests the whole space; without it, the cursor is one of a lost history.
    if on_ahead.is_none() && since > state.cursor {
        stream.context.connection().note_cursor_ahead();
    }
    let begin = PullBegin {
        space: entry.id,
        prev: state.prev,
        cursor: state.cursor,
        key_generation: state.key_generation,
        rewrap_epoch: state.rewrap_epoch,
    };
    stream.chunk(chunk::PULL_BEGIN, &begin).await;
    let count = SpaceChunks { stream, space: entry.id }.rows(&mut pull).await?;
    let commit = PullCommit { space: entry.id, prev: state.prev, cursor: state.cursor, count };
    stream.chunk(chunk::PULL_COMMIT, &commit).await;
    Ok(count + 2)
}

/// True if the space is skipped silently (protocol §4.4); any other error fails the request.
fn is_skipped(error: &EngineError<PullRejection>) -> bool {
    match error {
        EngineError::Forbidden | EngineError::UnknownSpace | EngineError::HomeUnavailable => true,
        EngineError::ScopeMissing(_) | EngineError::RateLimited { .. } => false,
        EngineError::Storage(error) => matches!(
            error,
            StorageError::SpaceNotFound | StorageError::SpaceKindMismatch | StorageError::Revoked
        ),
    }
}

/// The chunks of one space within one request.
struct SpaceChunks<'a> {
    stream: Stream<'a>,
    space: &'a str,
}

impl SpaceChunks<'_> {
    /// Sends every row. The next page is read while the rest of the current one is in the reply queue, and not before a peer
    /// that reads slowly has taken the most of it.
    async fn rows(&self, pull: &mut Pull) -> Result<u64, RpcError> {
        let mut count = 0;
        let mut page = pull.next_page().await?;
        while let Some(current) = page {
            count += current.rows.len() as u64;
            let frames = self.encode_page(&current);
            drop(current);
            self.stream.send(frames).await;
            self.stream.room().await;
            page = pull.next_page().await?;
        }
        Ok(count)
    }

    fn encode_page(&self, page: &PullPage) -> Vec<Bytes> {
        let capacity = page.rows.iter().map(size_hint).sum();
        frames(&page.rows, capacity, |out, row| self.write_row(out, row))
    }

    fn write_row(&self, out: &mut Vec<u8>, row: &Row) {
        let id = self.stream.id();
        match row {
            Row::Record(record) => {
                frame::write_chunk(out, id, chunk::PULL_RECORD, &pull_record(self.space, record));
            }
            Row::Member(entry) => {
                frame::write_chunk(out, id, chunk::PULL_MEMBERSHIP, &pull_membership(self.space, entry));
            }
            Row::File(file) => frame::write_chunk(out, id, chunk::PULL_FILE, &pull_file(self.space, file)),
        }
    }
}

/// Approximate size of a row as a chunk, in bytes.
fn size_hint(row: &Row) -> usize {
    const ENVELOPE: usize = 384;
    row.payload_bytes() + ENVELOPE
}

fn pull_record<'a>(space: &'a str, record: &'a Record) -> PullRecord<'a> {
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
