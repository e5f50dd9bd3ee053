//! Failures of calls to the home servers of spaces (federation §9.9).

/// Failure of a call to the home server of a space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// Unreachable, timed out, or the link was lost.
    #[error("home server unavailable")]
    Unavailable,
    /// Not, or no longer, a trusted peer.
    #[error("home server is not trusted")]
    Untrusted,
    /// Method that the home server does not offer to other servers.
    #[error("home server does not support the method")]
    Unsupported,
    /// Too many calls in flight to the home server.
    #[error("too many calls in flight to the home server")]
    Busy,
    /// Request larger than the home server accepts.
    #[error("request is too large for the home server")]
    TooLarge,
    /// Error response of the home server.
    #[error("home server responded with {code}")]
    Rejected {
        /// Error code as text.
        code: String,
        /// Description for humans.
        message: String,
    },
}
