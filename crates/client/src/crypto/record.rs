//! Encryption of record content.
//!
//! ```text
//! blob = 0x01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)           AES-256-GCM under a key drawn for this write
//! associated data = "less-sync record v1" ‖ 0x00 ‖ space id (16) ‖ record id (16)
//! ```
//!
//! The epoch is not part of the associated data, so a rotation leaves content unchanged.

use bytes::Bytes;
use less_sync_core::{Epoch, RecordId, SpaceId};

use super::{Secret, aead};

const VERSION: u8 = 1;

/// Size of a blob minus the size of its content, in bytes.
pub const RECORD_OVERHEAD: usize = 1 + aead::OVERHEAD;

/// Failure to decrypt content of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptionError {
    /// The key ring has no key of this epoch.
    #[error("no key of epoch {0}")]
    NoKey(Epoch),
    /// The wrapped key is missing, or the blob has another format.
    #[error("not encrypted in the format of shared spaces")]
    NotEncrypted,
    /// Authentication failed: the content was modified, moved, or encrypted under another key.
    #[error("authentication failed: modified content, or another key")]
    Damaged,
}

pub(super) fn seal(key: &Secret, space: SpaceId, record: RecordId, content: &[u8]) -> Bytes {
    let sealed = aead::seal(key, &context(space, record), content);
    [&[VERSION][..], &sealed].concat().into()
}

pub(super) fn open(
    key: &Secret,
    space: SpaceId,
    record: RecordId,
    blob: &[u8],
) -> Result<Bytes, DecryptionError> {
    match blob.split_first() {
        Some((&VERSION, sealed)) => {
            aead::open(key, &context(space, record), sealed).map(Bytes::from).ok_or(DecryptionError::Damaged)
        }
        Some(_) | None => Err(DecryptionError::NotEncrypted),
    }
}

fn context(space: SpaceId, record: RecordId) -> Vec<u8> {
    [&b"less-sync record v1\0"[..], space.as_bytes(), record.as_bytes()].concat()
}
