//! WebSocket frames, valid or not (RFC 6455 §5.2).

/// The four bits that say what a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// Another part of a message.
    pub const CONTINUATION: Self = Self(0);
    /// A text message, or its first part.
    pub const TEXT: Self = Self(1);
    /// A binary message, or its first part.
    pub const BINARY: Self = Self(2);
    /// The wish to end.
    pub const CLOSE: Self = Self(8);
    /// A question for a pong.
    pub const PING: Self = Self(9);
    /// The answer to a ping.
    pub const PONG: Self = Self(10);
}

/// A frame with every bit in reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Final fragment of its message.
    pub fin: bool,
    /// The three reserved bits.
    pub reserved: u8,
    /// Opcode.
    pub opcode: Opcode,
    /// Masked payload; required from clients.
    pub masked: bool,
    /// The content, unmasked.
    pub payload: Vec<u8>,
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Frame {
    /// A correct client frame.
    #[must_use]
    pub fn new(opcode: Opcode, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A close frame.
    #[must_use]
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(Opcode::CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// The frame on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.head(self.payload.len() as u64);
        if self.masked {
            out.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            out.extend(&self.payload);
        }
        out
    }

    /// The head of this frame, mask included, with a declared length that may be a lie.
    #[must_use]
    pub fn head(&self, length: u64) -> Vec<u8> {
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let mut out = vec![(u8::from(self.fin) << 7) | ((self.reserved & 7) << 4) | (self.opcode.0 & 15)];
        let [.., high, low] = length.to_be_bytes();
        match length {
            0..=125 => out.push(mask_bit | low),
            126..=0xffff => out.extend([mask_bit | 0x7e, high, low]),
            _ => {
                out.push(mask_bit | 0x7f);
                out.extend(length.to_be_bytes());
            }
        }
        if self.masked {
            out.extend(MASK);
        }
        out
    }

    pub(super) fn is_ping_or_pong(&self) -> bool {
        self.opcode == Opcode::PING || self.opcode == Opcode::PONG
    }

    /// Code and reason of a close frame; 1005 stands for none.
    #[must_use]
    pub fn close_parts(&self) -> (u16, String) {
        match self.payload.split_first_chunk::<2>() {
            Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
            None => (1005, String::new()),
        }
    }

    /// The first frame in `bytes` and how many of them it takes, once it is complete.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (length, rest) = match second & 0x7f {
            126 => rest
                .split_first_chunk()
                .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
            127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
            short => (u64::from(short), rest),
        };
        let masked = second & 0x80 != 0;
        let (mask, rest) = if masked { rest.split_first_chunk::<4>()? } else { (&[0; 4], rest) };
        let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        let opcode = Opcode(first & 15);
        let frame = Self { fin: first & 0x80 != 0, reserved: (first >> 4) & 7, opcode, masked, payload };
        Some((frame, bytes.len() - rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_survive() {
        for length in [0, 125, 126, 0xffff, 0x1_0000] {
            let frame = Frame::new(Opcode::BINARY, vec![9; length]);
            let mut wire = frame.to_bytes();
            let complete = wire.len();
            wire.extend(b"next");
            assert_eq!(Frame::parse(&wire), Some((frame, complete)));
            assert_eq!(Frame::parse(&wire[..complete - 1]), None);
        }
    }

    /// RFC 6455 §5.7.
    #[test]
    fn the_masked_hello_of_the_rfc_is_built() {
        let wire = Frame::new(Opcode::TEXT, "Hello").to_bytes();
        assert_eq!(wire, crate::unhex("818537fa213d7f9f4d5158"));
    }
}
