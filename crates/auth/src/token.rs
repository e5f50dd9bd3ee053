//! Access tokens: compact JWS, ES256, and the order in which they are checked (auth §2).

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
use crate::{Caller, P256Key};
use claims::Claims;
use header::Header;

/// Bytes of a token, checked before anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// A token whose form is right and whose signature nobody has looked at yet.
///
/// What it says so far serves only to find the key: the issuer selects a key set and the key id a key in it. A
/// key of one issuer must never be used for a token of another.
pub struct UnverifiedToken<'t> {
    /// Header and payload as they were signed.
    signed: &'t str,
    signature: Vec<u8>,
    key_id: String,
    payload: String,
    issuer: String,
}

impl<'t> UnverifiedToken<'t> {
    /// Takes a token apart: steps 1 to 6 of auth §2.4.
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

    /// The issuer, without trailing slashes: the form in which issuers are compared.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    /// The name of the key within the issuer's set.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Checks signature and claims: steps 9 to 16 of auth §2.4. `key` is the one that the issuer publishes under
    /// [`Self::key_id`].
    ///
    /// # Errors
    /// [`TokenError::Expired`] and [`TokenError::Invalid`].
    pub fn verify(&self, key: &P256Key, rules: &TokenRules, now: Timestamp) -> Result<Caller, TokenError> {
        self.verify_by(|signed, signature| key.verifies(signed, signature), rules, now)
    }

    /// As [`Self::verify`], with the signature judged by `is_signature` of (signed bytes, signature): for a verifier
    /// that remembers what it has verified.
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
        Ok(claims.into_caller(self, rules)?)
    }

    /// The issuer as the claim has it.
    fn raw_issuer(&self) -> &str {
        &self.issuer
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

/// Reads `iss` before anything is verified. The signature covers it, so what is verified later names the same.
fn claimed_issuer(payload: &str) -> Result<String, TokenError> {
    let claims = Object::read(payload, claims::NAMES).map_err(|_| InvalidToken::Malformed)?;
    let issuer: Option<String> = claims.get("iss").map_err(|_| InvalidToken::Claim("iss"))?;
    issuer.filter(|issuer| !issuer.is_empty()).ok_or(TokenError::UntrustedIssuer)
}
