//! Keyed hash of users, the only form in which a user is stored (auth §4.3).

use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Caller;

/// Length of a key, in bytes.
const KEY: usize = 32;

/// Block size of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Text that is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentityHashKey {
    /// Odd or non-hexadecimal digits.
    #[error("not hexadecimal")]
    Digits,
    /// Length other than 32 bytes.
    #[error("expected 32 bytes, got {0}")]
    Length(usize),
}

/// Key of the user hash, zeroized on drop. Neither clonable nor printable (auth S-12):
///
/// ```compile_fail
/// fn shown(key: less_sync_auth::IdentityHashKey) -> String { format!("{key:?}") }
/// ```
///
/// ```compile_fail
/// fn copied(key: &less_sync_auth::IdentityHashKey) -> less_sync_auth::IdentityHashKey { key.clone() }
/// ```
#[expect(missing_debug_implementations, reason = "keys are not shown (auth S-12)")]
pub struct IdentityHashKey {
    /// Key, zero-padded to a block of the hash, as HMAC does.
    block: Zeroizing<[u8; BLOCK]>,
}

impl IdentityHashKey {
    /// HMAC-SHA256 of the caller's issuer, a zero byte and the user.
    #[must_use]
    pub fn actor(&self, caller: &Caller) -> [u8; 32] {
        self.named(&caller.issuer, caller.user_id.as_str())
    }

    /// HMAC-SHA256 of an issuer, a zero byte and a user, for actors without an access token (federation §9.6).
    #[must_use]
    pub fn named(&self, issuer: &str, user: &str) -> [u8; 32] {
        self.hash(b"", issuer, user)
    }

    /// Hash of the caller as the owner of spaces: as [`Self::actor`], with a prefix of the input (a zero byte, `owner`, a zero
    /// byte), so that rate-limited actions cannot be joined with spaces without the key.
    #[must_use]
    pub fn owner(&self, caller: &Caller) -> [u8; 32] {
        // No issuer starts with a zero byte.
        self.hash(b"\0owner\0", &caller.issuer, caller.user_id.as_str())
    }

    /// Fingerprint by which the servers of a deployment see that they have the same key. Reveals nothing about it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 8] {
        let mac: Hmac<Sha256> = Hmac::new(&(*self.block).into());
        let tag = mac.chain_update(b"\0fingerprint\0").finalize().into_bytes();
        let mut fingerprint = [0; 8];
        fingerprint.iter_mut().zip(tag).for_each(|(byte, tag)| *byte = tag);
        fingerprint
    }

    fn hash(&self, domain: &[u8], issuer: &str, user: &str) -> [u8; 32] {
        let mac: Hmac<Sha256> = Hmac::new(&(*self.block).into());
        mac.chain_update(domain)
            .chain_update(issuer)
            .chain_update([0])
            .chain_update(user)
            .finalize()
            .into_bytes()
            .into()
    }
}

impl FromStr for IdentityHashKey {
    type Err = InvalidIdentityHashKey;

    /// Parses hexadecimal digits of either case, ignoring surrounding white space. An empty text is not a key.
    fn from_str(text: &str) -> Result<Self, InvalidIdentityHashKey> {
        let (pairs, odd) = text.trim().as_bytes().as_chunks::<2>();
        let is_hex = |pair: &[u8; 2]| pair.iter().all(u8::is_ascii_hexdigit);
        if !odd.is_empty() || !pairs.iter().all(is_hex) {
            return Err(InvalidIdentityHashKey::Digits);
        }
        if pairs.len() != KEY {
            return Err(InvalidIdentityHashKey::Length(pairs.len()));
        }
        let mut block = Zeroizing::new([0; BLOCK]);
        for (byte, [high, low]) in block.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self { block })
    }
}

fn digit(letter: u8) -> Result<u8, InvalidIdentityHashKey> {
    let digit = char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or(InvalidIdentityHashKey::Digits)
}
