//! Verified signature of a request.

use less_sync_core::PeerId;
use sha2::{Digest, Sha256};

use crate::federation::KeyId;

/// Signature that verified with a known key. Trust in the peer and replay are checked next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    key_id: KeyId,
    base_hash: [u8; 32],
    is_bound: bool,
}

impl VerifiedSignature {
    pub(super) fn new(key_id: KeyId, base: &str, is_bound: bool) -> Self {
        Self { key_id, base_hash: Sha256::digest(base).into(), is_bound }
    }

    /// Id of the key that made the signature.
    #[must_use]
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Peer that made the signature.
    #[must_use]
    pub const fn peer(&self) -> &PeerId {
        self.key_id.peer()
    }

    /// SHA-256 of the signature base: with the key id, the identity of the signature (federation AU-7).
    #[must_use]
    pub const fn base_hash(&self) -> &[u8; 32] {
        &self.base_hash
    }

    /// Returns true when the signature belongs to one request: it covers the binding header or has a nonce (federation AU-8).
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.is_bound
    }
}
