//! Why a chain was rejected.

use crate::did_key::InvalidDidKey;

/// Rejection of a chain. The variants are the classes of auth §6.3; on the wire all but the last are `forbidden`.
/// Neither `Debug` nor `Display` shows any part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UcanError {
    /// A token of the chain is no UCAN of ours, or cannot be used now.
    #[error("invalid ucan")]
    Invalid(#[from] InvalidUcan),
    /// A token is presented, or was passed on, by somebody it was not given to.
    #[error("ucan was given to somebody else")]
    IdentityMismatch,
    /// A token is about another space.
    #[error("ucan is for another space")]
    ResourceMismatch,
    /// A token gives more, or for longer, than its issuer had; or less than is asked for.
    #[error("ucan does not give these rights")]
    AttenuationViolation,
    /// A token was good once.
    #[error("ucan has expired")]
    Expired,
    /// The chain does not begin with the key of the space.
    #[error("ucan chain does not begin with the key of the space")]
    RootMismatch,
    /// More than [`MAX_CHAIN_TOKENS`](super::MAX_CHAIN_TOKENS) tokens.
    #[error("ucan chain is too deep")]
    ChainTooDeep,
    /// A token of the chain was revoked in this space.
    #[error("ucan was revoked")]
    Revoked,
    /// Whether a token was revoked cannot be known now. Never the fault of the chain: `internal` on the wire
    /// (auth S-16).
    #[error("revocations of ucans are unavailable")]
    RevocationCheckFailed,
}

impl UcanError {
    /// The name of the class, for metrics.
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

/// What is wrong with an invalid UCAN. For operators and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUcan {
    /// More bytes than allowed.
    #[error("ucan is too long")]
    TooLong,
    /// Not three segments of canonical base64url, or header or payload is not one JSON object within the rules.
    #[error("ucan is malformed")]
    Malformed,
    /// `alg` is not `ES256`.
    #[error("ucan is not signed with ES256")]
    Algorithm,
    /// The header has `crit`.
    #[error("ucan has critical header members")]
    CriticalHeader,
    /// `typ` names another kind of token.
    #[error("ucan is of another type")]
    Type,
    /// A claim is not of its type, or `exp` is missing.
    #[error("claim {0} is missing or of the wrong type")]
    Claim(&'static str),
    /// `iss` is not the `did:key` of a P-256 key.
    #[error("issuer is not a P-256 key")]
    Issuer(#[source] InvalidDidKey),
    /// The signature is not one of the issuer over this token.
    #[error("signature does not verify")]
    Signature,
    /// `cmd` is none of the three.
    #[error("command is unknown")]
    Command,
    /// `nbf` lies in the future.
    #[error("ucan is not valid yet")]
    NotYetValid,
    /// `nonce` is missing or empty.
    #[error("ucan has no nonce")]
    Nonce,
    /// `prf` has more than one entry.
    #[error("ucan has several proofs")]
    Proofs,
}
