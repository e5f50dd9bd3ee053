//! Error responses of the admin routes, and the text form of hashes.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// Error response `{"error": "<text>"}`.
#[derive(Clone, Debug)]
pub(super) struct AdminError {
    status: StatusCode,
    text: String,
}

impl AdminError {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.text }))).into_response()
    }
}

/// Text form of the keyed hash of a user: 16 hexadecimal digits.
pub(super) fn hash_text(hash: u64) -> String {
    format!("{hash:016x}")
}

/// Parses the text form of a hash.
pub(super) fn parse_hash(text: &str) -> Result<u64, AdminError> {
    let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parsed = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    parsed.ok_or_else(|| AdminError::bad_request("actor is not a hash of 16 hexadecimal digits"))
}
