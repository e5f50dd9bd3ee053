//! Guards in front of routing: preflight, draining, header limits, time limit (http §2 rows 6 to 9, 13).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::error::ApiError;
use crate::paths::{is_file_path, is_open_while_draining};
use crate::state::ApiState;

/// Maximum size of request target and headers together, in bytes, inclusive.
const MAX_HEADER_BYTES: usize = 128 * 1024;
/// Maximum header lines, inclusive.
const MAX_HEADERS: usize = 100;
/// Maximum time to a response, except for files.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Passes a request on, or responds in place of its route.
pub(crate) async fn guards(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    if state.0.draining.has_begun() && !is_open_while_draining(request.uri().path()) {
        return reject_while_draining();
    }
    if request.headers().len() > MAX_HEADERS || header_bytes(&request) > MAX_HEADER_BYTES {
        return ApiError::HEADERS_TOO_LARGE.into_response();
    }
    if is_file_path(request.uri().path()) {
        // Transfers have no total time limit; their handlers enforce an idle timeout.
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
