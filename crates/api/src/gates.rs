//! What a request passes before it is routed: preflight, draining, header limits, time limit (http §2 rows 6 to 9, 13).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::error::ApiError;
use crate::files::is_file_path;
use crate::routes::answers_while_draining;
use crate::state::ApiState;

/// Request line and headers together, in bytes.
const MAX_HEADER_BYTES: usize = 128 * 1024;
/// Headers, counted by line.
const MAX_HEADERS: usize = 100;
/// How long an answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Lets a request through, or answers in its place.
pub(crate) async fn gates(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    if state.0.draining.has_begun() && !answers_while_draining(request.uri().path()) {
        return reject_while_draining();
    }
    if request.headers().len() > MAX_HEADERS || header_bytes(&request) > MAX_HEADER_BYTES {
        return ApiError::HEADERS_TOO_LARGE.into_response();
    }
    if is_file_path(request.uri().path()) {
        // A transfer takes as long as it takes; whoever serves it sees to it that it moves.
        return next.run(request).await;
    }
    let deadline = state.0.clock.sleep_until(state.0.clock.instant() + REQUEST_TIMEOUT);
    tokio::select! {
        biased;
        response = next.run(request) => response,
        () = deadline => ApiError::TIMEOUT.into_response(),
    }
}

fn reject_while_draining() -> Response {
    let mut response = ApiError::SHUTTING_DOWN.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn header_bytes(request: &Request) -> usize {
    const SEPARATORS: usize = ": \r\n".len();
    let line =
        |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len() + SEPARATORS;
    let lines = |headers: &HeaderMap| headers.iter().map(line).sum::<usize>();
    request.uri().path_and_query().map_or(0, |target| target.as_str().len()) + lines(request.headers())
}
