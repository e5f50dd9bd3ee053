//! Rejections of HTTP message signatures.

/// Rejection of the signature on a request. The variants are the classes of auth §9.2, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No header `Signature-Input`.
    #[error("header Signature-Input is missing")]
    MissingInput,
    /// No header `Signature`, or no member `sig` in it.
    #[error("header Signature is missing or has no member sig")]
    MissingSignature,
    /// `Signature-Input` that is too long, not a dictionary, or whose member `sig` has invalid components or parameters.
    #[error("header Signature-Input is malformed")]
    InvalidInput,
    /// Algorithm other than `ed25519`.
    #[error("signature algorithm is not ed25519")]
    UnsupportedAlgorithm,
    /// Signature created too long ago, or past its `expires`.
    #[error("signature has expired")]
    Expired,
    /// Signature created too far in the future.
    #[error("signature was created in the future")]
    InFuture,
    /// Signature that does not cover a required component.
    #[error("signature does not cover a required component")]
    MissingComponent,
    /// `Signature` whose member `sig` is not a byte sequence of 64 bytes.
    #[error("header Signature is malformed")]
    InvalidSignature,
    /// Key id without a known key.
    #[error("signing key is unknown")]
    UnknownKey,
    /// Signature that verifies with none of the keys for any accepted target scheme.
    #[error("signature does not verify")]
    Verification,
    /// Key id that names no peer.
    #[error("key id is malformed")]
    InvalidKeyId,
    /// Peer that is not trusted.
    #[error("peer is not trusted")]
    UntrustedPeer,
    /// Signature that was used before.
    #[error("signature is replayed")]
    Replayed,
}

impl SignatureError {
    /// All classes, in the order of the checks.
    pub const ALL: [Self; 13] = [
        Self::MissingInput,
        Self::MissingSignature,
        Self::InvalidInput,
        Self::UnsupportedAlgorithm,
        Self::Expired,
        Self::InFuture,
        Self::MissingComponent,
        Self::InvalidSignature,
        Self::UnknownKey,
        Self::Verification,
        Self::InvalidKeyId,
        Self::UntrustedPeer,
        Self::Replayed,
    ];

    /// Name of the class, for logs and metrics.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::MissingInput => "missing_signature_input",
            Self::MissingSignature => "missing_signature",
            Self::InvalidInput => "invalid_signature_input",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::Expired => "signature_expired",
            Self::InFuture => "signature_in_future",
            Self::MissingComponent => "missing_required_component",
            Self::InvalidSignature => "invalid_signature_header",
            Self::UnknownKey => "unknown_key",
            Self::Verification => "verification_failed",
            Self::InvalidKeyId => "invalid_keyid",
            Self::UntrustedPeer => "untrusted_peer",
            Self::Replayed => "replayed",
        }
    }
}
