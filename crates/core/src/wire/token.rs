//! `auth` and `token.refresh` (protocol §1.4, §4.5).

use crate::cbor::{NonEmpty, Required, map};

map! {
    /// Params of `auth`.
    pub struct AuthParams<'b> {
        /// Access token; may be empty. At most [`limits::TOKEN_TEXT`](crate::limits::TOKEN_TEXT) bytes; a longer token
        /// is invalid.
        "token" => token: &'b str as Required,
        /// Proof of the key of the token's DID: a signature over the challenge of the connection (auth §2.7).
        "did_proof" => did_proof: Option<&'b [u8]> as NonEmpty,
    }

    /// Params of `token.refresh`.
    pub struct TokenRefreshParams<'b> {
        /// New access token; may be empty, which fails the refresh.
        "token" => token: &'b str as Required,
    }

    /// Result of `token.refresh`, for success and failure alike.
    pub struct TokenRefreshResult<'b> {
        /// True when the new token is in force.
        "ok" => ok: bool as Required,
        /// Reason of the failure.
        "error" => error: Option<&'b str> as NonEmpty,
    }
}
