//! The error codes of the wire.

use std::fmt;

/// What a client acts on when something fails (protocol §3.2; `epoch_stale` from newer-clients §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// `params` missing, not a map, or a member missing, of the wrong CBOR type or out of range.
    InvalidParams,
    /// Well typed but meaningless: malformed id, wrong length, too many items.
    BadRequest,
    /// A definite authorization decision; never an outage.
    Forbidden,
    /// A row addressed inside an authorized context does not exist.
    NotFound,
    /// Optimistic concurrency lost.
    Conflict,
    /// The push was made under an epoch older than the space still accepts.
    EpochStale,
    /// Blob, batch, payload or log over its limit.
    PayloadTooLarge,
    /// A counted limit is used up.
    RateLimited,
    /// No such method.
    MethodNotFound,
    /// `since` lies beyond the cursor of the space.
    CursorAhead,
    /// The server that holds the space cannot be reached.
    HomeUnavailable,
    /// The server that holds the space is not, or no longer, trusted.
    HomeUntrusted,
    /// The server that holds the space cannot do this for a peer.
    HomeUnsupported,
    /// Storage, forwarding or programming failure; a retry may help.
    Internal,
}

impl ErrorCode {
    /// Every code there is.
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

    /// The text on the wire.
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

    /// The code with this text, for clients; `key_generation_stale`, the older name of `epoch_stale`, is
    /// understood too.
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
