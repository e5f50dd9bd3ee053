//! Under which names a token is revoked (auth §6.5).

use less_sync_core::Cid;
use p256::ecdsa::Signature;
use sha2::{Digest, Sha256};

use crate::base64url;
use crate::jws::Segments;

/// The name of `token`: the SHA-256 of its text, whatever it says. What clients send to revoke it.
#[must_use]
pub fn cid(token: &str) -> Cid {
    Cid::from_bytes(Sha256::digest(token).into())
}

/// Both names of one token.
///
/// Whoever holds a token can replace its signature (r, s) by (r, n − s) and has a second valid text of the same
/// token, with another hash. Half of all genuine tokens have the greater s, so neither text can be rejected; a token is
/// revoked when either is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCids {
    /// Of the text as it is.
    pub cid: Cid,
    /// Of the other text.
    pub alternate: Cid,
}

impl TokenCids {
    /// The names of `token`, whose signature is not verified. `None` when it has none that could be flipped.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let segments = Segments::split(token)?;
        Self::of_parts(segments.signed, &segments.signature)
    }

    pub(super) fn of_parts(signed: &str, signature: &[u8]) -> Option<Self> {
        let hash = Sha256::new_with_prefix(signed).chain_update(b".");
        let cid = |signature: &[u8]| {
            Cid::from_bytes(hash.clone().chain_update(base64url::encode(signature)).finalize().into())
        };
        Some(Self { cid: cid(signature), alternate: cid(&flipped(signature)?) })
    }
}

/// The other signature of the same key over the same text.
fn flipped(signature: &[u8]) -> Option<[u8; 64]> {
    let (r, s) = Signature::from_slice(signature).ok()?.split_scalars();
    Signature::from_scalars(r, -s).ok().map(|signature| signature.to_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_names_change_places_with_the_two_texts() {
        let signature = [[1; 32], [2; 32]].concat();
        let other = flipped(&signature).unwrap();
        let (here, there) =
            (TokenCids::of_parts("a.b", &signature).unwrap(), TokenCids::of_parts("a.b", &other).unwrap());
        assert_ne!(here.cid, here.alternate);
        assert_eq!((here.cid, here.alternate), (there.alternate, there.cid));
    }

    #[test]
    fn what_has_no_signature_has_no_names() {
        for token in ["", "a.b.c", "YQ.YQ.YQ", &format!("YQ.YQ.{}", base64url::encode(&[0; 64]))] {
            assert_eq!(TokenCids::of(token), None, "{token}");
        }
    }
}
