//! Proof of the key of a DID towards an issuer of access tokens (operations §17.3).
//!
//! Rights are granted to DIDs, and whichever user a token names together with a DID can use them. A token therefore names a DID
//! only after a signature by its key.

use less_sync_core::{Did, Timestamp};

use crate::did_key;
use crate::ucan::UcanKey;

/// Domain of the signature, which no other signed text of a member begins with.
const DOMAIN: &str = "less-sync login proof v1";

/// Statement of a login: this user logs in to this issuer at this time.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Issuer, without trailing slashes.
    pub issuer: &'a str,
    /// Name of the user.
    pub user: &'a str,
    /// Time of the login, in whole seconds.
    pub at: Timestamp,
}

impl Login<'_> {
    fn statement(&self) -> Vec<u8> {
        let at = self.at.seconds().to_string();
        [DOMAIN, self.issuer, self.user, &at].join("\0").into_bytes()
    }

    /// Returns true if `signature`, 64 bytes r ‖ s, is one of the key of `did` over this login.
    #[must_use]
    pub fn is_proven(&self, did: &Did, signature: &[u8]) -> bool {
        did_key::decode(did.as_str()).is_ok_and(|key| key.verifies(&self.statement(), signature))
    }
}

impl std::fmt::Debug for Login<'_> {
    /// Writes the type name only: the name of a user stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login([redacted])")
    }
}

impl UcanKey {
    /// Signs a login: 64 bytes r ‖ s.
    #[must_use]
    pub fn prove_login(&self, login: &Login<'_>) -> [u8; 64] {
        self.sign_bytes(&login.statement())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_is_for_one_key_one_issuer_one_user_and_one_time() {
        let key = |secret: u8| UcanKey::from_bytes(&[secret; 32]).unwrap();
        let at = Timestamp::from_seconds;
        let login = Login { issuer: "https://id.example", user: "anna", at: at(1_767_225_600) };
        let signature = key(7).prove_login(&login);
        assert!(login.is_proven(key(7).did(), &signature));
        assert!(!login.is_proven(key(8).did(), &signature));
        assert!(!login.is_proven(&Did::of_key("1"), &signature), "a DID without a key");
        for other in [
            Login { issuer: "https://id2.example", ..login },
            Login { user: "ben", ..login },
            Login { at: at(1_767_225_601), ..login },
        ] {
            assert!(!other.is_proven(key(7).did(), &signature));
        }
    }
}
