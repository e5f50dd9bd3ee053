//! WebSocket of one connection over any byte stream.
//!
//! Reads are parsed by tungstenite, which enforces the rules of RFC 6455 for clients. Writes go through a queue of
//! this module, in which a frame is a small header and a shared payload: a broadcast is never copied per subscriber, a close frame
//! overtakes frames whose write has not begun, and an idle connection holds no write buffer. Frames of tungstenite itself
//! (Pong) enter the same queue, at frame boundaries.

#[cfg(test)]
mod tests;
mod write_queue;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use less_sync_core::Close;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::Message;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use crate::session::Incoming;
use write_queue::WriteQueue;

/// Size of the read buffer, in bytes. Small because every connection holds one; a longer message gets its own buffer.
const READ_BUFFER: usize = 2 * 1024;

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
    codec: WebSocketContext,
    out: WriteQueue,
    /// The last message, kept alive until the next read, see [`Socket::poll_read`].
    last: Option<Bytes>,
    /// True after a violation of the framing: further input is discarded unparsed.
    is_broken: bool,
    peer_closed: bool,
    close_sent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A WebSocket over an upgraded stream, rejecting messages above `max_message` bytes.
    pub(crate) fn new(io: S, max_message: usize) -> Self {
        Self {
            io,
            codec: WebSocketContext::new(Role::Server, Some(config(max_message))),
            out: WriteQueue::default(),
            last: None,
            is_broken: false,
            peer_closed: false,
            close_sent: false,
        }
    }

    /// Changes the maximum size of a message, in bytes, inclusive.
    pub(crate) fn set_max_message(&mut self, max_message: usize) {
        self.codec.set_config(|settings| *settings = config(max_message));
    }

    /// Reads the next message or control frame.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Gone>> {
        if self.is_broken {
            return self.poll_discard(cx);
        }
        let mut stream = CodecStream { io: &mut self.io, cx, out: &mut self.out };
        let read = self.codec.read(&mut stream);
        // The last message was alive until here, so the codec could not reclaim its buffer and allocated a small one: a
        // connection that once received a large message does not keep that buffer while idle.
        self.last = None;
        let incoming = match read {
            Ok(Message::Binary(message)) => {
                self.last = Some(message.clone());
                Incoming::Binary(message)
            }
            Ok(Message::Text(_)) | Err(Error::Utf8(_)) => Incoming::Text,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Incoming::Control,
            Ok(Message::Close(_)) => {
                self.peer_closed = true;
                Incoming::Closed
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                // The codec queues the Pong during the read after its Ping. It is written now, not with the next event.
                return match self.poll_write(cx) {
                    Poll::Ready(Err(gone)) => Poll::Ready(Err(gone)),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                };
            }
            Err(Error::Capacity(_)) => {
                self.is_broken = true;
                Incoming::TooBig
            }
            Err(Error::Protocol(
                ProtocolError::ResetWithoutClosingHandshake
                | ProtocolError::SendAfterClosing
                | ProtocolError::ReceivedAfterClosing,
            )) => return Poll::Ready(Err(Gone)),
            Err(Error::Protocol(_)) => {
                self.is_broken = true;
                Incoming::Violation
            }
            Err(_) => return Poll::Ready(Err(Gone)),
        };
        Poll::Ready(Ok(incoming))
    }

    /// Discards input until the end of the stream. A socket closed with unread bytes is reset, and the reset would reach the
    /// peer before the close frame of the server.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Gone>> {
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Err(Gone)),
            }
        }
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

    /// Queues a binary message.
    pub(crate) fn send(&mut self, payload: Bytes) {
        self.out.push_binary(payload);
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
    pub(crate) fn acknowledge_close(&mut self, cx: &mut Context<'_>) {
        if self.peer_closed && !self.close_sent {
            self.close_sent = true;
            self.out.discard();
            let mut stream = CodecStream { io: &mut self.io, cx, out: &mut self.out };
            // The codec reports the end of the connection as an error once its echo is queued.
            let _closed = self.codec.flush(&mut stream);
        }
    }

    /// Writes the queued frames; ready once the queue is empty and flushed.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.out.poll_drain(&mut self.io, cx).map_err(|_| Gone)
    }

    /// Shuts down the sending direction of the stream.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    /// Total number of completely written frames.
    pub(crate) fn frames_written(&self) -> u64 {
        self.out.written()
    }
}

fn config(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

/// Stream adapter for the codec: reads come from the socket, writes go to the queue.
struct CodecStream<'a, 'b, S> {
    io: &'a mut S,
    cx: &'a mut Context<'b>,
    out: &'a mut WriteQueue,
}

impl<S: AsyncRead + Unpin> io::Read for CodecStream<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer) {
            Poll::Ready(Ok(())) => Ok(buffer.filled().len()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S> io::Write for CodecStream<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.push_raw(Bytes::copy_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
