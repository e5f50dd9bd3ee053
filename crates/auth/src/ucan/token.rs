//! Decoding and signature check of one token of a chain: step 1 of auth §6.3.

use super::claims::Claims;
use super::{InvalidUcan, TokenCids, header};
use crate::jws::Segments;
use crate::{P256Key, did_key};

/// Maximum size of a UCAN with all embedded proofs, in bytes, checked before decoding.
pub const MAX_UCAN_BYTES: usize = 65_536;

/// Token with a valid signature whose claims are not judged yet.
pub(super) struct Token {
    pub(super) claims: Claims,
    pub(super) issuer: P256Key,
    pub(super) cids: TokenCids,
}

impl Token {
    /// Checks size, form, header, claim types, issuer and signature, the latter by `is_signature` of (key, signed bytes,
    /// signature).
    pub(super) fn open(
        text: &str,
        is_signature: impl FnOnce(&P256Key, &[u8], &[u8]) -> bool,
    ) -> Result<Self, InvalidUcan> {
        if text.len() > MAX_UCAN_BYTES {
            return Err(InvalidUcan::TooLong);
        }
        let segments = Segments::split(text).ok_or(InvalidUcan::Malformed)?;
        header::check(json(&segments.header)?)?;
        let claims = Claims::read(json(&segments.payload)?)?;
        let issuer = did_key::decode(&claims.issuer).map_err(InvalidUcan::Issuer)?;
        if !is_signature(&issuer, segments.signed.as_bytes(), &segments.signature) {
            return Err(InvalidUcan::Signature);
        }
        let cids = TokenCids::of_parts(segments.signed, &segments.signature).ok_or(InvalidUcan::Signature)?;
        Ok(Self { claims, issuer, cids })
    }
}

fn json(segment: &[u8]) -> Result<&str, InvalidUcan> {
    str::from_utf8(segment).map_err(|_| InvalidUcan::Malformed)
}
