//! Message that is sent in several frames, because all of it at once would take too much memory for a slow reader.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use bytes::Bytes;
use less_sync_core::Close;

use super::{Outbox, Reply, wake};
use crate::message_part::MessagePart;

/// Message whose last frame is not queued yet. No other message is sent meanwhile. A message that is dropped before its end
/// closes the connection: its reader could not make sense of anything after it.
#[derive(Debug)]
pub(crate) struct OpenMessage<'a> {
    outbox: &'a Outbox,
    has_ended: bool,
}

impl Outbox {
    /// Queues the first frame of a message, waiting while the queue of replies is full. There is one such message at a time: on a
    /// link with several streams, one waits for the end of the message of another.
    pub(crate) async fn begin_message(&self, frame: Bytes) -> OpenMessage<'_> {
        // On a closing connection the frame is dropped: the calling request is about to be cancelled.
        let _closing = self.reply_part(Reply { frame, after: None }, MessagePart::First).await;
        OpenMessage { outbox: self, has_ended: false }
    }
}

impl OpenMessage<'_> {
    /// Waits until what the socket has not written is at most half of a full reply queue, or the connection closes.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            let mut state = self.outbox.state.lock();
            // Replies that wait behind this message do not count: they would keep it from its end.
            if state.closing.is_some() || state.unwritten_message() <= self.outbox.limits.reply_bytes / 2 {
                return Poll::Ready(());
            }
            state.wait_for_room(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Queues the next frame, without waiting for room.
    pub(crate) fn add(&self, frame: Bytes) {
        self.queue(frame, MessagePart::Middle);
    }

    /// Queues the last frame, without waiting for room.
    pub(crate) fn end(mut self, frame: Bytes) {
        self.has_ended = true;
        self.queue(frame, MessagePart::Last);
    }

    fn queue(&self, frame: Bytes, part: MessagePart) {
        let (parked, producers) = {
            let mut state = self.outbox.state.lock();
            let parked = if state.closing.is_some() { None } else { state.queue_piece(frame, part) };
            let has_ended = part == MessagePart::Last;
            (parked, if has_ended { std::mem::take(&mut state.producers) } else { Vec::new() })
        };
        wake(parked);
        producers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for OpenMessage<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.outbox.close(Close::INTERNAL);
        }
    }
}
