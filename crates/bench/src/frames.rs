//! WebSocket frame reader that parses headers and skips payloads.
//!
//! The load generator shares the machine with the server, so it must not do the work of a full client. Only payloads of
//! responses and control frames are copied; all others are skipped in the read buffer.

/// Handler of the frames of one connection. Unused kinds of frames are ignored by default.
pub(crate) trait FrameHandler {
    /// Handles a notification, whose payload is skipped.
    fn notification(&mut self) {}

    /// Handles a chunk, whose payload is skipped, by the size of its first frame.
    fn chunk(&mut self, _payload_bytes: u64) {}

    /// Handles a response with its payload.
    fn response(&mut self, _payload: &[u8]) {}

    /// Handles a ping with its payload.
    fn ping(&mut self, _payload: &[u8]) {}

    /// Handles a close frame with its code; 0 for a frame without one.
    fn close(&mut self, _code: u16) {}
}

/// Incremental parser of a stream of frames.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// Incomplete header, followed by the first payload bytes up to the type of the envelope.
    head: Vec<u8>,
    frame: Option<Frame>,
}

#[derive(Debug)]
struct Frame {
    opcode: u8,
    /// Payload bytes not read yet.
    left: u64,
    /// Copy of the payload, of frames that need one.
    kept: Option<Vec<u8>>,
}

/// A frame that a less-sync server never sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected WebSocket frame: masked, text, or too large")]
pub(crate) struct UnexpectedFrame;

/// Offset of the value of `type`, the first member of an envelope: map head, text head, four letters, value.
const TYPE_AT: usize = 6;
const PEEK: usize = TYPE_AT + 1;
/// Largest payload that is copied, in bytes.
const MAX_KEPT: u64 = 4 * 1024 * 1024;

const FINAL: u8 = 0x80;
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl FrameReader {
    /// Parses the next bytes of the stream.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        handler: &mut impl FrameHandler,
    ) -> Result<(), UnexpectedFrame> {
        while !bytes.is_empty() {
            bytes = match &mut self.frame {
                None => self.header(bytes, handler)?,
                Some(frame) => {
                    let take = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
                    let (payload, rest) = bytes.split_at(take);
                    frame.left -= take as u64;
                    if let Some(kept) = &mut frame.kept {
                        kept.extend_from_slice(payload);
                    }
                    if frame.left == 0 {
                        self.finish(handler)?;
                    }
                    rest
                }
            };
        }
        Ok(())
    }

    /// Parses a header and the peek behind it, across calls if needed, and starts the frame.
    fn header<'b>(
        &mut self,
        bytes: &'b [u8],
        handler: &mut impl FrameHandler,
    ) -> Result<&'b [u8], UnexpectedFrame> {
        // Fast path: header and peek are in one read, so nothing is copied.
        if self.head.is_empty()
            && let Some(header) = begin(bytes)?
        {
            let rest = bytes.get(header.size..).unwrap_or_default();
            return self.start(header, rest, handler);
        }
        let Some((byte, rest)) = bytes.split_first() else { return Ok(bytes) };
        self.head.push(*byte);
        let Some(header) = begin(&self.head)? else { return Ok(rest) };
        let head = std::mem::take(&mut self.head);
        let peeked = head.get(header.size..).unwrap_or_default();
        self.start(header, &[], handler)?;
        self.feed(peeked, handler)?;
        Ok(rest)
    }

    fn start<'b>(
        &mut self,
        header: Header,
        rest: &'b [u8],
        handler: &mut impl FrameHandler,
    ) -> Result<&'b [u8], UnexpectedFrame> {
        let keeps = !matches!(header.opcode, BINARY | CONTINUATION) || header.kind == Some(RESPONSE);
        if keeps && header.length > MAX_KEPT {
            return Err(UnexpectedFrame);
        }
        match header.kind {
            Some(NOTIFICATION) => handler.notification(),
            Some(CHUNK) => handler.chunk(header.length),
            Some(_) | None => {}
        }
        let kept = keeps.then(Vec::new);
        self.frame = Some(Frame { opcode: header.opcode, left: header.length, kept });
        if header.length == 0 {
            self.finish(handler)?;
        }
        Ok(rest)
    }

    fn finish(&mut self, handler: &mut impl FrameHandler) -> Result<(), UnexpectedFrame> {
        let Some(Frame { opcode, kept, .. }) = self.frame.take() else { return Ok(()) };
        let Some(payload) = kept else { return Ok(()) };
        match opcode {
            BINARY => handler.response(&payload),
            CLOSE => handler.close(payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code))),
            PING => handler.ping(&payload),
            PONG => {}
            _ => return Err(UnexpectedFrame),
        }
        Ok(())
    }

    #[cfg(test)]
    fn is_between_frames(&self) -> bool {
        self.frame.is_none() && self.head.is_empty()
    }
}

const RESPONSE: u8 = 1;
const NOTIFICATION: u8 = 2;
const CHUNK: u8 = 3;

#[derive(Clone, Copy, Debug)]
struct Header {
    opcode: u8,
    /// Length of the header, in bytes.
    size: usize,
    length: u64,
    /// Type of the envelope, of data frames long enough for one.
    kind: Option<u8>,
}

/// Parses a header and peeks into the payload; `None` while bytes are missing.
fn begin(bytes: &[u8]) -> Result<Option<Header>, UnexpectedFrame> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    // Servers do not mask, and send large records in several frames.
    let opcode = first & 0x0f;
    let is_part = first & FINAL == 0 && matches!(opcode, BINARY | CONTINUATION);
    if first & 0x70 != 0 || second & 0x80 != 0 || (first & FINAL == 0 && !is_part) {
        return Err(UnexpectedFrame);
    }
    let (size, length) = match second {
        126 => match bytes.get(2..4).and_then(|length| length.first_chunk()) {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|length| length.first_chunk()) {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        length => (2, u64::from(length)),
    };
    if opcode != BINARY || length < PEEK as u64 {
        return Ok(Some(Header { opcode, size, length, kind: None }));
    }
    let kind = bytes.get(size + TYPE_AT).copied();
    Ok(kind.map(|kind| Header { opcode, size, length, kind: Some(kind) }))
}

#[cfg(test)]
mod tests {
    use less_sync_core::wire::Empty;
    use less_sync_core::wire::event::PresenceLeave;
    use less_sync_core::{SpaceId, frame};
    use pretty_assertions::assert_eq;

    use super::{FrameHandler, FrameReader, UnexpectedFrame};

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Seen(Vec<String>);

    impl FrameHandler for Seen {
        fn notification(&mut self) {
            self.0.push("notification".to_owned());
        }
        fn chunk(&mut self, payload_bytes: u64) {
            self.0.push(format!("chunk {payload_bytes}"));
        }
        fn response(&mut self, payload: &[u8]) {
            self.0.push(format!("response {:?}", frame::parse_server(payload).is_ok()));
        }
        fn ping(&mut self, payload: &[u8]) {
            self.0.push(format!("ping {payload:?}"));
        }
        fn close(&mut self, code: u16) {
            self.0.push(format!("close {code}"));
        }
    }

    fn framed(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..126 => frame.push(u8::try_from(length).unwrap()),
            length @ 126..65536 => {
                frame.push(126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }

    /// Frames of every kind and of every form of length.
    fn stream() -> (Vec<u8>, Seen) {
        let mut stream = Vec::new();
        let mut seen = Seen::default();
        let notification = |peer: &str| {
            let left = PresenceLeave { space: SpaceId::from_bytes([1; 16]), peer };
            frame::notification("presence.leave", &left)
        };
        for length in [1, 100, 70_000] {
            stream.extend(framed(2, &notification(&"x".repeat(length))));
            seen.0.push("notification".to_owned());
        }
        let mut chunk = Vec::new();
        frame::write_chunk(&mut chunk, "1", "pull.commit", &Empty);
        stream.extend(framed(2, &chunk));
        seen.0.push(format!("chunk {}", chunk.len()));
        // The same in three frames, of which only the first shows what it is.
        let parts: Vec<Vec<u8>> =
            [&chunk[..10], &chunk[10..20], &chunk[20..]].map(|part| framed(0, part)).into();
        for (part, first) in parts.into_iter().zip([0x02, 0x00, 0x80]) {
            stream.push(first);
            stream.extend(&part[1..]);
        }
        seen.0.push("chunk 10".to_owned());
        for (opcode, payload, expected) in [
            (2, frame::response("1", &Empty).to_vec(), Some("response true")),
            (2, vec![0xf6], None),
            (9, vec![7], Some("ping [7]")),
            (9, vec![], Some("ping []")),
            (10, vec![7], None),
            (8, [&4006_u16.to_be_bytes()[..], b"slow consumer"].concat(), Some("close 4006")),
        ] {
            stream.extend(framed(opcode, &payload));
            seen.0.extend(expected.map(str::to_owned));
        }
        (stream, seen)
    }

    #[test]
    fn frames_are_parsed_across_reads_of_any_size() {
        let (stream, expected) = stream();
        for size in [1, 2, 3, 5, 7, 8, 9, 64, 1000, stream.len()] {
            let mut reader = FrameReader::default();
            let mut seen = Seen::default();
            for bytes in stream.chunks(size) {
                reader.feed(bytes, &mut seen).unwrap();
            }
            assert_eq!(seen, expected, "in pieces of {size}");
            assert!(reader.is_between_frames());
        }
    }

    #[test]
    fn frames_that_no_server_sends_are_an_error() {
        for bytes in [&[0x09, 0x00][..], &[0x82, 0x80], &[0xc2, 0x01], &[0x81, 0x01, b'x']] {
            let mut seen = Seen::default();
            assert_eq!(FrameReader::default().feed(bytes, &mut seen), Err(UnexpectedFrame), "{bytes:?}");
        }
    }
}
