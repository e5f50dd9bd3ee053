//! Rejection reasons of UCAN chains.

use crate::did_key::InvalidDidKey;

/// Rejection of a chain. The variants are the classes of auth §6.3; on the wire all but the last are `forbidden`.
/// Neither `Debug` nor `Display` shows any part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UcanError {
    /// Token of another form, or not usable now.
    #[error("invalid ucan")]
    Invalid(#[from] InvalidUcan),
    /// Presented or delegated by another party than the audience.
    #[error("audience of the ucan does not match")]
    IdentityMismatch,
    /// Token for another space.
    #[error("ucan is for another space")]
    ResourceMismatch,
    /// Token that grants more, or for longer, than its issuer has; or less than required.
    #[error("ucan does not grant the required rights")]
    AttenuationViolation,
    /// Expired token.
    #[error("ucan has expired")]
    Expired,
    /// Chain whose root is not signed by the root key of the space.
    #[error("ucan chain does not end at the root key of the space")]
    RootMismatch,
    /// Chain of more than [`MAX_CHAIN_TOKENS`](super::MAX_CHAIN_TOKENS) tokens.
    #[error("ucan chain is too deep")]
    ChainTooDeep,
    /// Token of the chain revoked in this space.
    #[error("ucan was revoked")]
    Revoked,
    /// Revocation state unknown. Never the fault of the chain: `internal` on the wire
    /// (auth S-16).
    #[error("revocation state of ucans unavailable")]
    RevocationCheckFailed,
}

impl UcanError {
    /// Name of the class, for metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_ucan",
            Self::IdentityMismatch => "identity_mismatch",
            Self::ResourceMismatch => "resource_mismatch",
            Self::AttenuationViolation => "attenuation_violation",
            Self::Expired => "ucan_expired",
            Self::RootMismatch => "root_mismatch",
            Self::ChainTooDeep => "chain_too_deep",
            Self::Revoked => "ucan_revoked",
            Self::RevocationCheckFailed => "revocation_check_failed",
        }
    }
}

/// Reason for an invalid UCAN. For operators and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUcan {
    /// Text longer than allowed.
    #[error("ucan is too long")]
    TooLong,
    /// Text other than three segments of canonical base64url whose header and payload are strict JSON objects.
    #[error("ucan is malformed")]
    Malformed,
    /// Algorithm other than `ES256`.
    #[error("ucan is not signed with ES256")]
    Algorithm,
    /// Header with `crit`.
    #[error("ucan has critical header members")]
    CriticalHeader,
    /// Type header `typ` of another kind of token.
    #[error("ucan is of another type")]
    Type,
    /// Claim of the wrong type, or `exp` missing.
    #[error("claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// Issuer that is not the `did:key` of a P-256 key.
    #[error("issuer is not a P-256 key")]
    Issuer(#[source] InvalidDidKey),
    /// Signature that does not verify with the issuer's key over this token.
    #[error("signature does not verify")]
    Signature,
    /// Command that is none of the three.
    #[error("command is unknown")]
    Command,
    /// Claim `nbf` in the future.
    #[error("ucan is not valid yet")]
    NotYetValid,
    /// Nonce missing or empty.
    #[error("ucan has no nonce")]
    Nonce,
    /// More than one proof in `prf`.
    #[error("ucan has several proofs")]
    Proofs,
}
