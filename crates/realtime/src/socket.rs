//! The WebSocket of one connection over any byte stream.
//!
//! Reading is tungstenite's: every rule of RFC 6455 about what a client may send. Writing is a queue of our own, in
//! which a frame is a small header and a shared payload: a broadcast is never copied per subscriber, a close frame
//! overtakes what has not begun, and an idle connection holds no write buffer. What tungstenite has to say itself
//! (Pong) enters the same queue, at frame boundaries.

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

/// Held by every connection for as long as it lives, so it is small; a longer message gets a buffer of its own.
const READ_BUFFER: usize = 2 * 1024;

/// Frames of control that may wait to be written before reading rests: a peer that sends Pings and reads no Pongs
/// costs no memory.
const CONTROL_BACKLOG: usize = 128;

/// The stream is gone; there is nobody to say anything to.
#[derive(Debug)]
pub(crate) struct Gone;

/// A WebSocket, server side.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    io: S,
    codec: WebSocketContext,
    out: WriteQueue,
    /// The last message, kept while we wait for the next one, see [`Socket::poll_read`].
    last: Option<Bytes>,
    /// What arrives can no longer be understood; it is only drained.
    broken: bool,
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
            broken: false,
            peer_closed: false,
            close_sent: false,
        }
    }

    /// Changes the largest message accepted.
    pub(crate) fn set_max_message(&mut self, max_message: usize) {
        self.codec.set_config(|settings| *settings = config(max_message));
    }

    /// The next thing the peer says.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Gone>> {
        if self.broken {
            return self.poll_discard(cx);
        }
        let mut stream = CodecStream { io: &mut self.io, cx, out: &mut self.out };
        let read = self.codec.read(&mut stream);
        // Until here the last message was alive, so the codec could not take its buffer back: a connection that once
        // received a large message goes on with a small buffer.
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
                // The codec queues a Pong with the read that follows its Ping: it leaves now, not with the next event.
                return match self.poll_write(cx) {
                    Poll::Ready(Err(gone)) => Poll::Ready(Err(gone)),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                };
            }
            Err(Error::Capacity(_)) => {
                self.broken = true;
                Incoming::TooBig
            }
            Err(Error::Protocol(
                ProtocolError::ResetWithoutClosingHandshake
                | ProtocolError::SendAfterClosing
                | ProtocolError::ReceivedAfterClosing,
            )) => return Poll::Ready(Err(Gone)),
            Err(Error::Protocol(_)) => {
                self.broken = true;
                Incoming::Violation
            }
            Err(_) => return Poll::Ready(Err(Gone)),
        };
        Poll::Ready(Ok(incoming))
    }

    /// Reads and forgets, so that the peer can finish sending and then reads our close frame: a socket closed with
    /// bytes unread is reset, and the reset would overtake that frame.
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

    /// Whether a close frame of ours has been queued.
    pub(crate) fn is_closing(&self) -> bool {
        self.close_sent
    }

    /// Whether reading may go on.
    pub(crate) fn may_read(&self) -> bool {
        self.out.len() < CONTROL_BACKLOG
    }

    /// Whether another data frame may be queued. When not, call [`Socket::poll_write`].
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

    /// Discards what has not begun and queues a close frame.
    pub(crate) fn close(&mut self, close: Close) {
        if !self.close_sent {
            self.close_sent = true;
            self.out.discard();
            self.out.push_close(close);
        }
    }

    /// Queues the answer to the peer's close frame, unless we have sent one ourselves.
    pub(crate) fn acknowledge_close(&mut self, cx: &mut Context<'_>) {
        if self.peer_closed && !self.close_sent {
            self.close_sent = true;
            self.out.discard();
            let mut stream = CodecStream { io: &mut self.io, cx, out: &mut self.out };
            // The codec reports the end of the connection as an error once its answer is queued.
            let _closed = self.codec.flush(&mut stream);
        }
    }

    /// Writes what is queued; ready once all of it has left.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        self.out.poll_drain(&mut self.io, cx).map_err(|_| Gone)
    }

    /// Ends our side of the stream.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    /// How many frames have been written completely, ever.
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

/// The stream as the codec sees it: reads come from the socket, writes go to the queue.
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
