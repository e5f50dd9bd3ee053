//! Identity of a user or device: a P-256 key pair for signatures and key agreement.

use std::fmt;

use less_sync_auth::did_proof::Challenge;
use less_sync_auth::login_proof::Login;
use less_sync_auth::ucan::{Grant, UcanKey};
use less_sync_auth::{P256Key, RootKey};
use less_sync_core::{Did, MailboxId, Permission, SpaceId, Timestamp};
use p256::SecretKey;

use super::{SealedBoxError, Secret, mailbox_id, sealed_box};

/// Invalid P-256 private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key")]
pub struct InvalidIdentity;

/// Key pair of a user or device. Access tokens and UCANs name its `did:key`.
///
/// The same key signs (ECDSA) and agrees on keys (ECDH), because a `did:key` names one key only. Signatures and derived
/// keys are separated by their purpose, so none of one use is valid in the other. `Debug` shows nothing.
pub struct Identity {
    secret: Secret,
    signing: UcanKey,
    agreeing: SecretKey,
}

impl Identity {
    /// Generates an identity.
    #[must_use]
    pub fn random() -> Self {
        loop {
            // About one draw in 2³² is not a valid scalar.
            if let Ok(identity) = Self::from_secret(Secret::random()) {
                return identity;
            }
        }
    }

    /// Identity with this private scalar, big-endian.
    ///
    /// # Errors
    /// The scalar is zero, or not below the order of the curve.
    pub fn from_secret(secret: Secret) -> Result<Self, InvalidIdentity> {
        let signing = UcanKey::from_bytes(secret.expose()).map_err(|_| InvalidIdentity)?;
        let agreeing = SecretKey::from_slice(secret.expose()).map_err(|_| InvalidIdentity)?;
        Ok(Self { secret, signing, agreeing })
    }

    /// Private scalar, for storage.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// `did:key` of the public key.
    #[must_use]
    pub fn did(&self) -> &Did {
        self.signing.did()
    }

    /// Public key as the root key of a space.
    #[must_use]
    pub fn root_key(&self) -> RootKey {
        self.signing.root_key()
    }

    /// Mailbox id for the user `user_id` of `issuer` (auth §4.2). Its key is derived from the private key, so that the id
    /// reveals nothing about its owner.
    #[must_use]
    pub fn mailbox(&self, issuer: &str, user_id: &str) -> MailboxId {
        let key = Secret::derive(b"less-sync mailbox key v1", self.secret.expose(), &[]);
        mailbox_id(&key, issuer, user_id)
    }

    /// Issues a UCAN that grants `permission` to `audience` until `expires_at`: a root token, or one derived from `proof`.
    #[must_use]
    pub fn grant(
        &self,
        audience: &Did,
        permission: Permission,
        space: SpaceId,
        expires_at: Timestamp,
        proof: Option<&str>,
    ) -> String {
        let grant = Grant { audience, permission, space, expires_at, nonce: rand::random() };
        self.signing.issue(&grant, proof)
    }

    /// Answer to the challenge of a server: a signature over it and the access `token`, which names the DID of this identity.
    #[must_use]
    pub fn prove(&self, challenge: &Challenge, token: &str) -> [u8; 64] {
        self.signing.prove(challenge, token)
    }

    /// Signature over a login, for an issuer that names the DID of this identity in its tokens.
    #[must_use]
    pub fn prove_login(&self, login: &Login<'_>) -> [u8; 64] {
        self.signing.prove_login(login)
    }

    /// Opens a sealed box for this identity and context.
    ///
    /// # Errors
    /// The box was sealed for another identity or context, or was modified; the cases cannot be distinguished.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealedBoxError> {
        sealed_box::open(&self.agreeing, context, sealed)
    }

    pub(super) fn signing(&self) -> &UcanKey {
        &self.signing
    }

    /// Public key.
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
    fn identity_round_trips_through_its_secret() {
        let identity = Identity::random();
        let again = Identity::from_secret(identity.secret().clone()).unwrap();
        assert_eq!(identity.did(), again.did());
        assert_eq!(identity.mailbox("i", "u"), again.mailbox("i", "u"));
        assert_ne!(identity.mailbox("i", "u"), Identity::random().mailbox("i", "u"));
        assert_eq!(format!("{identity:?}"), "Identity([redacted])");
    }

    #[test]
    fn zero_and_scalars_above_the_order_are_rejected() {
        for bytes in [[0; 32], [0xff; 32]] {
            assert_eq!(Identity::from_secret(Secret::from_bytes(bytes)).unwrap_err(), InvalidIdentity);
        }
    }
}
