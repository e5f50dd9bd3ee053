//! Hexadecimal encoding of bytes: the text form of 32-byte identifiers on the wire and in databases.

/// Encodes every byte as two lowercase digits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Decodes exactly 64 lowercase digits into 32 bytes. Uppercase digits are rejected: equal values have equal texts.
#[must_use]
pub fn decode_32(text: &str) -> Option<[u8; 32]> {
    decode(text)
}

/// Decodes exactly two lowercase digits for each of `N` bytes. Uppercase digits are rejected: equal values have equal texts.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}
