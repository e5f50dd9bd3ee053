//! Who somebody is: one P-256 key that signs what they say and opens what is sealed for them.

use std::fmt;

use less_sync_auth::ucan::{Grant, UcanKey};
use less_sync_auth::{P256Key, RootKey};
use less_sync_core::{MailboxId, Permission, SpaceId, Timestamp};
use p256::SecretKey;

use super::{SealedBoxError, Secret, mailbox_id, sealed_box};

/// Bytes that are no P-256 private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidIdentity;

/// A person or device with a key of their own. Its `did:key` is what access tokens and UCANs name.
///
/// The same key signs (ECDSA) and agrees on keys (ECDH): a `did:key` names one key, and everything that is derived
/// for the one purpose says so, and cannot be taken for the other. `Debug` shows nothing.
pub struct Identity {
    secret: Secret,
    signing: UcanKey,
    agreeing: SecretKey,
}

impl Identity {
    /// Somebody new.
    #[must_use]
    pub fn random() -> Self {
        loop {
            // One draw in 2³² is no key.
            if let Ok(identity) = Self::from_secret(Secret::random()) {
                return identity;
            }
        }
    }

    /// The one with this private scalar, big-endian.
    ///
    /// # Errors
    /// It is zero, or not below the order of the curve.
    pub fn from_secret(secret: Secret) -> Result<Self, InvalidIdentity> {
        let signing = UcanKey::from_bytes(secret.expose()).map_err(|_| InvalidIdentity)?;
        let agreeing = SecretKey::from_slice(secret.expose()).map_err(|_| InvalidIdentity)?;
        Ok(Self { secret, signing, agreeing })
    }

    /// The private scalar, to be stored.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The `did:key` of the public part.
    #[must_use]
    pub fn did(&self) -> &str {
        self.signing.did()
    }

    /// The public part as the root key of a space.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        self.signing.root_key()
    }

    /// The mailbox of this identity, for the user `user_id` of `issuer` (auth §4.2): the key in it is derived from
    /// the private one, so that nobody else can tell whose mailbox it is.
    #[must_use]
    pub fn mailbox(&self, issuer: &str, user_id: &str) -> MailboxId {
        let key = Secret::derive(b"less-sync mailbox key v1", self.secret.expose(), &[]);
        mailbox_id(&key, issuer, user_id)
    }

    /// A UCAN that gives `audience` these rights until `expires_at`: a root token, or one derived from `proof`.
    #[must_use]
    pub fn grant(
        &self,
        audience: &str,
        permission: Permission,
        space: SpaceId,
        expires_at: Timestamp,
        proof: Option<&str>,
    ) -> String {
        let grant = Grant { audience, permission, space, expires_at, nonce: rand::random() };
        self.signing.issue(&grant, proof)
    }

    /// What was sealed for this identity in this context.
    ///
    /// # Errors
    /// It is for somebody else, from another context, or was changed; nobody can tell which.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealedBoxError> {
        sealed_box::open(&self.agreeing, context, sealed)
    }

    pub(super) fn signing(&self) -> &UcanKey {
        &self.signing
    }

    /// The public part.
    #[must_use]
    pub fn public(&self) -> &P256Key {
        self.signing.public()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_being_stored() {
        let identity = Identity::random();
        let again = Identity::from_secret(identity.secret().clone()).unwrap();
        assert_eq!(identity.did(), again.did());
        assert_eq!(identity.mailbox("i", "u"), again.mailbox("i", "u"));
        assert_ne!(identity.mailbox("i", "u"), Identity::random().mailbox("i", "u"));
        assert_eq!(format!("{identity:?}"), "Identity([redacted])");
    }

    #[test]
    fn zero_and_numbers_beyond_the_order_are_no_keys() {
        for bytes in [[0; 32], [0xff; 32]] {
            assert_eq!(Identity::from_secret(Secret::from_bytes(bytes)).unwrap_err(), InvalidIdentity);
        }
    }
}
