//! Parsing of the auth frame, the first message of a connection (protocol §1.4).

use std::fmt;

use less_sync_core::frame::{BadAuthFrame, parse_auth};
use less_sync_core::wire::token::AuthParams;
use less_sync_core::{Close, limits};

use super::incoming::Incoming;

/// Content of the first message. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AuthFrame {
    /// Access token, not empty.
    pub(crate) token: String,
    /// Answer to the challenge of the connection (auth §2.7).
    pub(crate) did_proof: Option<Vec<u8>>,
}

impl fmt::Debug for AuthFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthFrame([redacted])")
    }
}

/// Reads the first message; `None` for control frames and fragments, after which the wait continues.
pub(super) fn read_auth_frame(incoming: Incoming) -> Result<Option<AuthFrame>, Close> {
    let message = match incoming {
        Incoming::Binary(message) if message.len() > limits::AUTH_FRAME => return Err(Close::TOO_BIG),
        Incoming::Binary(message) => message,
        Incoming::Control | Incoming::Fragment => return Ok(None),
        Incoming::Text => return Err(Close::auth_failed("expected binary auth frame")),
        Incoming::Closed => return Err(Close::auth_failed("connection closed before auth")),
        Incoming::TooBig => return Err(Close::TOO_BIG),
        Incoming::Violation => return Err(Close::auth_failed("failed to read auth frame")),
    };
    match parse_auth(&message) {
        Ok(AuthParams { token: "", .. }) => Err(Close::auth_failed("empty auth token")),
        Ok(AuthParams { token, did_proof }) => {
            Ok(Some(AuthFrame { token: token.to_owned(), did_proof: did_proof.map(<[u8]>::to_vec) }))
        }
        Err(BadAuthFrame::Empty) => Err(Close::auth_failed("empty auth frame")),
        Err(BadAuthFrame::Invalid) => Err(Close::auth_failed("invalid auth frame")),
        Err(BadAuthFrame::NotAuth) => Err(Close::auth_failed("first frame must be an auth notification")),
    }
}
