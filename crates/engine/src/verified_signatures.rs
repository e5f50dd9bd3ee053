//! Signatures that were verified before.
//!
//! Clients reconnect with the token they have, all of them at once when a server comes back. Whether a key made a
//! signature never changes, so it is computed once; everything that can change (which keys an issuer publishes, the
//! time, the rules) is looked at every time.

use std::collections::HashSet;

use less_sync_auth::P256Key;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// Signatures per generation; two generations are kept, 256 KiB or so together.
const GENERATION: usize = 4096;

type Fingerprint = [u8; 32];

/// A bounded memory of successes. Failures are never remembered (auth S-14).
#[derive(Default)]
pub(crate) struct VerifiedSignatures(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashSet<Fingerprint>,
    old: HashSet<Fingerprint>,
}

impl VerifiedSignatures {
    /// Whether `signature` is one of `key` over `message`.
    pub(crate) fn verifies(&self, key: &P256Key, message: &[u8], signature: &[u8]) -> bool {
        let fingerprint = fingerprint(key, message, signature);
        if self.0.lock().contains(&fingerprint) {
            return true;
        }
        let verified = key.verifies(message, signature);
        if verified {
            self.0.lock().insert(fingerprint);
        }
        verified
    }
}

impl Generations {
    fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.young.contains(fingerprint) || self.old.contains(fingerprint)
    }

    fn insert(&mut self, fingerprint: Fingerprint) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint);
    }
}

/// Unambiguous, because key and signature have fixed lengths wherever they verify.
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
    fn only_what_was_verified_is_remembered_and_only_for_its_key() {
        let (issuer, right) = key(7);
        let (_, wrong) = key(8);
        let token = issuer.sign(&serde_json::json!({"iss": "https://id.example"}));
        let token = UnverifiedToken::parse(&token).unwrap();
        let memory = VerifiedSignatures::default();
        let check = |key: &P256Key| {
            let judged = token.verify_by(
                |message, signature| memory.verifies(key, message, signature),
                &TokenRules::default(),
                Timestamp::from_seconds(0),
            );
            judged.unwrap_err() != TokenError::Invalid(InvalidToken::Signature)
        };
        assert!(!check(&wrong));
        assert!(memory.0.lock().young.is_empty(), "a failure leaves nothing behind");
        assert!(check(&right));
        assert!(check(&right));
        assert!(!check(&wrong), "what one key signed is not another's");
        assert_eq!(memory.0.lock().young.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut generations = Generations::default();
        for number in 0..100_000_u32 {
            let mut fingerprint = [0; 32];
            fingerprint[..4].copy_from_slice(&number.to_be_bytes());
            generations.insert(fingerprint);
        }
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
