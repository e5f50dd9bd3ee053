//! Proof of the key of a DID: the answer to the challenge of a connection (auth §2.7).
//!
//! ```
//! use less_sync_auth::did_proof::{Challenge, DidProof};
//! use less_sync_auth::ucan::UcanKey;
//!
//! let (key, challenge) = (UcanKey::from_bytes(&[7; 32])?, Challenge::from_bytes([1; 32]));
//! let signature = key.prove(&challenge, "token");
//! let proof = DidProof { challenge: &challenge, signature: &signature };
//! assert!(proof.verifies(key.did(), "token"));
//! assert!(!proof.verifies(key.did(), "another token"));
//! # Ok::<(), less_sync_auth::ucan::InvalidUcanKey>(())
//! ```

use std::fmt;
use std::str::FromStr;

use less_sync_core::Did;
use sha2::{Digest, Sha256};

use crate::ucan::UcanKey;
use crate::{base64url, did_key};

/// Domain of the signature, which no other signed text of a member begins with.
const DOMAIN: &[u8] = b"less-sync did proof v1\0";

/// Text that is not a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("challenge is not 32 bytes in base64url")]
pub struct InvalidChallenge;

/// Challenge of a connection: 32 random bytes of the server. `Display` is the value of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Wraps 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Signed bytes: domain, challenge, and SHA-256 of the token.
    fn statement(&self, token: &str) -> Vec<u8> {
        [DOMAIN, &self.0, &Sha256::digest(token)].concat()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl FromStr for Challenge {
    type Err = InvalidChallenge;

    fn from_str(text: &str) -> Result<Self, InvalidChallenge> {
        let bytes = base64url::decode(text).ok_or(InvalidChallenge)?;
        bytes.try_into().map(Self).map_err(|_| InvalidChallenge)
    }
}

impl UcanKey {
    /// Signs a challenge and the access token that names the DID of this key: 64 bytes r ‖ s.
    #[must_use]
    pub fn prove(&self, challenge: &Challenge, token: &str) -> [u8; 64] {
        self.sign_bytes(&challenge.statement(token))
    }
}

/// Answer to a challenge. `Debug` shows no content.
#[derive(Clone, Copy)]
pub struct DidProof<'a> {
    /// Challenge of the connection.
    pub challenge: &'a Challenge,
    /// Signature as received.
    pub signature: &'a [u8],
}

impl DidProof<'_> {
    /// Returns true if the signature is one of the key of `did`, over the challenge and `token`.
    #[must_use]
    pub fn verifies(&self, did: &Did, token: &str) -> bool {
        let key = did_key::decode(did.as_str());
        key.is_ok_and(|key| key.verifies(&self.challenge.statement(token), self.signature))
    }
}

impl fmt::Debug for DidProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DidProof([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: u8) -> UcanKey {
        UcanKey::from_bytes(&[secret; 32]).unwrap()
    }

    #[test]
    fn proof_is_for_one_key_one_challenge_and_one_token() {
        let (challenge, other) = (Challenge::from_bytes([1; 32]), Challenge::from_bytes([2; 32]));
        let signature = key(7).prove(&challenge, "token");
        let verifies = |challenge: &Challenge, signature: &[u8], did: &Did, token: &str| {
            DidProof { challenge, signature }.verifies(did, token)
        };
        assert!(verifies(&challenge, &signature, key(7).did(), "token"));
        assert!(!verifies(&other, &signature, key(7).did(), "token"));
        assert!(!verifies(&challenge, &signature, key(8).did(), "token"));
        assert!(!verifies(&challenge, &signature, key(7).did(), "token2"));
        assert!(!verifies(&challenge, &signature[1..], key(7).did(), "token"));
        assert!(!verifies(&challenge, &[], &Did::of_key("1"), "token"), "a DID without a key");
    }

    #[test]
    fn challenge_has_one_text() {
        let challenge = Challenge::from_bytes([0xfb; 32]);
        assert_eq!(challenge.to_string().parse(), Ok(challenge));
        assert_eq!(challenge.to_string().len(), 43);
        for wrong in ["", "AAAA", &format!("{challenge}="), &"!".repeat(43)] {
            assert_eq!(wrong.parse::<Challenge>(), Err(InvalidChallenge), "{wrong}");
        }
    }
}
