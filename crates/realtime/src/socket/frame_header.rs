//! Header of a client's frame, and its mask (RFC 6455 §5.2, §5.3).

/// Continuation of a fragmented message.
pub(super) const CONTINUATION: u8 = 0x0;
/// Text message.
pub(super) const TEXT: u8 = 0x1;
/// Binary message.
pub(super) const BINARY: u8 = 0x2;
/// Close frame.
pub(super) const CLOSE: u8 = 0x8;
/// Ping.
pub(super) const PING: u8 = 0x9;
/// Pong.
pub(super) const PONG: u8 = 0xa;

/// Maximum payload of a control frame, in bytes, inclusive.
const CONTROL_PAYLOAD: u64 = 125;

/// Header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// True for the last frame of a message.
    pub(super) is_final: bool,
    /// Opcode: one of six.
    pub(super) opcode: u8,
    /// Length of the payload, in bytes.
    pub(super) length: u64,
    /// Mask of the payload.
    pub(super) mask: [u8; 4],
    /// Length of the header itself, in bytes.
    pub(super) size: usize,
}

/// Violation of the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation;

impl Header {
    /// Parses the header at the start of `input`; `None` if it is incomplete.
    ///
    /// # Errors
    /// Reserved bits or opcodes, a missing mask, a fragmented or too long control frame.
    pub(super) fn parse(input: &[u8]) -> Result<Option<Self>, Violation> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        let is_control = matches!(opcode, CLOSE | PING | PONG);
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(Violation);
        }
        if !is_control && !matches!(opcode, CONTINUATION | TEXT | BINARY) {
            return Err(Violation);
        }
        let (length, rest, extended) = match second & 0x7f {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*length)), rest, 2)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*length), rest, 8)
            }
            short => (u64::from(short), rest, 0),
        };
        if is_control && (!is_final || length > CONTROL_PAYLOAD) {
            return Err(Violation);
        }
        let Some(mask) = rest.first_chunk() else { return Ok(None) };
        Ok(Some(Self { is_final, opcode, length, mask: *mask, size: 2 + extended + mask.len() }))
    }

    /// True for Close, Ping and Pong.
    pub(super) fn is_control(&self) -> bool {
        matches!(self.opcode, CLOSE | PING | PONG)
    }
}

/// Removes the mask from `bytes`, which begin at `offset` of the payload.
pub(super) fn unmask(bytes: &mut [u8], mut mask: [u8; 4], offset: usize) {
    mask.rotate_left(offset % 4);
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_length_form_are_parsed_once_complete() {
        let rows: [(&[u8], u64); 3] = [
            (&[0x82, 0x80 | 5, 1, 2, 3, 4], 5),
            (&[0x82, 0xfe, 1, 0, 1, 2, 3, 4], 256),
            (&[0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4], 1 << 32),
        ];
        for (bytes, length) in rows {
            for end in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..end]), Ok(None));
            }
            let header =
                Header { is_final: true, opcode: BINARY, length, mask: [1, 2, 3, 4], size: bytes.len() };
            assert_eq!(Header::parse(bytes), Ok(Some(header)));
        }
    }

    #[test]
    fn violations_are_rejected() {
        let rows: [&[u8]; 6] = [
            &[0xc2, 0x80, 0, 0, 0, 0],
            &[0x82, 0x00],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x8b, 0x80, 0, 0, 0, 0],
            &[0x09, 0x80, 0, 0, 0, 0],
            &[0x89, 0xfe, 0, 126, 0, 0, 0, 0],
        ];
        for bytes in rows {
            assert_eq!(Header::parse(bytes), Err(Violation), "{bytes:x?}");
        }
    }

    #[test]
    fn mask_is_removed_the_same_in_pieces_of_any_size() {
        let mask = [0x11, 0x22, 0x33, 0x44];
        let payload: Vec<u8> = (0..=255).collect();
        let masked: Vec<u8> =
            payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        for size in 1..40 {
            let mut bytes = masked.clone();
            for (index, piece) in bytes.chunks_mut(size).enumerate() {
                unmask(piece, mask, index * size);
            }
            assert_eq!(bytes, payload, "pieces of {size}");
        }
    }
}
