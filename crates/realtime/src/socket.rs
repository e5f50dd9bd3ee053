//! WebSocket of one connection over any byte stream.
//!
//! Reads are decoded incrementally, with the rules of RFC 6455 for clients (decision 0018). Writes
//! go through a queue of this module, in which a frame is a small header and a shared payload: a broadcast is never copied
//! per subscriber, a close frame overtakes frames whose write has not begun, and an idle connection holds no write buffer.

mod frame_header;
mod frame_reader;
#[cfg(test)]
mod tests;
mod write_queue;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use less_sync_core::{Close, close_code};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::inbound_memory::InboundShare;
use crate::message_part::MessagePart;
use crate::session::Incoming;
use frame_reader::{FrameReader, Input, poll_some};
use write_queue::WriteQueue;

/// Maximum frames in the write queue while reading continues. A peer that sends Pings and does not read the Pongs is
/// paused instead of growing the queue.
const CONTROL_BACKLOG: usize = 128;

/// Error of a lost stream.
#[derive(Debug)]
pub(crate) struct Gone;

/// Server side of a WebSocket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    io: S,
    reader: FrameReader,
    out: WriteQueue,
    /// True after a violation of the framing, and after the peer's close frame: further input is discarded unparsed.
    is_broken: bool,
    /// Payload of the echo of the peer's close frame.
    echo: Option<Bytes>,
    close_sent: bool,
    /// True while frames are missing of the message that is sent: no other message may be queued, control frames may.
    in_message: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A WebSocket over an upgraded stream, rejecting messages above `max_message` bytes.
    pub(crate) fn new(io: S, max_message: usize) -> Self {
        Self {
            io,
            reader: FrameReader::new(max_message),
            out: WriteQueue::default(),
            is_broken: false,
            echo: None,
            close_sent: false,
            in_message: false,
        }
    }

    /// Changes the maximum size of a message, in bytes, inclusive, and the memory from which messages are reserved.
    pub(crate) fn set_limits(&mut self, max_message: usize, memory: InboundShare) {
        self.reader.set_limits(max_message, memory);
    }

    /// Reads the next message or control frame. A message above `free` bytes waits for memory before its payload is read.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, free: usize) -> Poll<Result<Incoming, Gone>> {
        if self.is_broken {
            return self.poll_discard(cx);
        }
        Poll::Ready(Ok(match ready!(self.reader.poll(&mut self.io, cx, free)) {
            Input::Message(message) => Incoming::Binary(message),
            Input::Fragment => Incoming::Fragment,
            Input::Ping(payload) => {
                if !self.close_sent {
                    self.out.push_pong(payload);
                }
                Incoming::Control
            }
            Input::Pong => Incoming::Control,
            Input::Close(payload) => self.closed_by_peer(payload),
            Input::Text => self.broken(Incoming::Text),
            Input::TooBig => self.broken(Incoming::TooBig),
            Input::Violation => self.broken(Incoming::Violation),
            Input::End => return Poll::Ready(Err(Gone)),
        }))
    }

    fn broken(&mut self, incoming: Incoming) -> Incoming {
        self.is_broken = true;
        incoming
    }

    fn closed_by_peer(&mut self, payload: Bytes) -> Incoming {
        let Some(echo) = echo(payload) else { return self.broken(Incoming::Violation) };
        self.echo = Some(echo);
        self.broken(Incoming::Closed)
    }

    /// Number of payload bytes received so far, while a message that holds reserved memory is incomplete.
    pub(crate) fn progress(&self) -> Option<u64> {
        self.reader.progress()
    }

    /// Number of bytes of large messages that were received so far: those that do not fit the read buffer.
    pub(crate) fn received(&self) -> u64 {
        self.reader.received()
    }

    /// True while a message waits for memory, so that its peer is not to blame for the silence.
    pub(crate) fn is_waiting_for_memory(&self) -> bool {
        self.reader.is_waiting_for_memory()
    }

    /// Discards input until the end of the stream. A socket closed with unread bytes is reset, and the reset would reach the
    /// peer before the close frame of the server.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Gone>> {
        let mut scratch = [0; 4096];
        while ready!(poll_some(&mut self.io, cx, &mut scratch)) > 0 {}
        Poll::Ready(Err(Gone))
    }

    /// True once a close frame of the server is queued.
    pub(crate) fn is_closing(&self) -> bool {
        self.close_sent
    }

    /// True while reading may continue.
    pub(crate) fn may_read(&self) -> bool {
        self.out.len() < CONTROL_BACKLOG
    }

    /// True while another data frame may be queued; otherwise [`Socket::poll_write`] comes first.
    pub(crate) fn may_send(&self) -> bool {
        !self.close_sent && self.out.has_room()
    }

    /// Queues a frame of a binary message.
    pub(crate) fn send(&mut self, payload: Bytes, part: MessagePart) {
        self.in_message = part.is_continued();
        self.out.push_binary(payload, part);
    }

    /// Queues a binary message, unless frames of another one are missing.
    pub(crate) fn send_between(&mut self, payload: Bytes) {
        if !self.in_message {
            self.send(payload, MessagePart::Whole);
        }
    }

    /// Queues a Ping without payload.
    pub(crate) fn ping(&mut self) {
        self.out.push_ping();
    }

    /// Discards frames whose write has not begun, and queues a close frame.
    pub(crate) fn close(&mut self, close: Close) {
        if !self.close_sent {
            self.close_sent = true;
            self.out.discard();
            self.out.push_close(close);
        }
    }

    /// Queues the echo of the peer's close frame, unless the server has sent a close frame itself.
    fn acknowledge_close(&mut self) {
        if let Some(echo) = self.echo.take()
            && !self.close_sent
        {
            self.close_sent = true;
            self.out.discard();
            self.out.push_echo(echo);
        }
    }

    /// Writes the queued frames; ready once the queue is empty and flushed.
    ///
    /// After the close frame on a stream whose input is discarded, the sending direction ends: the echo of the peer would not
    /// be seen, and the peer would wait for the end of the connection as long as the server waits for the echo.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        ready!(self.out.poll_drain(&mut self.io, cx)).map_err(|_| Gone)?;
        if self.close_sent && self.is_broken {
            return Pin::new(&mut self.io).poll_shutdown(cx).map_err(|_| Gone);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the queued frames and the echo of the peer's close frame, then shuts down the sending direction of the stream.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.acknowledge_close();
        match ready!(self.poll_write(cx)) {
            Ok(()) => Pin::new(&mut self.io).poll_shutdown(cx).map(drop),
            Err(Gone) => Poll::Ready(()),
        }
    }

    /// Size of the queued frames that are not written yet, in bytes.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.out.unwritten()
    }

    /// Total number of completely written frames.
    pub(crate) fn frames_written(&self) -> u64 {
        self.out.written()
    }
}

/// Payload of the echo of a close frame with `payload` (RFC 6455 §5.5.1, §7.4); `None` if that is malformed.
fn echo(payload: Bytes) -> Option<Bytes> {
    let (code, reason) = match payload.split_first_chunk() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None => return payload.is_empty().then_some(payload),
    };
    std::str::from_utf8(reason).ok()?;
    // Codes that may be sent: 1004 to 1006 and 1015 are reserved, and those below 3000 are assigned up to 1014.
    let is_allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    Some(if is_allowed {
        payload
    } else {
        Bytes::copy_from_slice(&close_code::WEBSOCKET_PROTOCOL.to_be_bytes())
    })
}
