//! Parsing of the auth frame, the first message of a connection (protocol §1.4).

use less_sync_core::frame::{BadAuthFrame, parse_auth};
use less_sync_core::{Close, limits};

use super::incoming::Incoming;

/// Reads the access token from the first message; `None` for control frames and fragments, after which the wait continues.
pub(super) fn read_auth_frame(incoming: Incoming) -> Result<Option<String>, Close> {
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
        Ok("") => Err(Close::auth_failed("empty auth token")),
        Ok(token) => Ok(Some(token.to_owned())),
        Err(BadAuthFrame::Empty) => Err(Close::auth_failed("empty auth frame")),
        Err(BadAuthFrame::Invalid) => Err(Close::auth_failed("invalid auth frame")),
        Err(BadAuthFrame::NotAuth) => Err(Close::auth_failed("first frame must be an auth notification")),
    }
}
