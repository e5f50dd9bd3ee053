//! `auth` and `token.refresh` (protocol §1.4, §4.5).

use crate::cbor::{NonEmpty, Required, map};

map! {
    /// The params of `auth`.
    pub struct AuthParams<'b> {
        /// The access token; may be empty. At most [`limits::TOKEN_TEXT`](crate::limits::TOKEN_TEXT) bytes, else
        /// it is invalid.
        "token" => token: &'b str as Required,
    }

    /// The params of `token.refresh`.
    pub struct TokenRefreshParams<'b> {
        /// The new access token; may be empty, which is a failed refresh.
        "token" => token: &'b str as Required,
    }

    /// The result of `token.refresh`, for success and failure alike.
    pub struct TokenRefreshResult<'b> {
        /// Whether the new token is in force.
        "ok" => ok: bool as Required,
        /// Why not.
        "error" => error: Option<&'b str> as NonEmpty,
    }
}
