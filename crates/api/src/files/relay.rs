//! Requests for files of spaces that another server holds (http §7.7, federation §13).

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use less_sync_engine::{
    FILE_HEADERS, FileCall, FileMethod, FileRelayError, FileReply, HomeHandle, RelayedBody, Rule,
};

use super::address::Address;
use crate::error::ApiError;

/// Relays a request, and responds with the response of the home server. `body`: that of an upload, with its length in bytes.
pub(super) async fn relay(
    home: &HomeHandle,
    method: FileMethod,
    address: Address,
    headers: &HeaderMap,
    body: Option<(u64, RelayedBody)>,
) -> Response {
    let headers = FILE_HEADERS.iter().filter_map(|name| Some((*name, value(headers, name)?))).collect();
    let call = FileCall { method, space: address.space, file: address.file, headers, body };
    match home.file(call).await {
        Ok(reply) => response(reply),
        Err(error) => error_of(error, method).into_response(),
    }
}

/// Value of a header; several lines are joined, as in the base of signatures.
fn value(headers: &HeaderMap, name: &str) -> Option<Bytes> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]).into())
}

fn response(reply: FileReply) -> Response {
    let FileReply { status, headers, body } = reply;
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_maybe_shared(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Response without one of the home server. Never 401: a client would log its user out (federation §13.3).
fn error_of(error: FileRelayError, method: FileMethod) -> ApiError {
    let error_with = |status, text| ApiError::new(status, text).by(Rule::RemoteSpace);
    match error {
        FileRelayError::Unavailable => ApiError::HOME_UNAVAILABLE,
        FileRelayError::Refused => error_with(StatusCode::BAD_GATEWAY, "home server refused this server"),
        FileRelayError::Unsupported => {
            error_with(StatusCode::NOT_IMPLEMENTED, "home server does not support federated files")
        }
        FileRelayError::Busy if method == FileMethod::Put => ApiError::TOO_MANY_UPLOADS,
        FileRelayError::Busy => ApiError::TOO_MANY_DOWNLOADS,
        FileRelayError::BrokenBody => {
            ApiError::bad_request("Content-Length does not match request body length")
        }
    }
}
