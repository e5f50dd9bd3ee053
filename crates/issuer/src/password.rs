//! Passwords and their hashes: argon2id (RFC 9106) in the PHC string format.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Argon2, Params};
use zeroize::Zeroizing;

/// Minimum length of a new password, in characters.
const MIN_CHARS: usize = 8;
/// Maximum length of a password, in bytes.
const MAX_BYTES: usize = 1024;
/// Maximum memory of a hash, in KiB: a file may not make a login use any amount.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Maximum passes of a hash over its memory.
const MAX_PASSES: u32 = 16;

/// Password of a user. `Debug` shows nothing; zeroized on drop.
pub struct Password(Zeroizing<String>);

/// Password that cannot be a user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer than 8 characters.
    #[error("a password has at least 8 characters")]
    TooShort,
    /// More than 1024 bytes.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// The hash function failed.
    #[error("cannot hash a password")]
    Hash,
}

/// Hash of a password, in the PHC string format: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredHash(String);

impl Password {
    /// Wraps a text as it was typed.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Hashes a new password, with 19 MiB of memory in two passes; takes some 20 ms.
    pub(crate) fn hash(&self) -> Result<StoredHash, InvalidPassword> {
        if self.0.chars().count() < MIN_CHARS {
            return Err(InvalidPassword::TooShort);
        }
        if self.0.len() > MAX_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        self.hash_with(&rand::random::<[u8; 16]>()).ok_or(InvalidPassword::Hash)
    }

    fn hash_with(&self, salt: &[u8]) -> Option<StoredHash> {
        let hash = Argon2::default().hash_password_with_salt(self.0.as_bytes(), salt).ok()?;
        Some(StoredHash(hash.to_string()))
    }

    /// Returns true if `hash` is one of this password. Takes as long as the hash did.
    pub(crate) fn matches(&self, hash: &StoredHash) -> bool {
        self.0.len() <= MAX_BYTES
            && Argon2::default().verify_password(self.0.as_bytes(), hash.0.as_str()).is_ok()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password([redacted])")
    }
}

impl StoredHash {
    /// Hash of no user's password, for logins of unknown users, which then take as long as others.
    pub(crate) fn of_nobody() -> Option<Self> {
        let random = format!("{:032x}", rand::random::<u128>());
        Password::new(Zeroizing::new(random)).hash().ok()
    }

    /// Parses a hash of a file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok().filter(|hash| hash.algorithm == ARGON2ID_IDENT)?;
        let params = Params::try_from(&hash).ok()?;
        let is_bounded = params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES;
        (is_bounded && hash.hash.is_some() && hash.salt.is_some()).then(|| Self(text.to_owned()))
    }

    /// Text of the hash, for storage.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn only_the_password_matches_its_hash() {
        let hash = password("correct horse").hash().unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(password("correct horse").matches(&hash) && !password("correct horse ").matches(&hash));
        assert_ne!(password("correct horse").hash().unwrap().as_str(), hash.as_str(), "a salt of its own");
        assert!(StoredHash::parse(hash.as_str()) == Some(hash));
        assert!(!password("").matches(&StoredHash::of_nobody().unwrap()));
    }

    #[test]
    fn length_of_a_new_password_is_checked() {
        assert_eq!(password("äöüäöüä").hash().err(), Some(InvalidPassword::TooShort));
        assert_eq!(password(&"a".repeat(1025)).hash().err(), Some(InvalidPassword::TooLong));
    }

    #[test]
    fn other_hashes_and_unbounded_ones_are_rejected() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG2tkXXdaUbJw";
        for (head, is_valid) in [
            ("$argon2id$v=19$m=19456,t=2,p=1$", true),
            ("$argon2i$v=19$m=19456,t=2,p=1$", false),
            ("$argon2id$v=19$m=4194304,t=2,p=1$", false),
            ("$argon2id$v=19$m=19456,t=99,p=1$", false),
        ] {
            assert_eq!(StoredHash::parse(&format!("{head}{salt_and_hash}")).is_some(), is_valid, "{head}");
        }
        for text in ["", "secret", "$2b$12$abc", "$argon2id$v=19$m=19456,t=2,p=1"] {
            assert!(StoredHash::parse(text).is_none(), "{text}");
        }
    }
}
