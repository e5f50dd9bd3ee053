//! Responses to rejected upgrades (federation §7.5).

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderValue, Response, StatusCode, header};
use less_sync_auth::federation::http_signature::SignatureError;

/// Rejection of an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// No peer can be authenticated with this configuration.
    Disabled,
    /// Peer whose links were closed for sustained abuse (federation AD-8).
    Penalized,
    /// Rejected by a check of the signature, its key or its peer.
    Signature(SignatureError),
}

impl Rejection {
    /// Status and text.
    const fn response(self) -> (StatusCode, &'static str) {
        match self {
            Self::Disabled => (StatusCode::NOT_FOUND, "not found"),
            Self::Penalized => (StatusCode::TOO_MANY_REQUESTS, "rate limited"),
            Self::Signature(SignatureError::InvalidKeyId) => (StatusCode::BAD_REQUEST, "invalid keyid"),
            Self::Signature(SignatureError::UntrustedPeer) => (StatusCode::FORBIDDEN, "untrusted peer"),
            Self::Signature(_) => (StatusCode::UNAUTHORIZED, "signature verification failed"),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response<Body> {
        let (status, text) = self.response();
        let body = serde_json::json!({ "error": text }).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if self == Self::Penalized {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}
