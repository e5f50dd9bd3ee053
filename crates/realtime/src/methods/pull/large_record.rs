//! Large record of a pull: a message of several frames, so that its client need not be waited for with all of it in memory.
//!
//! A client that reads gets the blob that its page was read with. For one that stalls the rest of the blob is forgotten, and
//! read piece by piece as it goes on. If the record has been changed meanwhile the message cannot be completed: the connection
//! is closed as a slow consumer, and the client pulls again (protocol §1.8).

use std::collections::VecDeque;

use bytes::Bytes;
use less_sync_core::{Close, ErrorCode, frame};
use less_sync_engine::{BlobMemory, Pull};
use less_sync_storage::{Record, RecordState, Row};

use super::encoding::pull_record;
use crate::methods::stream::Stream;
use crate::rpc_error::RpcError;

/// Size of a blob above which its record is sent in pieces, in bytes.
const LARGE: usize = 512 * 1024;

/// Size of a piece, in bytes.
const PIECE: usize = 128 * 1024;

/// Record with a large blob.
pub(super) struct LargeRecord {
    /// The record with an empty blob.
    record: Record,
    blob: Bytes,
}

impl LargeRecord {
    /// The record of `row`, if it has a large blob.
    pub(super) fn of(row: &Row) -> Option<Self> {
        let Row::Record(Record { id, cursor, state: RecordState::Live { blob, dek } }) = row else {
            return None;
        };
        (blob.len() > LARGE).then(|| {
            let state = RecordState::Live { blob: Bytes::new(), dek: *dek };
            Self { record: Record { id: *id, cursor: *cursor, state }, blob: blob.clone() }
        })
    }

    /// Sends the record, the last of `rows` that its page has before the others. Returns false if the client stalled meanwhile;
    /// the others are then cleared.
    pub(super) async fn send(
        self,
        stream: Stream<'_>,
        space: &str,
        pull: &Pull,
        rows: &mut VecDeque<Row>,
    ) -> Result<bool, RpcError> {
        let Self { record, blob } = self;
        let length = blob.len();
        let (before, after) = frame::record_around_blob(stream.id(), &pull_record(space, &record), length);
        let message = stream.begin_message(before.into()).await;
        let mut held = match pull.blob_memory() {
            BlobMemory::Permitted(permit) => Some((blob, Some(permit))),
            BlobMemory::Received => Some((blob, None)),
            BlobMemory::Full => None,
        };
        if held.is_none() {
            // The rest of the page has slices of the same allocation.
            *rows = VecDeque::new();
        }
        let mut is_read = held.is_some();
        for from in (0..length).step_by(PIECE) {
            if !stream.in_time(message.room()).await {
                is_read = false;
                *rows = VecDeque::new();
                // Slices of one allocation: neither of them alone would free it. A blob that came from another server cannot be
                // read in pieces.
                held = held.filter(|(_, permit)| permit.is_none());
                stream.context.connection().note_stall();
                message.room().await;
            }
            message.add(match &held {
                // A copy, because a slice in the queue would keep all of the page in memory.
                Some((blob, _permit)) => {
                    Bytes::copy_from_slice(blob.get(from..length.min(from + PIECE)).unwrap_or_default())
                }
                None => piece(stream, pull, &record, from).await?,
            });
        }
        message.end(after.into());
        Ok(is_read)
    }
}

/// Reads a piece of the blob of `record` again.
async fn piece(stream: Stream<'_>, pull: &Pull, record: &Record, from: usize) -> Result<Bytes, RpcError> {
    let piece = pull.blob_piece(record.version(), from, PIECE).await?;
    piece.ok_or_else(|| {
        stream.context.connection().outbox.close(Close::SLOW_CONSUMER);
        RpcError::new(ErrorCode::Internal, "internal")
    })
}
