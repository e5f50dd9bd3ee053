//! Encryption of file content in segments, for streaming and resumed downloads.
//!
//! ```text
//! object = 0x01 ‖ segment 0 ‖ segment 1 ‖ …        AES-256-GCM under a key drawn for this upload
//! segment = ciphertext ‖ tag (16)                   of 65 536 bytes of content; the last one of the rest
//! nonce = 0x000000 ‖ number of the segment (8, big-endian) ‖ 0x01 for the last one, else 0x00
//! associated data = "less-sync file v1" ‖ 0x00 ‖ space id (16) ‖ file id (16)
//! ```
//!
//! STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015): missing, repeated, reordered and foreign segments fail
//! authentication, and so does a truncated file. The last segment is empty in an empty file only. Nonces are counters, so
//! a key must encrypt one content only: generate a new key for every attempt to upload.

mod opener;
mod sealer;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use less_sync_core::{FileId, SpaceId};

use super::{DecryptionError, Secret};

pub use opener::FileOpener;
pub use sealer::FileSealer;

const VERSION: u8 = 1;
const TAG: usize = 16;
const SEALED_SEGMENT: usize = FILE_SEGMENT + TAG;

/// Size of the content of every segment except the last one, in bytes.
pub const FILE_SEGMENT: usize = 64 * 1024;

/// Size of the ciphertext of `content` bytes, in bytes.
#[must_use]
pub const fn sealed_size(content: u64) -> u64 {
    let segments = content.div_ceil(FILE_SEGMENT as u64);
    let segments = if segments == 0 { 1 } else { segments };
    content.saturating_add(segments.saturating_mul(TAG as u64)).saturating_add(1)
}

/// Offset of a segment in the ciphertext; that of segment 0 includes the version byte.
#[must_use]
pub const fn segment_offset(number: u64) -> u64 {
    if number == 0 { 0 } else { number.saturating_mul(SEALED_SEGMENT as u64).saturating_add(1) }
}

/// Cipher of one file, and the number of the next segment.
struct Segments {
    cipher: Aes256Gcm,
    context: Vec<u8>,
    number: u64,
}

impl Segments {
    fn new(key: &Secret, space: SpaceId, file: FileId, number: u64) -> Self {
        let context = [&b"less-sync file v1\0"[..], space.as_bytes(), file.as_bytes()].concat();
        Self { cipher: Aes256Gcm::new(key.expose().into()), context, number }
    }

    fn seal(&mut self, content: &[u8], is_last: bool) -> Vec<u8> {
        let nonce = self.next_nonce(is_last);
        let payload = Payload { msg: content, aad: &self.context };
        // Fails above 64 GiB only.
        self.cipher.encrypt(&nonce, payload).unwrap_or_default()
    }

    fn open(&mut self, sealed: &[u8], is_last: bool) -> Result<Vec<u8>, DecryptionError> {
        let is_first = self.number == 0;
        let nonce = self.next_nonce(is_last);
        let payload = Payload { msg: sealed, aad: &self.context };
        let content = self.cipher.decrypt(&nonce, payload).map_err(|_| DecryptionError::Damaged)?;
        // An empty last segment after others would be a second encoding of the same content.
        if content.is_empty() && !is_first { Err(DecryptionError::Damaged) } else { Ok(content) }
    }

    fn next_nonce(&mut self, is_last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
        let mut nonce = [0; 12];
        let (counter, flag) = nonce.split_at_mut(11);
        let (_zeros, counter) = counter.split_at_mut(3);
        counter.copy_from_slice(&self.number.to_be_bytes());
        flag.fill(u8::from(is_last));
        self.number += 1;
        nonce.into()
    }
}

/// Splits input into units of one size. The newest unit is buffered, because it may be the last one.
struct Cutter {
    unit: usize,
    held: Vec<u8>,
}

impl Cutter {
    fn new(unit: usize) -> Self {
        Self { unit, held: Vec::with_capacity(unit) }
    }

    /// Buffers up to one unit; returns the rest, which is not empty only if the buffered unit is complete and not the last.
    fn fill<'o>(&mut self, bytes: &'o [u8]) -> &'o [u8] {
        let room = self.unit - self.held.len();
        let (fits, rest) = bytes.split_at(room.min(bytes.len()));
        self.held.extend_from_slice(fits);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets_match_the_format() {
        let segment = FILE_SEGMENT as u64;
        for (content, sealed) in [
            (0, 17),
            (1, 18),
            (segment - 1, segment + 16),
            (segment, segment + 17),
            (segment + 1, segment + 34),
            (5 * segment, 5 * segment + 81),
        ] {
            assert_eq!(sealed_size(content), sealed, "{content}");
        }
        assert_eq!([0, 1, 2].map(segment_offset), [0, 65_553, 131_105]);
        assert_eq!(sealed_size(u64::MAX), u64::MAX);
    }
}
