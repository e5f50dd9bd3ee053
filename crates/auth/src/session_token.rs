//! Space session tokens: a compact proof that somebody showed a good chain for a space (auth §7).
//!
//! Nothing on the wire carries one. They stay inside a deployment.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use less_sync_core::{Permission, SpaceId, Timestamp};
use sha2::Sha256;
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// Bytes before the MAC: version, expiry, permission, nonce.
const CONTENT: usize = 26;

/// Bytes of a token.
const LENGTH: usize = CONTENT + 32;

/// Bytes of a key.
const KEY: usize = 32;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// How long a token lives unless said otherwise.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(15);

/// A key that is not 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("session key is not 32 bytes")]
pub struct InvalidKeyLength;

impl InvalidKeyLength {
    /// The name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        "invalid_key_length"
    }
}

/// Rejection of a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Not a token of this key for this space.
    #[error("invalid session")]
    Invalid,
    /// The token was good once.
    #[error("session has expired")]
    Expired,
    /// The permission is none of the three.
    #[error("session has an unknown permission")]
    Permission,
}

impl SessionError {
    /// The name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_session",
            Self::Expired => "session_expired",
            Self::Permission => "invalid_permission",
        }
    }
}

/// What a session token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// What its holder may do in the space.
    pub permission: Permission,
    /// The last second in which they may.
    pub expires_at: Timestamp,
}

/// Mints and verifies session tokens under one key, which is erased on drop.
///
/// The key can be neither copied nor shown (auth S-12):
///
/// ```compile_fail
/// fn shown(tokens: less_sync_auth::SessionTokens) -> String { format!("{tokens:?}") }
/// ```
///
/// ```compile_fail
/// fn copied(tokens: &less_sync_auth::SessionTokens) -> less_sync_auth::SessionTokens { tokens.clone() }
/// ```
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct SessionTokens {
    /// The key, filled up with zeros to a block of the hash, as HMAC does.
    key: Zeroizing<[u8; BLOCK]>,
    lifetime: Duration,
}

impl SessionTokens {
    /// Tokens under `key` that live for 15 minutes.
    ///
    /// # Errors
    /// [`InvalidKeyLength`] unless the key has 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, InvalidKeyLength> {
        Self::with_lifetime(key, DEFAULT_LIFETIME)
    }

    /// Tokens under `key` that live for `lifetime`, of which whole seconds count.
    ///
    /// # Errors
    /// [`InvalidKeyLength`] unless the key has 32 bytes.
    pub fn with_lifetime(key: &[u8], lifetime: Duration) -> Result<Self, InvalidKeyLength> {
        if key.len() != KEY {
            return Err(InvalidKeyLength);
        }
        let mut block = Zeroizing::new([0; BLOCK]);
        block.iter_mut().zip(key).for_each(|(target, byte)| *target = *byte);
        Ok(Self { key: block, lifetime })
    }

    /// How long a token lives.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token that gives `permission` in `space` from now on. `nonce`: 16 random bytes.
    #[must_use]
    pub fn mint(
        &self,
        space: SpaceId,
        permission: Permission,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> [u8; LENGTH] {
        let expires_at = now.plus(self.lifetime).seconds().max(0).cast_unsigned();
        let mut content = [0; CONTENT];
        let fields =
            std::iter::once(VERSION).chain(expires_at.to_be_bytes()).chain([permission.as_u8()]).chain(nonce);
        content.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        let mac = space.with_text(|space| self.mac(&content, space)).finalize().into_bytes();
        let mut token = [0; LENGTH];
        token.iter_mut().zip(content.into_iter().chain(mac)).for_each(|(target, byte)| *target = byte);
        token
    }

    /// What `token` says, if it is one for `space`.
    ///
    /// # Errors
    /// [`SessionError`]: form, then MAC, then expiry, then permission.
    pub fn verify(&self, token: &[u8], space: SpaceId, now: Timestamp) -> Result<Session, SessionError> {
        space.with_text(|space| self.verify_for(token, space, now))
    }

    fn verify_for(&self, token: &[u8], space: &str, now: Timestamp) -> Result<Session, SessionError> {
        let token: &[u8; LENGTH] = token.try_into().map_err(|_| SessionError::Invalid)?;
        let (content, mac) = token.split_first_chunk::<CONTENT>().ok_or(SessionError::Invalid)?;
        let [VERSION, e0, e1, e2, e3, e4, e5, e6, e7, permission, ..] = *content else {
            return Err(SessionError::Invalid);
        };
        // `verify_slice` takes the same time wherever the bytes differ.
        self.mac(content, space).verify_slice(mac).map_err(|_| SessionError::Invalid)?;
        let expires_at = u64::from_be_bytes([e0, e1, e2, e3, e4, e5, e6, e7]);
        let expires_at = i64::try_from(expires_at).map_err(|_| SessionError::Invalid)?;
        if now.seconds() > expires_at {
            return Err(SessionError::Expired);
        }
        let permission = Permission::try_from(permission).map_err(|_| SessionError::Permission)?;
        Ok(Session { permission, expires_at: Timestamp::from_seconds(expires_at) })
    }

    fn mac(&self, content: &[u8; CONTENT], space: &str) -> Hmac<Sha256> {
        Hmac::new(&(*self.key).into()).chain_update(content).chain_update(space)
    }
}

#[cfg(test)]
mod tests;
