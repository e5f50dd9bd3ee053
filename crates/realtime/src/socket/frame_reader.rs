//! Incremental decoder of a client's frames, with bounded memory and bounded work per call.
//!
//! Small messages are slices of one read buffer. A larger message gets a buffer of its own, once its memory is reserved:
//! its payload is read straight into it and unmasked piece by piece, and the task yields between slices of it.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::frame_header::{BINARY, CLOSE, CONTINUATION, Header, PING, TEXT, Violation, unmask};
use crate::cooperation::yield_later;
use crate::inbound_memory::{InboundShare, Reserved};

/// Size of the read buffer, in bytes. Small because every connection holds one; a longer message gets its own buffer.
const READ_BUFFER: usize = 2 * 1024;
/// Minimum free space of the read buffer for a read, in bytes; below it a new buffer is allocated.
const MIN_READ: usize = 256;
/// Maximum bytes of a large message per read.
const PIECE: usize = 64 * 1024;
/// Bytes of a large message after which the task yields: less than a tenth of a millisecond.
const SLICE: usize = 4 * PIECE;

/// Event of the decoder.
#[derive(Debug)]
pub(super) enum Input {
    /// A binary message.
    Message(Bytes),
    /// The start of a text message. The rest of it must not be parsed.
    Text,
    /// A frame that does not complete its message.
    Fragment,
    /// A Ping with its payload.
    Ping(Bytes),
    /// A Pong.
    Pong,
    /// A close frame with its payload.
    Close(Bytes),
    /// A message above the limit.
    TooBig,
    /// A violation of RFC 6455.
    Violation,
    /// The end of the stream, or an error of it.
    End,
}

/// Decoder of frames.
#[derive(Default)]
pub(super) struct FrameReader {
    /// Bytes read and not decoded.
    input: BytesMut,
    max_message: usize,
    /// Share of the memory for messages; none before authentication, when `max_message` is small.
    memory: Option<InboundShare>,
    /// Message with a buffer of its own, or in several frames.
    message: Option<Box<Message>>,
    /// Frame whose payload waits for memory.
    reserving: Option<Box<(Header, BoxFuture<'static, Option<Reserved>>)>>,
    /// Bytes of payloads read into `message` so far, over all messages.
    received: u64,
}

/// Message whose frames are being received.
#[derive(Default)]
struct Message {
    /// Bytes of all frames received so far, unmasked, with the capacity for the rest of the current one.
    payload: Vec<u8>,
    /// Frame that is being received.
    frame: Option<Frame>,
    reserved: Option<Reserved>,
}

/// Frame whose payload is being received.
struct Frame {
    /// Start of its payload in that of the message.
    start: usize,
    /// End of its payload in that of the message.
    end: usize,
    mask: [u8; 4],
    is_final: bool,
}

/// Outcome of one decoding step.
enum Step {
    /// An event.
    Input(Input),
    /// The next step may follow at once.
    Continue,
    /// The read buffer must hold this many bytes first.
    Fill(usize),
}

impl FrameReader {
    /// A decoder that rejects messages above `max_message` bytes.
    pub(super) fn new(max_message: usize) -> Self {
        Self { max_message, ..Self::default() }
    }

    /// Changes the maximum size of a message, in bytes, inclusive, and the memory from which it is reserved.
    pub(super) fn set_limits(&mut self, max_message: usize, memory: InboundShare) {
        self.max_message = max_message;
        self.memory = Some(memory);
    }

    /// Number of payload bytes received so far, while a message that holds reserved memory is incomplete.
    pub(super) fn progress(&self) -> Option<u64> {
        let message = self.message.as_ref()?;
        message.reserved.is_some().then_some(self.received)
    }

    /// Number of bytes of messages with a buffer of their own that were received so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// True while a message waits for memory.
    pub(super) fn is_waiting_for_memory(&self) -> bool {
        self.reserving.is_some()
    }

    /// Decodes the next event. A message of up to `free` bytes needs no reserved memory.
    pub(super) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        free: usize,
    ) -> Poll<Input> {
        let mut slice = SLICE;
        loop {
            if self.is_waiting_for_memory() {
                ready!(self.poll_reserved(cx));
            }
            let step = match self.message.as_mut().filter(|message| message.frame.is_some()) {
                Some(message) if message.missing() > 0 => {
                    if slice == 0 {
                        yield_later(cx);
                        return Poll::Pending;
                    }
                    let read = ready!(message.poll_read(io, cx, slice));
                    self.received += read as u64;
                    slice -= read;
                    if read == 0 { Step::Input(Input::End) } else { Step::Continue }
                }
                Some(_) => Step::Input(self.end_frame()),
                None => self.next_frame(free).unwrap_or_else(|Violation| Step::Input(Input::Violation)),
            };
            match step {
                Step::Input(input) => return Poll::Ready(input),
                Step::Continue => {}
                Step::Fill(size) => {
                    if ready!(self.poll_fill(io, cx, size)) == 0 {
                        return Poll::Ready(Input::End);
                    }
                }
            }
        }
    }

    fn poll_reserved(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(waiting) = &mut self.reserving {
            let reserved = ready!(waiting.1.as_mut().poll(cx));
            let header = waiting.0;
            self.reserving = None;
            self.begin_frame(&header, reserved);
        }
        Poll::Ready(())
    }

    /// Decodes the frame at the start of the read buffer.
    fn next_frame(&mut self, free: usize) -> Result<Step, Violation> {
        let Some(header) = Header::parse(&self.input)? else { return Ok(Step::Fill(self.input.len() + 1)) };
        if header.is_control() {
            return Ok(self.whole(&header, |payload| match header.opcode {
                CLOSE => Input::Close(payload),
                PING => Input::Ping(payload),
                _ => Input::Pong,
            }));
        }
        if (header.opcode == CONTINUATION) != self.message.is_some() {
            return Err(Violation);
        }
        let received = self.message.as_ref().map_or(0, |message| message.payload.len());
        let total = usize::try_from(header.length).ok().and_then(|length| received.checked_add(length));
        let Some(total) = total.filter(|total| *total <= self.max_message) else {
            return Ok(Step::Input(Input::TooBig));
        };
        if header.opcode == TEXT {
            return Ok(Step::Input(Input::Text));
        }
        let is_reserved = self.message.as_ref().is_some_and(|message| message.reserved.is_some());
        let memory = self.memory.as_ref().filter(|_| total > free && !is_reserved);
        if memory.is_none()
            && header.opcode == BINARY
            && header.is_final
            && header.size + total <= READ_BUFFER
        {
            return Ok(self.whole(&header, Input::Message));
        }
        // The size of a fragmented message is unknown. All of it is reserved at once: messages that wait for more in the
        // middle could wait for each other.
        let bytes = if header.is_final { total } else { self.max_message };
        match memory.map(|memory| memory.try_reserve(bytes).ok_or_else(|| memory.reserve(bytes))) {
            Some(Err(reserving)) => self.reserving = Some(Box::new((header, reserving))),
            Some(Ok(reserved)) => self.begin_frame(&header, Some(reserved)),
            None => self.begin_frame(&header, None),
        }
        Ok(Step::Continue)
    }

    /// Takes a frame out of the read buffer, once all of it is there.
    fn whole(&mut self, header: &Header, event: impl FnOnce(Bytes) -> Input) -> Step {
        let size = header.size + usize::try_from(header.length).unwrap_or(0);
        if self.input.len() < size {
            return Step::Fill(size);
        }
        let mut frame = self.input.split_to(size);
        frame.advance(header.size);
        unmask(&mut frame, header.mask, 0);
        Step::Input(event(frame.freeze()))
    }

    /// Makes room for the payload of a data frame, and moves what the read buffer holds of it there.
    fn begin_frame(&mut self, header: &Header, reserved: Option<Reserved>) {
        self.input.advance(header.size);
        let length = usize::try_from(header.length).unwrap_or(0);
        let message = self.message.get_or_insert_default();
        message.begin(length, header, reserved);
        let available = length.min(self.input.len());
        message.append(&self.input.split_to(available));
        self.received += available as u64;
    }

    /// The event at the end of a data frame.
    fn end_frame(&mut self) -> Input {
        let is_final = match &mut self.message {
            Some(message) => message.frame.take().is_some_and(|frame| frame.is_final),
            None => false,
        };
        if !is_final {
            return Input::Fragment;
        }
        let Message { payload, reserved, .. } =
            self.message.take().map(|message| *message).unwrap_or_default();
        Input::Message(match reserved {
            Some(reserved) => reserved.into_message(payload),
            None => payload.into(),
        })
    }

    /// Reads into the read buffer, which is to hold `size` bytes; ready with the number of bytes read, 0 at the end of the
    /// stream.
    fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        size: usize,
    ) -> Poll<usize> {
        let filled = self.input.len();
        if self.input.capacity() - filled < MIN_READ.max(size.saturating_sub(filled)) {
            self.input.reserve(READ_BUFFER);
        }
        let end = self.input.capacity().min(filled + READ_BUFFER);
        self.input.resize(end, 0);
        let room = self.input.get_mut(filled..).unwrap_or_default();
        let read = poll_some(io, cx, room);
        let received = if let Poll::Ready(read) = read { read } else { 0 };
        self.input.truncate(filled + received);
        read
    }
}

impl Message {
    fn begin(&mut self, length: usize, header: &Header, reserved: Option<Reserved>) {
        let start = self.payload.len();
        // Capacity only: to fill 5 MiB with zeros at once takes several milliseconds, most of them page faults, in which no other
        // connection has its turn.
        if start == 0 {
            self.payload.reserve_exact(length);
        } else {
            self.payload.reserve(length);
        }
        self.reserved = reserved.or(self.reserved.take());
        self.frame = Some(Frame { start, end: start + length, mask: header.mask, is_final: header.is_final });
    }

    /// Bytes of the current frame that are not received yet.
    fn missing(&self) -> usize {
        self.frame.as_ref().map_or(0, |frame| frame.end.saturating_sub(self.payload.len()))
    }

    /// Appends masked bytes that are in memory already.
    fn append(&mut self, bytes: &[u8]) {
        let from = self.payload.len();
        self.payload.extend_from_slice(bytes);
        self.unmask(from);
    }

    /// Reads at most `limit` bytes of the frame; ready with their number, 0 at the end of the stream and after an error of it.
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<usize> {
        let (from, piece) = (self.payload.len(), self.missing().min(limit).min(PIECE));
        let mut room = (&mut self.payload).limit(piece);
        // The future holds no state: it may be dropped while it is pending.
        let read = ready!(pin!(io.read_buf(&mut room)).poll(cx));
        self.unmask(from);
        Poll::Ready(read.unwrap_or(0))
    }

    /// Unmasks the bytes from `from` on, which have just been received.
    fn unmask(&mut self, from: usize) {
        if let Some(frame) = &self.frame {
            let bytes = self.payload.get_mut(from..).unwrap_or_default();
            unmask(bytes, frame.mask, from - frame.start);
        }
    }
}

/// Reads into `room`; ready with 0 at the end of the stream, and after an error of it.
pub(super) fn poll_some<S: AsyncRead + Unpin>(
    io: &mut S,
    cx: &mut Context<'_>,
    room: &mut [u8],
) -> Poll<usize> {
    let mut buffer = ReadBuf::new(room);
    match ready!(Pin::new(io).poll_read(cx, &mut buffer)) {
        Ok(()) => Poll::Ready(buffer.filled().len()),
        Err(_) => Poll::Ready(0),
    }
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameReader")
            .field("max_message", &self.max_message)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
