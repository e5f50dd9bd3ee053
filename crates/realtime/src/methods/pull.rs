//! `pull` (protocol §4.4, §5.4).

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::wire::chunk;
use less_sync_core::wire::pull::{
    ChunkCount, OnCursorAhead, PullBegin, PullCommit, PullEntry, PullFile, PullMembership, PullParams,
    PullRecord,
};
use less_sync_core::{Cursor, ErrorCode, SpaceId, frame, limits};
use less_sync_engine::{Credentials, EngineError, Pull};
use less_sync_storage::{
    CursorAhead, FileEntry, MemberEntry, PullPage, PullRequest, Record, Row, StorageError,
};

use super::Finished;
use super::chunks::{Chunks, frames};
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use crate::wire;

/// `pull`. One space after the other, in request order; a space that may not be read is skipped without a word.
pub(super) async fn pull(connection: Arc<Connection>, call: Call) -> Finished {
    let result = stream(&connection, &call).await.map(|chunks| ChunkCount { chunks });
    connection.answer(&call, result).await;
    Finished::default()
}

async fn stream(connection: &Connection, call: &Call) -> Result<u64, RpcError> {
    let params: PullParams<'_> = call.params().map_err(|cause| RpcError::invalid_params("pull", cause))?;
    if params.spaces.len() > limits::SPACES {
        return Err(RpcError::new(ErrorCode::BadRequest, "too many spaces in pull request"));
    }
    let ahead = match params.on_cursor_ahead {
        Some(OnCursorAhead::Error) => CursorAhead::Error,
        Some(OnCursorAhead::Rewind) | None => CursorAhead::Rewind,
    };
    let mut chunks = 0;
    let mut seen = HashSet::new();
    for entry in &params.spaces {
        let Ok(space) = entry.id.parse::<SpaceId>() else { continue };
        // One call streams a space once: clients reject a second `pull.begin` (newer-clients §3.2).
        if seen.insert(space) {
            chunks += stream_space(connection, call, space, entry, ahead).await?;
        }
    }
    Ok(chunks)
}

/// Streams one space; answers how many chunks that were.
async fn stream_space(
    connection: &Connection,
    call: &Call,
    space: SpaceId,
    entry: &PullEntry<'_>,
    ahead: CursorAhead,
) -> Result<u64, RpcError> {
    // No space can be that far: beyond the ceiling of all cursors every number is equally ahead.
    let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
    let request = PullRequest { since, ahead };
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: entry.ucan };
    let mut pull = match connection.endpoint.engine.pull(credentials, space, request).await {
        Ok(pull) => pull,
        Err(error) if is_skipped(&error) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let state = pull.state();
    if ahead == CursorAhead::Rewind && since > state.cursor {
        tracing::warn!("a client is ahead of its space: streaming it whole");
    }
    let chunks = Chunks { connection, call };
    let begin = PullBegin {
        space: entry.id,
        prev: state.prev,
        cursor: state.cursor,
        key_generation: state.key_generation,
        rewrap_epoch: state.rewrap_epoch,
    };
    chunks.one(chunk::PULL_BEGIN, &begin).await;
    let count = SpaceChunks { chunks, space: entry.id }.rows(&mut pull).await?;
    let commit = PullCommit { space: entry.id, prev: state.prev, cursor: state.cursor, count };
    chunks.one(chunk::PULL_COMMIT, &commit).await;
    Ok(count + 2)
}

/// Whether a space is left out without a word (protocol §4.4). A failure is none of these: it fails the request.
fn is_skipped(error: &EngineError) -> bool {
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
    chunks: Chunks<'a>,
    space: &'a str,
}

impl SpaceChunks<'_> {
    /// Sends every row; the next page is read while one is being sent.
    async fn rows(&self, pull: &mut Pull) -> Result<u64, RpcError> {
        let mut count = 0;
        let mut page = pull.next_page().await?;
        while let Some(current) = page {
            count += current.rows.len() as u64;
            let frames = self.encode_page(&current);
            drop(current);
            let (next, ()) = futures_util::join!(pull.next_page(), self.chunks.send(frames));
            page = next?;
        }
        Ok(count)
    }

    fn encode_page(&self, page: &PullPage) -> Vec<Bytes> {
        let capacity = page.rows.iter().map(size_hint).sum();
        frames(&page.rows, capacity, |out, row| self.write_row(out, row))
    }

    fn write_row(&self, out: &mut Vec<u8>, row: &Row) {
        let id = self.chunks.call.id();
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

/// About what a row takes as a chunk, in bytes.
fn size_hint(row: &Row) -> usize {
    const ENVELOPE: usize = 384;
    row.payload_bytes() + ENVELOPE
}

fn pull_record<'a>(space: &'a str, record: &'a Record) -> PullRecord<'a> {
    let (blob, dek, deleted) = wire::record(&record.state);
    PullRecord { space, id: record.id, blob, cursor: record.cursor, dek, deleted }
}

/// The log is read one entry at a time: each has a cursor of its own.
fn pull_membership<'a>(space: &'a str, entry: &'a MemberEntry) -> PullMembership<'a> {
    PullMembership { space, cursor: entry.cursor, entries: vec![wire::entry(entry)] }
}

fn pull_file<'a>(space: &'a str, file: &'a FileEntry) -> PullFile<'a> {
    let (size, dek, deleted) = wire::file(file);
    PullFile { space, id: file.id, record_id: file.record, size, dek, cursor: file.cursor, deleted }
}
