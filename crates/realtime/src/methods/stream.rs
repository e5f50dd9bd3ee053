//! Streaming responses: chunks that precede the response, and actions that follow it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::cbor::Encode;
use less_sync_core::frame;

use crate::context::Context;
use crate::outbox::AfterWrite;

/// Context of a streaming handler: the context of its request, and the queue for chunks.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    pub(super) context: &'a Context,
}

impl<'a> Stream<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context }
    }

    /// Id of the request, which every chunk carries.
    pub(super) fn id(self) -> &'a str {
        self.context.call().id()
    }

    /// Identity as of now. Differs from [`Context::caller`] once `token.refresh` was accepted during the stream.
    pub(super) fn current_caller(self) -> Arc<Caller> {
        self.context.connection().caller()
    }

    /// Sends one chunk, waiting for room.
    pub(super) async fn chunk(self, name: &str, data: &impl Encode) {
        let mut out = Vec::new();
        frame::write_chunk(&mut out, self.id(), name, data);
        self.context.queue(out.into(), None).await;
    }

    /// Waits until a good part of what was sent has been written.
    pub(super) async fn room(self) {
        self.context.connection().outbox.reply_room().await;
    }

    /// Sends encoded frames in order, waiting for room.
    pub(super) async fn send(self, frames: Vec<Bytes>) {
        for frame in frames {
            self.context.queue(frame, None).await;
        }
    }
}

/// Successful response of a streaming handler.
pub(super) struct Response<R> {
    pub(super) result: R,
    /// Actions once the response has been handed to the socket.
    pub(super) after_write: Option<AfterWrite>,
    /// Remaining validity of an access token that the request replaced.
    pub(super) token_valid_for: Option<Duration>,
}

impl<R> From<R> for Response<R> {
    /// A response without anything to follow it.
    fn from(result: R) -> Self {
        Self { result, after_write: None, token_valid_for: None }
    }
}

/// Encodes one frame per row, all in one buffer of about `capacity` bytes. `write` appends the frame of a row.
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
