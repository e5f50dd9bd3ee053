//! The membership log of a space: append-only, chained by hashes, opaque to the server (storage §3.9).

use bytes::Bytes;
use less_sync_core::Cursor;

/// An entry of the membership log, as it is stored for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEntry {
    /// Its place in the log, from 1, without gaps.
    pub chain_seq: i32,
    /// Cursor of the append.
    pub cursor: Cursor,
    /// Hash of the entry before; none in the first one.
    pub prev_hash: Option<[u8; 32]>,
    /// SHA-256 of the payload.
    pub entry_hash: [u8; 32],
    /// Ciphertext.
    pub payload: Bytes,
}
