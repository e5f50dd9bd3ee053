//! Error codes of the wire.

use std::fmt;

/// Error code that a client acts on (protocol §3.2; `epoch_stale` from newer-clients §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Params missing, not a map, or a member missing, of the wrong CBOR type or out of range.
    InvalidParams,
    /// Well-typed but invalid value: malformed id, wrong length, too many items.
    BadRequest,
    /// Definite authorization decision; never an outage.
    Forbidden,
    /// Missing row in an authorized context.
    NotFound,
    /// Lost update in optimistic concurrency control.
    Conflict,
    /// Push under an epoch older than the minimum of the space.
    EpochStale,
    /// Blob, batch, payload or log over its limit.
    PayloadTooLarge,
    /// Rate limit exhausted.
    RateLimited,
    /// Unknown method.
    MethodNotFound,
    /// Requested `since` beyond the cursor of the space.
    CursorAhead,
    /// Home server of the space unreachable.
    HomeUnavailable,
    /// Home server of the space not, or no longer, trusted.
    HomeUntrusted,
    /// Operation that the home server of the space does not offer to peers.
    HomeUnsupported,
    /// Storage, forwarding or programming failure; a retry may succeed.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 14] = [
        Self::InvalidParams,
        Self::BadRequest,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::EpochStale,
        Self::PayloadTooLarge,
        Self::RateLimited,
        Self::MethodNotFound,
        Self::CursorAhead,
        Self::HomeUnavailable,
        Self::HomeUntrusted,
        Self::HomeUnsupported,
        Self::Internal,
    ];

    /// Text form on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParams => "invalid_params",
            Self::BadRequest => "bad_request",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::EpochStale => "epoch_stale",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RateLimited => "rate_limited",
            Self::MethodNotFound => "method_not_found",
            Self::CursorAhead => "cursor_ahead",
            Self::HomeUnavailable => "home_unavailable",
            Self::HomeUntrusted => "home_untrusted",
            Self::HomeUnsupported => "home_unsupported",
            Self::Internal => "internal",
        }
    }

    /// Parses the text form, for clients; `key_generation_stale`, the older name of `epoch_stale`, is
    /// accepted too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "key_generation_stale" {
            return Some(Self::EpochStale);
        }
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
