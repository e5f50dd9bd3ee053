//! Cache of valid P-256 signatures.
//!
//! Clients reconnect with the token that they have, all of them at once after a restart of the server. Whether a key made
//! a signature never changes, so each is verified once; everything that can change (the keys that an issuer publishes,
//! the time, the rules) is checked on every request.

use std::time::Duration;

use less_sync_auth::P256Key;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::generation_cache::{Bounds, GenerationCache};

/// 8192 signatures in both generations, some 256 KiB. They never expire.
const BOUNDS: Bounds =
    Bounds { entries: 4096, bytes: 4096 * size_of::<Fingerprint>(), lifetime: Duration::MAX };

type Fingerprint = [u8; 32];

/// Bounded set of signatures that were verified successfully. Failures are never cached (auth S-14).
pub(crate) struct SignatureCache(Mutex<GenerationCache<Fingerprint, (), ()>>);

impl SignatureCache {
    /// Verifies that `signature` is one of `key` over `message`.
    pub(crate) fn verifies(&self, key: &P256Key, message: &[u8], signature: &[u8]) -> bool {
        self.verifies_within(key, message, signature, || true).unwrap_or(false)
    }

    /// As [`Self::verifies`]; `None` if the signature is not cached and must not be computed.
    pub(crate) fn verifies_within(
        &self,
        key: &P256Key,
        message: &[u8],
        signature: &[u8],
        may_compute: impl FnOnce() -> bool,
    ) -> Option<bool> {
        let fingerprint = fingerprint(key, message, signature);
        if self.0.lock().get(&fingerprint, ()).is_some() {
            return Some(true);
        }
        if !may_compute() {
            return None;
        }
        // Verified outside the lock: it takes some 100 µs, and two threads that verify one signature do no harm.
        let verified = key.verifies(message, signature);
        if verified {
            self.0.lock().insert(fingerprint, (), 0, ());
        }
        Some(verified)
    }
}

impl Default for SignatureCache {
    fn default() -> Self {
        Self(Mutex::new(GenerationCache::new(BOUNDS)))
    }
}

/// SHA-256 of key, signature and message; unambiguous, since keys have a fixed length and signatures carry theirs.
fn fingerprint(key: &P256Key, message: &[u8], signature: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(key.to_compressed());
    hash.update((signature.len() as u64).to_be_bytes());
    hash.update(signature);
    hash.update(message);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use less_sync_auth::issuer::{IssuerKey, jwks_document};
    use less_sync_auth::{InvalidToken, KeySet, TokenError, TokenRules, UnverifiedToken};
    use less_sync_core::Timestamp;

    use super::*;

    fn key(secret: u8) -> (IssuerKey, P256Key) {
        let issuer = IssuerKey::from_bytes("key", &[secret; 32]).unwrap();
        let set = KeySet::parse(jwks_document([&issuer]).to_string().as_bytes()).unwrap();
        let public = P256Key::clone(set.key("key").unwrap());
        (issuer, public)
    }

    #[test]
    fn only_valid_signatures_are_cached_and_only_for_their_key() {
        let (issuer, right) = key(7);
        let (_, wrong) = key(8);
        let token = issuer.sign(&serde_json::json!({"iss": "https://id.example"}));
        let token = UnverifiedToken::parse(&token).unwrap();
        let cache = SignatureCache::default();
        let check = |key: &P256Key| {
            let result = token.verify_by(
                |message, signature| cache.verifies(key, message, signature),
                &TokenRules::default(),
                Timestamp::from_seconds(0),
            );
            result.unwrap_err() != TokenError::Invalid(InvalidToken::Signature)
        };
        assert!(!check(&wrong));
        assert_eq!(cache.0.lock().len(), 0, "a failure is not cached");
        assert!(check(&right));
        assert!(check(&right));
        assert!(!check(&wrong), "a signature is cached for its key only");
        assert_eq!(cache.0.lock().len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cache = GenerationCache::new(BOUNDS);
        for number in 0..100_000_u32 {
            let mut fingerprint = [0; 32];
            fingerprint[..4].copy_from_slice(&number.to_be_bytes());
            cache.insert(fingerprint, (), 0, ());
        }
        assert!(cache.len() <= 2 * BOUNDS.entries);
        assert!(cache.len() > BOUNDS.entries);
    }
}
