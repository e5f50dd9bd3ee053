//! HTTP routes of the issuer (operations §17.3).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use crate::issuer::Issuer;
use crate::request::{Rejection, TokenRequest};

/// Maximum size of a token request, in bytes: a refresh token has about one KiB.
const MAX_BODY_BYTES: usize = 32 * 1024;
/// Time for which clients and proxies may keep public documents.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300");
const FORM: &str = "application/x-www-form-urlencoded";

const TOKEN: &str = "/token";
const KEY_SET: &str = "/.well-known/jwks.json";
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

impl Issuer {
    /// Routes below the path of the issuer's URL, and `/livez` of the process.
    pub fn router(self: &Arc<Self>) -> Router {
        let path = Url::parse(&self.settings.url).map(|url| url.path().trim_end_matches('/').to_owned());
        let path = path.unwrap_or_default();
        Router::new()
            .route(&format!("{path}{TOKEN}"), post(token).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)))
            .route(&format!("{path}{KEY_SET}"), get(key_set))
            .route(&format!("{path}{OPENID}"), get(discovery))
            .route(&format!("{path}{OAUTH}"), get(discovery))
            .route("/livez", get(|| async { Json(json!({ "status": "alive" })) }))
            .layer(from_fn_with_state(self.clone(), common))
            .with_state(self.clone())
    }
}

/// Middleware: responds to preflight requests, and adds the CORS headers.
async fn common(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_public = request.uri().path().contains("/.well-known/");
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response =
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    issuer.settings.origins.add(origin.as_ref(), is_public, headers);
    response
}

async fn key_set(State(issuer): State<Arc<Issuer>>) -> Result<impl IntoResponse, Rejection> {
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, PUBLIC)], issuer.key_set()?))
}

/// Metadata of discovery (RFC 8414). There is no page to log in on, so no authorization endpoint.
async fn discovery(State(issuer): State<Arc<Issuer>>) -> impl IntoResponse {
    let url = &issuer.settings.url;
    let document = json!({
        "issuer": url,
        "token_endpoint": format!("{url}{TOKEN}"),
        "jwks_uri": format!("{url}{KEY_SET}"),
        "grant_types_supported": ["password", "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["sync", "files"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
    });
    ([(header::CACHE_CONTROL, PUBLIC)], Json(document))
}

async fn token(
    State(issuer): State<Arc<Issuer>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Rejection> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM)) {
        return Err(Rejection::Request("expected application/x-www-form-urlencoded"));
    }
    let (grant, tokens) = issuer.token(TokenRequest::parse(&body)?, client.ip()).await?;
    let body = json!({
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh,
        "scope": grant.scope,
        "user_id": grant.user,
        "personal_space_id": tokens.personal_space,
    });
    Ok(uncached(Json(body)))
}

fn uncached(body: Json<Value>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], body)
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, error, description, retry_after) = self.parts();
        tracing::info!(status = status.as_u16(), error, "token request rejected");
        let retry_after: Vec<(HeaderName, HeaderValue)> =
            retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into())).into_iter().collect();
        let body = json!({ "error": error, "error_description": description });
        let mut response = (status, uncached(Json(body))).into_response();
        response.headers_mut().extend(retry_after);
        response
    }
}
