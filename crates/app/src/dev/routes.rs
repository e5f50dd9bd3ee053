//! HTTP routes of the built-in issuer: `POST /dev/token` and the key set.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{StatusCode, header};
use less_sync_auth::did_key;
use less_sync_core::ClientId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::issuer::{DevIssuer, IssuedToken, TokenSpec};

const MAX_BODY_BYTES: usize = 16 * 1024;

/// Request body of `POST /dev/token`. All fields are optional, and so is the body.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenRequest {
    user: Option<String>,
    client: Option<String>,
    scope: Option<String>,
    /// Lifetime in seconds.
    ttl: Option<u64>,
    did: Option<String>,
    mailbox: Option<String>,
}

#[derive(Serialize)]
struct TokenResponse {
    token: String,
    /// Expiry in seconds since 1970.
    expires_at: i64,
    personal_space: String,
}

impl DevIssuer {
    /// Routes of this issuer, below `/dev`.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/dev/token", post(token).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)))
            .route("/dev/.well-known/jwks.json", get(key_set))
            .with_state(self.clone())
    }
}

async fn key_set(State(issuer): State<Arc<DevIssuer>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], issuer.key_set())
}

async fn token(State(issuer): State<Arc<DevIssuer>>, body: Bytes) -> Response {
    match parse(&body).and_then(|request| issue(&issuer, &request)) {
        Ok(IssuedToken { token, expires_at, personal_space }) => {
            let personal_space = personal_space.to_string();
            let body = TokenResponse { token, expires_at: expires_at.seconds(), personal_space };
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Err(text) => (StatusCode::BAD_REQUEST, Json(json!({ "error": text }))).into_response(),
    }
}

fn parse(body: &[u8]) -> Result<TokenRequest, &'static str> {
    if body.is_empty() {
        return Ok(TokenRequest::default());
    }
    // Through a map, since serde would also read a struct from an array.
    let object = serde_json::from_slice::<Map<String, Value>>(body).map(Value::Object);
    let request = object.and_then(serde_json::from_value);
    request.map_err(|_| "expected a JSON object with user, client, scope, ttl, did and mailbox, all optional")
}

fn issue(issuer: &DevIssuer, request: &TokenRequest) -> Result<IssuedToken, &'static str> {
    let defaults = TokenSpec::default();
    let name = |given: &Option<String>| given.as_deref().is_none_or(is_name);
    if !name(&request.user) || !name(&request.client) {
        return Err("user and client must be 1 to 255 bytes without NUL");
    }
    if request.scope.as_deref().is_some_and(|scope| scope.contains('\0')) {
        return Err("scope must not contain a NUL");
    }
    let did = request.did.as_deref();
    if did.is_some_and(|did| did_key::decode(did).is_err()) {
        return Err("did must be the did:key of a P-256 key");
    }
    let mailbox = request.mailbox.as_deref().map(str::parse).transpose();
    let mailbox = mailbox.map_err(|_| "mailbox must be 64 lowercase hexadecimal digits")?;
    let ttl = request.ttl.map_or(defaults.ttl, Duration::from_secs);
    Ok(issuer.issue(&TokenSpec {
        user: request.user.as_deref().unwrap_or(defaults.user),
        client: request.client.as_deref().unwrap_or(defaults.client),
        scope: request.scope.as_deref().unwrap_or(defaults.scope),
        ttl,
        did,
        mailbox,
    }))
}

fn is_name(text: &str) -> bool {
    text.parse::<ClientId>().is_ok()
}
