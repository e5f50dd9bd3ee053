//! `did:key` encoding of P-256 public keys (auth §5).
//!
//! Every key has exactly one accepted text, so comparing texts compares keys.

use less_sync_core::Did;

use crate::P256Key;

/// Maximum length after the prefix, in characters: base58 decoding takes quadratic time.
const MAX_BODY_CHARS: usize = 256;

/// Multicodec number of `p256-pub`.
const CODEC: u128 = 0x1200;

/// Multicodec number as an unsigned varint.
const CODEC_VARINT: [u8; 2] = [0x80, 0x24];

/// Maximum length of a varint, in bytes.
const MAX_VARINT_BYTES: usize = 10;

/// Rejection of a text as the `did:key` of a P-256 key. The first failure decides; `Display` shows no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDidKey {
    /// Missing prefix `did:key:z`, or nothing after it.
    #[error("not a did:key in base58")]
    MissingPrefix,
    /// More than 256 characters after the prefix.
    #[error("did:key is too long")]
    InputTooLong,
    /// Character outside the base58 alphabet.
    #[error("did:key is not base58")]
    BadBase58,
    /// Codec number without an end within 10 bytes.
    #[error("unterminated codec of did:key")]
    BadVarint,
    /// Key of another type.
    #[error("did:key of an unsupported key type")]
    WrongCodec,
    /// Key of another length than 33 bytes.
    #[error("did:key is not a compressed point")]
    WrongLength,
    /// Bytes other than 0x02 or 0x03 and the x coordinate of a point on the curve.
    #[error("did:key is not a point of P-256")]
    BadPoint,
    /// Non-canonical spelling of a key.
    #[error("did:key is not in canonical form")]
    NonCanonical,
}

impl InvalidDidKey {
    /// Name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::MissingPrefix => "missing_prefix",
            Self::InputTooLong => "input_too_long",
            Self::BadBase58 => "bad_base58",
            Self::BadVarint => "bad_varint",
            Self::WrongCodec => "wrong_codec",
            Self::WrongLength => "wrong_length",
            Self::BadPoint => "bad_point",
            Self::NonCanonical => "non_canonical",
        }
    }
}

/// Decodes the key in `did`.
///
/// # Errors
/// [`InvalidDidKey`], decided in the order of auth §5.
pub fn decode(did: &str) -> Result<P256Key, InvalidDidKey> {
    let body = did.strip_prefix(Did::KEY_PREFIX).filter(|body| !body.is_empty());
    let body = body.ok_or(InvalidDidKey::MissingPrefix)?;
    if body.chars().nth(MAX_BODY_CHARS).is_some() {
        return Err(InvalidDidKey::InputTooLong);
    }
    let bytes = bs58::decode(body).into_vec().map_err(|_| InvalidDidKey::BadBase58)?;
    let (codec, point) = varint(&bytes).ok_or(InvalidDidKey::BadVarint)?;
    if codec != CODEC {
        return Err(InvalidDidKey::WrongCodec);
    }
    let point = point.try_into().map_err(|_| InvalidDidKey::WrongLength)?;
    let key = P256Key::from_compressed(point).ok_or(InvalidDidKey::BadPoint)?;
    if body != encoded(point) {
        return Err(InvalidDidKey::NonCanonical);
    }
    Ok(key)
}

/// Encodes `key`: always 57 characters.
#[must_use]
pub fn encode(key: &P256Key) -> Did {
    Did::of_key(&encoded(&key.to_compressed()))
}

/// Encodes the part after the prefix.
fn encoded(point: &[u8; 33]) -> String {
    bs58::encode([&CODEC_VARINT[..], point].concat()).into_string()
}

/// Splits off the leading varint. Padded varints are accepted.
fn varint(bytes: &[u8]) -> Option<(u128, &[u8])> {
    let length = 1 + bytes.iter().take(MAX_VARINT_BYTES).position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(length)?;
    Some((number.iter().rev().fold(0, |value, byte| value << 7 | u128::from(byte & 0x7f)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_its_lowest_bits_first_and_ends_within_ten_bytes() {
        assert_eq!(varint(&[0x80, 0x24, 7]), Some((CODEC, &[7][..])));
        assert_eq!(varint(&[0x80, 0xa4, 0x00]), Some((CODEC, &[][..])));
        let longest = [[0xff; 9].as_slice(), &[0x7f]].concat();
        assert_eq!(varint(&longest), Some(((1 << 70) - 1, &[][..])));
        assert_eq!(varint(&[[0x80; 10].as_slice(), &[0]].concat()), None);
        assert_eq!(varint(&[0x80]), None);
        assert_eq!(varint(&[]), None);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(decode(Did::of_key(&"é".repeat(256)).as_str()), Err(InvalidDidKey::BadBase58));
        assert_eq!(decode(Did::of_key(&"é".repeat(257)).as_str()), Err(InvalidDidKey::InputTooLong));
    }

    /// Encodes a leading zero byte as `1`, as base58 does.
    #[test]
    fn leading_zeros_make_no_second_text() {
        assert_eq!(
            decode("did:key:z1Dnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv"),
            Err(InvalidDidKey::WrongCodec)
        );
    }
}
