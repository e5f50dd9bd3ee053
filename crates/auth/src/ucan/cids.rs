//! CIDs of a UCAN: its names in revocations (auth §6.5).

use less_sync_core::Cid;
use p256::ecdsa::Signature;
use sha2::{Digest, Sha256};

use crate::base64url;
use crate::jws::Segments;

/// CID of `token`: the SHA-256 of its text, without any verification. Clients send it to revoke the token.
#[must_use]
pub fn cid(token: &str) -> Cid {
    Cid::from_bytes(Sha256::digest(token).into())
}

/// Both CIDs of one token.
///
/// Replacing the signature (r, s) by (r, n − s) gives a second valid text of the same
/// token with another hash. Half of all genuine tokens have the greater s, so neither form can be rejected; a token is
/// revoked when either CID is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCids {
    /// CID of the text as received.
    pub cid: Cid,
    /// CID of the text with the other signature.
    pub alternate: Cid,
}

impl TokenCids {
    /// Computes the CIDs of `token` without verifying the signature. `None` without a well-formed signature.
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

/// Computes the alternative signature (r, n − s) of the same key over the same text.
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
    fn unsigned_text_has_no_cids() {
        for token in ["", "a.b.c", "YQ.YQ.YQ", &format!("YQ.YQ.{}", base64url::encode(&[0; 64]))] {
            assert_eq!(TokenCids::of(token), None, "{token}");
        }
    }
}
