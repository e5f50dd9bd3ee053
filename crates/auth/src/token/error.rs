//! Rejection reasons of access tokens.

/// Rejection of an access token. The variants are the classes of auth §1.3; neither `Debug` nor `Display` shows any
/// part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no token.
    #[error("no token")]
    Missing,
    /// Token of an untrusted issuer, for another audience, or with an invalid signature.
    #[error("invalid token")]
    Invalid(#[from] InvalidToken),
    /// Expired token.
    #[error("token has expired")]
    Expired,
    /// Token of an issuer that is not trusted.
    #[error("token issuer is not trusted")]
    UntrustedIssuer,
    /// Outage of the issuer's key set: validity unknown. Never the fault
    /// of the token.
    #[error("keys of the token issuer are unavailable")]
    KeySourceUnavailable,
    /// Failure to read the issuer that the DID or mailbox is bound to: validity unknown.
    #[error("issuer of a DID or mailbox cannot be read")]
    BindingUnavailable,
}

impl TokenError {
    /// Name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Invalid(_) => "invalid_token",
            Self::Expired => "expired_token",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::KeySourceUnavailable => "key_source_unavailable",
            Self::BindingUnavailable => "binding_unavailable",
        }
    }
}

/// Reason for an invalid token. For operators and tests; clients only see that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Text longer than allowed.
    #[error("token is too long")]
    TooLong,
    /// Text other than three segments of canonical base64url whose header and payload are strict JSON objects.
    #[error("token is malformed")]
    Malformed,
    /// Algorithm other than `ES256`.
    #[error("token is not signed with ES256")]
    Algorithm,
    /// Header with `crit`.
    #[error("token has critical header members")]
    CriticalHeader,
    /// Type header `typ` of another kind of token.
    #[error("token is of another type")]
    Type,
    /// Key id `kid` that is not a text of 1 to 256 bytes.
    #[error("key id of the token is malformed")]
    KeyId,
    /// Key id unknown to the issuer, or no key id although the issuer has several keys.
    #[error("issuer has no such key")]
    UnknownKey,
    /// Signature that does not verify with the key over this token.
    #[error("signature does not verify")]
    Signature,
    /// Claim of the wrong type or with a NUL, or a required claim missing.
    #[error("claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// Claim `nbf` or `iat` in the future.
    #[error("token is not valid yet")]
    NotYetValid,
    /// Expiry further ahead than the maximum lifetime.
    #[error("token lives too long")]
    Lifetime,
    /// Audience other than the accepted ones.
    #[error("token is for another audience")]
    Audience,
    /// Claim `sub` or `client_id` that is not a name: empty, or longer than 255 bytes.
    #[error("token has no user or no client id")]
    Identity,
    /// Claim `did` longer than 255 bytes.
    #[error("DID is too long")]
    Did,
    /// Claim `mailbox_id` that is not 64 lowercase hexadecimal digits.
    #[error("mailbox id is malformed")]
    Mailbox,
    /// DID that is bound to another issuer, without a proof of its key.
    #[error("DID is bound to another issuer")]
    ForeignDid,
    /// Mailbox that is bound to another issuer.
    #[error("mailbox is bound to another issuer")]
    ForeignMailbox,
    /// Claim `personal_space_id` that is not the caller's own.
    #[error("personal space is not the caller's own")]
    PersonalSpace,
}
