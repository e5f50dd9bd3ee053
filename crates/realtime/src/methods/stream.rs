//! Streaming responses: chunks that precede the response, and actions that follow it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::frame;

use super::completed::Effect;
use crate::context::Context;
use crate::identity::CurrentIdentity;
use crate::outbox::{AfterWrite, OpenMessage};

/// Time in which a client takes a frame of a stream, or has stalled: what was read for it is then read again when it goes on
/// (protocol §1.8). A frame of 128 KiB takes less on 1 Mbit/s.
const PATIENCE: Duration = Duration::from_secs(2);

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

    /// Identity as of now. Differs from that of the context once `token.refresh` was accepted during the stream.
    pub(super) fn current_identity(self) -> CurrentIdentity {
        self.context.connection().identity()
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

    /// Waits like [`Stream::room`]; false if the client takes too little for [`PATIENCE`].
    pub(super) async fn is_read(self) -> bool {
        self.in_time(self.context.connection().outbox.reply_room()).await
    }

    /// Begins a message of several frames with the first of them.
    pub(super) async fn begin_message(self, frame: Bytes) -> OpenMessage<'a> {
        self.context.connection().outbox.begin_message(frame).await
    }

    /// True if `room` completes within [`PATIENCE`].
    pub(super) async fn in_time(self, room: impl Future<Output = ()>) -> bool {
        let clock = self.context.clock();
        let (mut room, mut timeout) = (pin!(room), None);
        poll_fn(|cx| {
            if room.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            // No timer for clients that read as fast as they are served.
            let timeout = timeout.get_or_insert_with(|| clock.sleep_until(clock.instant() + PATIENCE));
            timeout.as_mut().poll(cx).map(|()| false)
        })
        .await
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
    /// Effect on the session.
    pub(super) effect: Effect,
}

impl<R> From<R> for Response<R> {
    /// A response without anything to follow it.
    fn from(result: R) -> Self {
        Self { result, after_write: None, effect: Effect::None }
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
