//! Access tokens: compact JWS with ES256, checked in the order of auth §2.

mod claims;
mod error;
mod header;
mod rules;

use std::fmt;

use less_sync_core::Timestamp;

pub use error::{InvalidToken, TokenError};
pub(crate) use header::is_key_id;
pub use rules::TokenRules;

use crate::json::Object;
use crate::jws::Segments;
use crate::trusted_issuer::comparable_issuer;
use crate::{Caller, P256Key};
use claims::Claims;
use header::Header;

/// Maximum size of a token in bytes, checked before decoding.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// Well-formed token whose signature is not verified yet.
///
/// Issuer and key id serve only to find the key: the issuer selects a key set, the key id a key in it. A
/// key of one issuer must never verify a token of another.
pub struct UnverifiedToken<'t> {
    /// Signed bytes: header and payload with the dot between them.
    signed: &'t str,
    signature: Vec<u8>,
    key_id: Option<String>,
    payload: String,
    issuer: String,
}

impl<'t> UnverifiedToken<'t> {
    /// Parses a token: steps 1 to 6 of auth §2.4.
    ///
    /// # Errors
    /// [`TokenError::Missing`] for an empty text, [`TokenError::UntrustedIssuer`] when no issuer is named,
    /// [`TokenError::Invalid`] for anything else.
    pub fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidToken::TooLong.into());
        }
        let segments = Segments::split(token).ok_or(InvalidToken::Malformed)?;
        let header = Header::read(&text(&segments.header)?)?;
        let payload = text(&segments.payload)?;
        let issuer = claimed_issuer(&payload)?;
        Ok(Self {
            signed: segments.signed,
            signature: segments.signature,
            key_id: header.key_id,
            payload,
            issuer,
        })
    }

    /// Issuer without trailing slashes, the form for comparison.
    #[must_use]
    pub fn issuer(&self) -> &str {
        comparable_issuer(&self.issuer)
    }

    /// Key id within the issuer's set. A token without one is verified with the only key of a set.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Verifies signature and claims: steps 9 to 16 of auth §2.4. `key` is the issuer's key for the id
    /// [`Self::key_id`] ([`KeySet::key`](crate::KeySet::key)).
    ///
    /// # Errors
    /// [`TokenError::Expired`] and [`TokenError::Invalid`].
    pub fn verify(&self, key: &P256Key, rules: &TokenRules, now: Timestamp) -> Result<Caller, TokenError> {
        self.verify_by(|signed, signature| key.verifies(signed, signature), rules, now)
    }

    /// Variant of [`Self::verify`] whose signature is judged by `is_signature` of (signed bytes, signature), for a caller
    /// that caches signature results.
    ///
    /// # Errors
    /// [`TokenError::Expired`] and [`TokenError::Invalid`].
    pub fn verify_by(
        &self,
        is_signature: impl FnOnce(&[u8], &[u8]) -> bool,
        rules: &TokenRules,
        now: Timestamp,
    ) -> Result<Caller, TokenError> {
        if !is_signature(self.signed.as_bytes(), &self.signature) {
            return Err(InvalidToken::Signature.into());
        }
        let claims = Claims::read(&self.payload)?;
        claims.check(rules, now.seconds())?;
        Ok(claims.into_caller(&self.issuer, rules)?)
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedToken([redacted])")
    }
}

fn text(segment: &[u8]) -> Result<String, InvalidToken> {
    str::from_utf8(segment).map(str::to_owned).map_err(|_| InvalidToken::Malformed)
}

/// Reads `iss` before verification. The signature covers it, so the verified claims name the same issuer.
fn claimed_issuer(payload: &str) -> Result<String, TokenError> {
    let claims = Object::read(payload, claims::NAMES).map_err(|_| InvalidToken::Malformed)?;
    let issuer: Option<String> = claims.get("iss").map_err(|_| InvalidToken::Claim("iss"))?;
    issuer.filter(|issuer| !issuer.is_empty()).ok_or(TokenError::UntrustedIssuer)
}
