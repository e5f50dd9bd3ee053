//! `GET` and `HEAD` of a file (http §7.4, §7.5).

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use less_sync_core::FileId;
use less_sync_engine::FileMethod;
use less_sync_engine::files::FileError;
use less_sync_storage::StoredFile;

use super::range::{Selected, select};
use super::request::{FileRequest, X_WRAPPED_DEK, ascii};
use super::response_schemas::{
    BadAddress, Chain, FailedPrecondition, FilePath, NotModified, Part, Rejections, Unsatisfiable, Whole,
};
use super::{digest, etag, relay};
use crate::error::ApiError;
use crate::state::ApiState;

/// Downloads a file or a range of it.
#[utoipa::path(
    get,
    operation_id = "getFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(
        FilePath,
        Chain,
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "Tag of the file; with another tag, the range is ignored"),
        ("If-None-Match" = Option<String>, Header, description = "304 if it matches the file"),
        ("If-Match" = Option<String>, Header, description = "412 unless it matches the file"),
    ),
    security(("token" = ["files"])),
    responses(Whole, Part, NotModified, BadAddress, FailedPrecondition, Unsatisfiable, Rejections),
)]
pub(crate) async fn get(State(state): State<ApiState>, request: Request) -> Response {
    respond(&state, &request.into_parts().0, true).await.unwrap_or_else(IntoResponse::into_response)
}

/// Returns the headers of `GET` without a range, from the database alone.
#[utoipa::path(
    head,
    operation_id = "headFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(FilePath, Chain),
    security(("token" = ["files"])),
    responses(Whole, NotModified, BadAddress, FailedPrecondition, Rejections),
)]
pub(crate) async fn head(State(state): State<ApiState>, request: Request) -> Response {
    respond(&state, &request.into_parts().0, false).await.unwrap_or_else(IntoResponse::into_response)
}

async fn respond(state: &ApiState, parts: &Parts, with_body: bool) -> Result<Response, ApiError> {
    let request = FileRequest::read(state, parts)?;
    let (id, headers) = (request.address.file, &parts.headers);
    let file = match find(&request).await {
        Err(FileError::Elsewhere(home)) => {
            let method = if with_body { FileMethod::Get } else { FileMethod::Head };
            return Ok(relay::relay(&home, method, request.address, headers, None).await);
        }
        found => found.map_err(hide_space)?,
    };
    if etag::matches(headers, header::IF_MATCH, id, false) == Some(false) {
        return Err(ApiError::PRECONDITION_FAILED);
    }
    if etag::matches(headers, header::IF_NONE_MATCH, id, true) == Some(true) {
        return Ok(not_modified(id, &file));
    }
    let selected = if with_body { select(headers, file.size, &etag::etag(id)) } else { Selected::Whole };
    let (part, status) = match selected {
        Selected::Whole => (0..file.size, StatusCode::OK),
        Selected::Part(part) => (part, StatusCode::PARTIAL_CONTENT),
        Selected::Unsatisfiable => return Ok(unsatisfiable(file.size)),
    };
    let body = if with_body { body(&request, &file, &part).await? } else { Body::empty() };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    add_headers(response.headers_mut(), id, &file);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, file.size);
        response.headers_mut().insert(header::CONTENT_RANGE, ascii(&range));
    }
    Ok(response)
}

async fn find(request: &FileRequest<'_>) -> Result<StoredFile, FileError> {
    let grant = request.files.authorize_read(request.credentials(), request.address.space).await?;
    request.files.file(&grant, request.address.file).await
}

/// Hides from readers whether a space exists: a missing space becomes a missing file.
fn hide_space(error: FileError) -> ApiError {
    let FileError::SpaceNotFound(rule) = error else { return error.into() };
    ApiError::from(FileError::FileNotFound).by(rule)
}

async fn body(request: &FileRequest<'_>, file: &StoredFile, part: &Range<u64>) -> Result<Body, ApiError> {
    let range = (*part != (0..file.size)).then(|| part.clone());
    let download = request.files.download(request.presenter, file, range).await?;
    Ok(Body::from_stream(download.bytes))
}

fn add_headers(headers: &mut HeaderMap, id: FileId, file: &StoredFile) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(sha256) = &file.sha256 {
        headers.insert(digest::REPR_DIGEST, digest::format(sha256));
    }
    add_validators(headers, id, file);
}

/// Adds the headers that a 304 response carries as well as a 200 (http §7.5).
fn add_validators(headers: &mut HeaderMap, id: FileId, file: &StoredFile) {
    headers.insert(header::ETAG, etag::etag(id));
    headers.insert(X_WRAPPED_DEK, ascii(&STANDARD.encode(file.dek.as_bytes())));
    // Immutable bytes, but the wrapped DEK in the headers changes with the epoch: a cache must revalidate.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, X-UCAN"));
}

fn not_modified(id: FileId, file: &StoredFile) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    add_validators(response.headers_mut(), id, file);
    response
}

fn unsatisfiable(size: u64) -> Response {
    let rejection = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range not satisfiable");
    let mut response = rejection.into_response();
    response.headers_mut().insert(header::CONTENT_RANGE, ascii(&format!("bytes */{size}")));
    response
}
