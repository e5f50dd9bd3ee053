//! Why a token was rejected.

/// Rejection of an access token. The variants are the classes of auth §1.3; neither `Debug` nor `Display` shows any
/// part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no token.
    #[error("no token")]
    Missing,
    /// The token is not one of ours, or not for us.
    #[error("invalid token")]
    Invalid(#[from] InvalidToken),
    /// The token was good once.
    #[error("token has expired")]
    Expired,
    /// The issuer is not a trusted one.
    #[error("token issuer is not trusted")]
    UntrustedIssuer,
    /// Whether the token is good cannot be known now, because the keys of its issuer cannot be had. Never the
    /// fault of the token.
    #[error("keys of the token issuer are unavailable")]
    KeySourceUnavailable,
}

impl TokenError {
    /// The name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Missing => "missing_token",
            Self::Invalid(_) => "invalid_token",
            Self::Expired => "expired_token",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::KeySourceUnavailable => "key_source_unavailable",
        }
    }
}

/// What is wrong with an invalid token. For operators and tests; clients see only that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// More bytes than allowed.
    #[error("token is too long")]
    TooLong,
    /// Not three segments of canonical base64url, or header or payload is not one JSON object within the rules.
    #[error("token is malformed")]
    Malformed,
    /// `alg` is not `ES256`.
    #[error("token is not signed with ES256")]
    Algorithm,
    /// The header has `crit`.
    #[error("token has critical header members")]
    CriticalHeader,
    /// `typ` names another kind of token.
    #[error("token is of another type")]
    Type,
    /// `kid` is missing or no text of 1 to 256 bytes.
    #[error("token names no key")]
    KeyId,
    /// The issuer has no such key.
    #[error("issuer has no such key")]
    UnknownKey,
    /// The signature is not one of the key over this token.
    #[error("signature does not verify")]
    Signature,
    /// A claim is not of its type, or a required one is missing.
    #[error("claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// `nbf` or `iat` lies in the future.
    #[error("token is not valid yet")]
    NotYetValid,
    /// `exp` lies further ahead than tokens may live.
    #[error("token lives too long")]
    Lifetime,
    /// The token is for somebody else.
    #[error("token is for another audience")]
    Audience,
    /// `sub` or `client_id` is empty or holds a NUL.
    #[error("token names no user or no client")]
    Identity,
    /// `mailbox_id` is not 64 lowercase hexadecimal digits.
    #[error("mailbox id is malformed")]
    Mailbox,
    /// `personal_space_id` is not the caller's own.
    #[error("personal space is not the caller's own")]
    PersonalSpace,
}
