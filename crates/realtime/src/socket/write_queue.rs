//! Write queue of a socket: frames as header and shared payload, drained with vectored writes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use less_sync_core::Close;
use tokio::io::AsyncWrite;

use crate::message_part::MessagePart;

/// Final frames; the first bit is missing in those that others of their message follow.
const OPCODE_BINARY: u8 = 0x82;
const OPCODE_CONTINUATION: u8 = 0x80;
const FINAL: u8 = 0x80;
const OPCODE_CLOSE: u8 = 0x88;
const OPCODE_PING: u8 = 0x89;
const OPCODE_PONG: u8 = 0x8a;

/// Frames from which the queue accepts no more data until it is drained.
const FRAMES: usize = 256;
/// Bytes from which the queue accepts no more data until it is drained.
const BYTES: usize = 256 * 1024;
/// Maximum slices of one vectored write. Two per frame, so that a full queue takes eight calls.
const SLICES: usize = 64;
/// Capacity that an empty queue keeps.
const SPARE: usize = 4;

/// Frame with its unmasked header (RFC 6455 §5.2).
#[derive(Debug)]
struct Frame {
    header: [u8; 10],
    header_len: u8,
    payload: Bytes,
}

impl Frame {
    fn new(opcode: u8, payload: Bytes) -> Self {
        let mut header = [0; 10];
        let mut header_len = 0;
        let mut put = |bytes: &[u8]| {
            for byte in bytes {
                if let Some(slot) = header.get_mut(usize::from(header_len)) {
                    *slot = *byte;
                    header_len += 1;
                }
            }
        };
        match payload.len() {
            short @ 0..=125 => put(&[opcode, u8::try_from(short).unwrap_or(0)]),
            medium @ 126..=0xffff => {
                put(&[opcode, 126]);
                put(&u16::try_from(medium).unwrap_or(0).to_be_bytes());
            }
            long => {
                put(&[opcode, 127]);
                put(&(long as u64).to_be_bytes());
            }
        }
        Self { header, header_len, payload }
    }

    fn header(&self) -> &[u8] {
        self.header.get(..usize::from(self.header_len)).unwrap_or_default()
    }

    fn len(&self) -> usize {
        usize::from(self.header_len) + self.payload.len()
    }
}

/// Queue of frames. Payloads are shared: the frame for a thousand subscribers exists once in memory.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that are already written.
    begun: usize,
    /// Total size of the queued frames, in bytes.
    bytes: usize,
    /// Total number of completely written frames.
    written: u64,
}

impl WriteQueue {
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// True while more data may be queued. The bounds are checked before a frame is added, so one of any size fits.
    pub(super) fn has_room(&self) -> bool {
        self.frames.len() < FRAMES && self.bytes < BYTES
    }

    /// Size of what is not written yet, in bytes.
    pub(super) fn unwritten(&self) -> usize {
        self.bytes.saturating_sub(self.begun)
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Queues a frame of a binary message (RFC 6455 §5.4).
    pub(super) fn push_binary(&mut self, payload: Bytes, part: MessagePart) {
        let opcode = match part {
            MessagePart::Whole => OPCODE_BINARY,
            MessagePart::First => OPCODE_BINARY & !FINAL,
            MessagePart::Middle => OPCODE_CONTINUATION & !FINAL,
            MessagePart::Last => OPCODE_CONTINUATION,
        };
        self.push(Frame::new(opcode, payload));
    }

    pub(super) fn push_ping(&mut self) {
        self.push(Frame::new(OPCODE_PING, Bytes::new()));
    }

    pub(super) fn push_close(&mut self, close: Close) {
        let mut payload = Vec::with_capacity(2 + close.reason.len());
        payload.extend_from_slice(&close.code.to_be_bytes());
        payload.extend_from_slice(close.reason.as_bytes());
        self.push(Frame::new(OPCODE_CLOSE, payload.into()));
    }

    /// Queues the answer to a Ping with `payload`.
    pub(super) fn push_pong(&mut self, payload: Bytes) {
        self.push(Frame::new(OPCODE_PONG, payload));
    }

    /// Queues the echo of a close frame, whose payload is `payload`.
    pub(super) fn push_echo(&mut self, payload: Bytes) {
        self.push(Frame::new(OPCODE_CLOSE, payload));
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Drops every frame whose write has not begun.
    pub(super) fn discard(&mut self) {
        // A frame that is partly written must be completed: the peer could not parse anything after a torn frame.
        self.frames.truncate(usize::from(self.begun > 0));
        self.bytes = self.frames.iter().map(Frame::len).sum();
    }

    /// Writes until the queue is empty or the stream is full.
    pub(super) fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_empty() {
            let written = ready!(self.poll_some(io, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        if self.frames.capacity() > SPARE {
            self.frames.shrink_to(SPARE);
        }
        Pin::new(io).poll_flush(cx)
    }

    fn poll_some<S: AsyncWrite + Unpin>(&self, io: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut skip = self.begun;
        let mut count = 0;
        let pieces = self.frames.iter().flat_map(|frame| [frame.header(), frame.payload.as_ref()]);
        for piece in pieces {
            let rest = piece.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            if rest.is_empty() {
                continue;
            }
            let Some(slot) = slices.get_mut(count) else { break };
            *slot = IoSlice::new(rest);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, written: usize) {
        self.begun += written;
        while let Some(first) = self.frames.front() {
            let length = first.len();
            if self.begun < length {
                break;
            }
            self.begun -= length;
            self.bytes -= length;
            self.written += 1;
            self.frames.pop_front();
        }
    }
}
