//! Content of one record.
//!
//! ```text
//! blob = 0x01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)           AES-256-GCM under a key drawn for this write
//! associated data = "less-sync record v1" ‖ 0x00 ‖ space id (16) ‖ record id (16)
//! ```
//!
//! The epoch is no part of it, so that a rotation need not touch content.

use bytes::Bytes;
use less_sync_core::{Epoch, RecordId, SpaceId};

use super::{Secret, aead};

const VERSION: u8 = 1;

/// Bytes by which a blob is longer than its content.
pub const RECORD_OVERHEAD: usize = 1 + aead::OVERHEAD;

/// Why something of a space cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// We do not have the key of this epoch.
    #[error("the key of epoch {0} is not here")]
    NoKey(Epoch),
    /// There is no wrapped key beside it, or the blob has another format.
    #[error("it is not encrypted as shared spaces are")]
    NotEncrypted,
    /// It was changed, or belongs elsewhere.
    #[error("it was tampered with, or written under another key")]
    Damaged,
}

pub(super) fn seal(key: &Secret, space: SpaceId, record: RecordId, content: &[u8]) -> Bytes {
    let sealed = aead::seal(key, &context(space, record), content);
    [&[VERSION][..], &sealed].concat().into()
}

pub(super) fn open(key: &Secret, space: SpaceId, record: RecordId, blob: &[u8]) -> Result<Bytes, Unreadable> {
    match blob.split_first() {
        Some((&VERSION, sealed)) => {
            aead::open(key, &context(space, record), sealed).map(Bytes::from).ok_or(Unreadable::Damaged)
        }
        Some(_) | None => Err(Unreadable::NotEncrypted),
    }
}

fn context(space: SpaceId, record: RecordId) -> Vec<u8> {
    [&b"less-sync record v1\0"[..], space.as_bytes(), record.as_bytes()].concat()
}
