//! Chunks of an answer.

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::frame;

use crate::call::Call;
use crate::connection::Connection;

/// The chunks of one request.
#[derive(Clone, Copy)]
pub(super) struct Chunks<'a> {
    pub(super) connection: &'a Connection,
    pub(super) call: &'a Call,
}

impl Chunks<'_> {
    /// Sends one chunk, waiting for room.
    pub(super) async fn one(&self, name: &str, data: &impl Encode) {
        let mut out = Vec::new();
        frame::write_chunk(&mut out, self.call.id(), name, data);
        self.connection.queue(out.into(), None).await;
    }

    /// Sends chunks that are written already, waiting for room.
    pub(super) async fn send(&self, frames: Vec<Bytes>) {
        for frame in frames {
            self.connection.queue(frame, None).await;
        }
    }
}

/// One frame per row, all of them in one buffer of about `capacity` bytes. `write` appends the frame of a row.
pub(super) fn frames<T>(rows: &[T], capacity: usize, mut write: impl FnMut(&mut Vec<u8>, &T)) -> Vec<Bytes> {
    let mut out = Vec::with_capacity(capacity);
    let mut ends = Vec::with_capacity(rows.len());
    for row in rows {
        write(&mut out, row);
        ends.push(out.len());
    }
    let mut rest = Bytes::from(out);
    let mut start = 0;
    ends.into_iter()
        .map(|end| {
            let frame = rest.split_to(end - start);
            start = end;
            frame
        })
        .collect()
}
