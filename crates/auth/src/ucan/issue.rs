//! Issuing of UCANs with a member's key, for clients and tests; the server itself only verifies.

use std::fmt;

use less_sync_core::{Did, Permission, SpaceId, Timestamp};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde::Serialize;

use super::claims::{command, resource};
use crate::{P256Key, RootKey, base64url, did_key};

const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;

/// Bytes that are not a P-256 private key: zero, or not below the order of the curve; one in 2³² random values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidUcanKey;

/// Key pair of a space owner or member.
///
/// Signatures are deterministic (RFC 6979): the same key and claims give the same token. The private part is
/// zeroized on drop.
pub struct UcanKey {
    key: SigningKey,
    public: P256Key,
    did: Did,
}

/// Content of a UCAN to issue.
#[derive(Clone, Copy)]
pub struct Grant<'a> {
    /// Audience: the recipient's `did:key`.
    pub audience: &'a Did,
    /// Permission level granted.
    pub permission: Permission,
    /// Space of the grant.
    pub space: SpaceId,
    /// Expiry, inclusive. Must not be later than that of the proof, or the chain is invalid.
    pub expires_at: Timestamp,
    /// Nonce: sixteen random bytes.
    pub nonce: [u8; 16],
}

impl UcanKey {
    /// Creates the key pair from a private scalar, big-endian, usually 32 random bytes.
    ///
    /// # Errors
    /// [`InvalidUcanKey`]: retry with other bytes.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, InvalidUcanKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| InvalidUcanKey)?;
        let public = P256Key::of(&key);
        Ok(Self { did: did_key::encode(&public), key, public })
    }

    /// Public key as `did:key`.
    #[must_use]
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// Public key.
    #[must_use]
    pub fn public(&self) -> &P256Key {
        &self.public
    }

    /// Public key as the root key of a space.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        RootKey::from(&self.public)
    }

    /// Issues the UCAN for `grant`: a root token, or one derived from `proof`, the UCAN that gives this key its own
    /// rights. Byte-identical to the output of the SDK (auth §6.1).
    ///
    /// The resulting chain is not verified.
    #[must_use]
    pub fn issue(&self, grant: &Grant<'_>, proof: Option<&str>) -> String {
        let payload = Payload {
            aud: [grant.audience.as_str()],
            cmd: command(grant.permission),
            exp: grant.expires_at.seconds(),
            iss: self.did.as_str(),
            nonce: base64url::encode(&grant.nonce),
            prf: proof.as_slice(),
            with: resource(grant.space),
        };
        // Texts and integers are always JSON.
        let payload = serde_json::to_string(&payload).unwrap_or_default();
        self.sign_text(HEADER, &payload)
    }

    /// Signs a token with these texts as header and payload, which need not be JSON.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let segment = |text: &str| base64url::encode(text.as_bytes());
        let signed = format!("{}.{}", segment(header), segment(payload));
        let signature = self.sign_bytes(signed.as_bytes());
        format!("{signed}.{}", base64url::encode(&signature))
    }

    /// Signature of `message`: 64 bytes r ‖ s.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        let signature: p256::ecdsa::Signature = self.key.sign(message);
        signature.to_bytes().into()
    }
}

/// Claims sorted by name, as written.
#[derive(Serialize)]
struct Payload<'a> {
    aud: [&'a str; 1],
    cmd: &'static str,
    exp: i64,
    iss: &'a str,
    nonce: String,
    prf: &'a [&'a str],
    with: String,
}

impl fmt::Debug for UcanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UcanKey([redacted])")
    }
}

impl fmt::Debug for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant([redacted])")
    }
}
