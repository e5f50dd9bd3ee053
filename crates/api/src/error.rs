//! Error responses, all with the body `{"error": "<text>"}` (http §1).

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use less_sync_auth::rights::Scope;
use less_sync_engine::Rule;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Error response: a status and a text fixed by the specification, without ids, paths or causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    text: Cow<'static, str>,
    /// `Retry-After` in seconds, if it differs from the default of the status.
    retry_after: Option<&'static str>,
    /// Rule behind the rejection, for the operator.
    rule: Option<Rule>,
}

/// Content type of JSON bodies.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Serialize)]
struct ErrorBody<'e> {
    error: &'e str,
}

/// Body of every error response; it has no other member (http §1).
#[derive(ToSchema)]
#[schema(as = Error)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct ErrorSchema {
    /// Text fixed by the specification, without ids or causes.
    error: String,
}

impl ApiError {
    pub(crate) const INTERNAL: Self = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
    pub(crate) const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "not found");
    pub(crate) const TIMEOUT: Self = Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout");
    pub(crate) const SHUTTING_DOWN: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server is shutting down");
    pub(crate) const HEADERS_TOO_LARGE: Self =
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request header fields too large");

    pub(crate) const SCOPE_REQUIRED: Self =
        Self::new(StatusCode::FORBIDDEN, "files scope required").by(Rule::Scope(Scope::Files));
    pub(crate) const PRECONDITION_FAILED: Self =
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition failed");
    pub(crate) const REQUEST_TIMEOUT: Self = Self::new(StatusCode::REQUEST_TIMEOUT, "request timeout");
    pub(crate) const TEMPORARILY_UNAVAILABLE: Self =
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily unavailable");
    pub(crate) const TOO_MANY_UPLOADS: Self = Self::retry_in_a_second("too many uploads");
    pub(crate) const TOO_MANY_DOWNLOADS: Self = Self::retry_in_a_second("too many downloads");

    pub(crate) const HOME_UNAVAILABLE: Self =
        Self::new(StatusCode::BAD_GATEWAY, "home server unavailable").by(Rule::RemoteSpace);

    pub(crate) const fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text: Cow::Borrowed(text), retry_after: None, rule: None }
    }

    /// The same error, decided by `rule`.
    pub(crate) const fn by(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// A 503 with `Retry-After: 1`, for a limit that is likely to be free again soon.
    const fn retry_in_a_second(text: &'static str) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, text).by(Rule::TransferLimit);
        error.retry_after = Some("1");
        error
    }

    pub(crate) const fn bad_request(text: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// A 413 for files above `limit` bytes.
    pub(crate) fn file_too_large(limit: u64) -> Self {
        let text = format!("file exceeds {} MB limit", limit / (1024 * 1024));
        let error = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "").by(Rule::TooLarge);
        Self { text: Cow::Owned(text), ..error }
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn unauthorized(text: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, text)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ErrorBody { error: &self.text })).into_response();
        if let Some((name, default)) = status_header(self.status) {
            let value = self.retry_after.unwrap_or(default);
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if let Some(rule) = self.rule {
            response.extensions_mut().insert(rule);
        }
        response
    }
}

/// Header that every response with this status carries.
fn status_header(status: StatusCode) -> Option<(header::HeaderName, &'static str)> {
    match status {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "5")),
        _ => None,
    }
}

/// Replaces the body of an error response that the framework created (405 and similar) by the uniform one. JSON bodies stay
/// as they are.
pub(crate) fn complete(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_json(&response) {
        return response;
    }
    let (mut parts, _plain) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, JSON);
    Response::from_parts(parts, Body::from(default_body(status)))
}

/// Error body with the reason phrase of `status` as its text.
pub(crate) fn default_body(status: StatusCode) -> String {
    let text = match status {
        StatusCode::INTERNAL_SERVER_ERROR => "internal error".to_owned(),
        _ => status.canonical_reason().unwrap_or("error").to_lowercase(),
    };
    json!({ "error": text }).to_string()
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
