//! The other side of a UCAN: a member's key. Clients issue UCANs with it, and tests; the server only ever verifies.

use std::fmt;

use less_sync_core::{Permission, SpaceId, Timestamp};
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde::Serialize;

use super::claims::{command, resource};
use crate::{P256Key, RootKey, base64url, did_key};

const HEADER: &str = r#"{"alg":"ES256","typ":"JWT"}"#;

/// Bytes that are no P-256 private key: zero, or not below the order of the curve. One draw in 2³² is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidUcanKey;

/// A key pair of somebody who owns spaces or is a member of them.
///
/// The same key and claims give the same token: signatures are deterministic (RFC 6979). The private part is
/// erased on drop.
pub struct UcanKey {
    key: SigningKey,
    public: P256Key,
    did: String,
}

/// What a UCAN gives, and to whom.
#[derive(Clone, Copy)]
pub struct Grant<'a> {
    /// The `did:key` of the one who receives it.
    pub audience: &'a str,
    /// What they may do.
    pub permission: Permission,
    /// Where.
    pub space: SpaceId,
    /// The last second in which they may. No later than that of the proof, or the UCAN is worthless.
    pub expires_at: Timestamp,
    /// Sixteen random bytes.
    pub nonce: [u8; 16],
}

impl UcanKey {
    /// The key with this private scalar, big-endian: 32 random bytes make one.
    ///
    /// # Errors
    /// [`InvalidUcanKey`]: draw again.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, InvalidUcanKey> {
        let key = SigningKey::from_slice(secret).map_err(|_| InvalidUcanKey)?;
        let public = P256Key::of(&key);
        Ok(Self { did: did_key::encode(&public), key, public })
    }

    /// The `did:key` of the public part.
    #[must_use]
    pub fn did(&self) -> &str {
        &self.did
    }

    /// The public part.
    #[must_use]
    pub fn public(&self) -> &P256Key {
        &self.public
    }

    /// The public part as the root key of a space.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        RootKey::from(&self.public)
    }

    /// The UCAN that gives `grant`: a root token, or one derived from `proof`, the UCAN by which this key has the
    /// rights itself. Byte by byte what the SDK writes (auth §6.1).
    ///
    /// Whether the chain is a good one is not looked at.
    #[must_use]
    pub fn issue(&self, grant: &Grant<'_>, proof: Option<&str>) -> String {
        let payload = Payload {
            aud: [grant.audience],
            cmd: command(grant.permission),
            exp: grant.expires_at.seconds(),
            iss: &self.did,
            nonce: base64url::encode(&grant.nonce),
            prf: proof.as_slice(),
            with: resource(grant.space),
        };
        // Texts and integers are always JSON.
        let payload = serde_json::to_string(&payload).unwrap_or_default();
        self.sign_text(HEADER, &payload)
    }

    /// The token with these texts for header and payload. Whether they are JSON is not looked at.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let segment = |text: &str| base64url::encode(text.as_bytes());
        let signed = format!("{}.{}", segment(header), segment(payload));
        let signature: p256::ecdsa::Signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", base64url::encode(&signature.to_bytes()))
    }
}

/// Members sorted by name, as they are written.
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
