//! `PUT` of a file (http §7.1 to §7.3).

mod head;
mod pace;
mod relayed;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use http::request::Parts;
use http::{StatusCode, header};
use less_sync_core::FileId;
use less_sync_engine::files::{FileError, FileSettings, UploadInProgress, UploadResult, UploadStart};
use less_sync_engine::{FileMethod, HomeHandle};
use less_sync_storage::Claim;

use super::address::Address;
use super::request::FileRequest;
use super::response_schemas::{Chain, FailedPrecondition, FilePath, Rejections};
use super::{digest, etag, relay};
use crate::body_drain;
use crate::error::{ApiError, ErrorSchema};
use crate::state::ApiState;
use head::Head;
use pace::{Chunk, next};
use relayed::RelayedUpload;

/// Creates a file. Idempotent: a repeat changes nothing.
#[utoipa::path(
    put,
    operation_id = "putFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(
        FilePath,
        Chain,
        ("Content-Length" = u64, Header, description = "Length of the body, in bytes"),
        ("X-Record-ID" = String, Header, description = "UUID of the live record that owns the file"),
        ("X-Wrapped-DEK" = String, Header, description = "Base64 of 44 bytes: the wrapped key of the file"),
        ("Repr-Digest" = Option<String>, Header, description = "`sha-256=:…:`, verified"),
        ("Content-Digest" = Option<String>, Header, description = "The same; equal to Repr-Digest if both are sent"),
        ("If-None-Match" = Option<String>, Header, description = "`*` turns 204 into 412"),
    ),
    security(("token" = ["files"])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "Ciphertext"),
    responses(
        (status = 201, description = "Created", headers(("ETag" = String), ("Repr-Digest" = String))),
        (status = 204, description = "Exists; bytes and key are those of the first upload", headers(("ETag" = String))),
        (status = 400, description = "Invalid id, header, owner, length or digest", body = ErrorSchema),
        (status = 408, description = "`request timeout`", body = ErrorSchema),
        (status = 409, description = "`file belongs to another record`, `key generation stale`", body = ErrorSchema),
        (status = 411, description = "`Content-Length required`", body = ErrorSchema),
        FailedPrecondition,
        (status = 413, description = "`file exceeds 100 MB limit`", body = ErrorSchema),
        (status = 415, description = "`Content-Encoding is not supported`", body = ErrorSchema),
        (status = 507, description = "`insufficient storage`, `quota exceeded`", body = ErrorSchema),
        Rejections,
    ),
)]
pub(crate) async fn put(State(state): State<ApiState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match begin(&state, &parts).await {
        Ok(Begun::Here(upload, head, id)) => receive(&state, upload, &head, body, id).await,
        Ok(Begun::Elsewhere { home, address, length, limits }) => {
            let (body, received) = RelayedUpload::new(&state, limits, body);
            let call = Some((length, body));
            let mut response = relay::relay(&home, FileMethod::Put, address, &parts.headers, call).await;
            received.conclude(&mut response);
            response
        }
        Err(EarlyResponse(mut response)) => {
            body_drain::discard(&state, &parts.headers, body, &mut response);
            response
        }
    }
}

/// Upload whose body is to be read.
enum Begun {
    /// Of a space of this server.
    Here(Box<UploadInProgress>, Head, FileId),
    /// Of a space that another server holds.
    Elsewhere {
        home: HomeHandle,
        address: Address,
        /// Announced length of the body, in bytes.
        length: u64,
        limits: FileSettings,
    },
}

/// Response that is sent without reading the body.
struct EarlyResponse(Response);

impl From<ApiError> for EarlyResponse {
    fn from(error: ApiError) -> Self {
        Self(error.into_response())
    }
}

/// Checks everything that can be checked before the body is read.
async fn begin(state: &ApiState, request: &Parts) -> Result<Begun, EarlyResponse> {
    let asked = FileRequest::read(state, request)?;
    let (file, headers) = (asked.address.file, &request.headers);
    let grant = asked.files.authorize_write(asked.credentials(), asked.address.space).await;
    let grant = match grant {
        Err(FileError::Elsewhere(home)) => {
            let limits = asked.files.settings();
            let length = Head::read(headers, limits.max_size)?.length;
            return Ok(Begun::Elsewhere { home, address: asked.address, length, limits });
        }
        grant => grant.map_err(ApiError::from)?,
    };
    let head = Head::read(headers, asked.files.settings().max_size)?;
    let claim = Claim { file, record: head.record, dek: head.dek };
    let begun = asked.files.begin_upload(&grant, asked.presenter, claim, head.length).await;
    let begun = begun.map_err(ApiError::from)?;
    match begun {
        UploadStart::Started(upload) => Ok(Begun::Here(upload, head, file)),
        // `If-None-Match: *` on an existing file.
        UploadStart::Exists if etag::matches(headers, header::IF_NONE_MATCH, file, true) == Some(true) => {
            Err(ApiError::PRECONDITION_FAILED.into())
        }
        UploadStart::Exists => Err(EarlyResponse(exists(file))),
    }
}

async fn receive(
    state: &ApiState,
    mut upload: Box<UploadInProgress>,
    head: &Head,
    body: Body,
    id: FileId,
) -> Response {
    let outcome = match read(state, &mut upload, body.into_data_stream()).await {
        Ok(()) => upload.finish(head.digest).await.map_err(ApiError::from),
        // The rest of the body was not read, so the connection cannot carry another request.
        Err(error) => return ([(header::CONNECTION, "close")], error).into_response(),
    };
    match outcome {
        Ok(UploadResult::Created { sha256 }) => created(id, &sha256),
        Ok(UploadResult::Exists) => exists(id),
        Err(error) => error.into_response(),
    }
}

/// Writes the body to the upload. Fails if no bytes arrive within the idle timeout, or if they arrive below the minimum rate
/// (http §7.6).
async fn read(
    state: &ApiState,
    upload: &mut UploadInProgress,
    mut chunks: impl Stream<Item = Chunk> + Unpin,
) -> Result<(), ApiError> {
    let (idle, mut rate) = (upload.idle_timeout(), upload.rate());
    loop {
        match next(&*state.0.clock, &mut chunks, idle, &mut rate).await.ok_or(ApiError::REQUEST_TIMEOUT)? {
            Some(Ok(chunk)) => upload.write(chunk).await?,
            // Disconnected, or invalid framing: in both cases the body is shorter than announced.
            Some(Err(_)) => return Err(ApiError::from(FileError::LengthMismatch)),
            None => return Ok(()),
        }
    }
}

fn created(id: FileId, sha256: &[u8; 32]) -> Response {
    let headers = [(header::ETAG, etag::etag(id)), (digest::REPR_DIGEST, digest::format(sha256))];
    (StatusCode::CREATED, headers).into_response()
}

fn exists(id: FileId) -> Response {
    (StatusCode::NO_CONTENT, [(header::ETAG, etag::etag(id))]).into_response()
}
