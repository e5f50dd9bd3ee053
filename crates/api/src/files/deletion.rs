//! `DELETE` of a file (newer-clients §7).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::Asked;
use crate::error::ApiError;
use crate::state::ApiState;

/// 204, whether the file was live, deleted already or never there.
#[utoipa::path(
    delete,
    operation_id = "deleteFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(
        ("space_id" = String, Path, description = "UUID with hyphens or as 32 digits, in any case"),
        ("id" = String, Path, description = "UUID of the file, likewise"),
        ("X-UCAN" = Option<String>, Header, description = "The chain for a shared space, at most 64 KiB"),
    ),
    security(("token" = ["files"])),
    responses(
        (status = 204, description = "Deleted, or never there"),
        (status = 400, description = "`invalid space ID`, `invalid file ID`", body = crate::openapi::Error),
        (status = 401, description = "The token, or `authorization required` without a chain for a shared space", body = crate::openapi::Error),
        (status = 403, description = "`files scope required`, `access denied`", body = crate::openapi::Error),
        (status = 404, description = "`space not found`", body = crate::openapi::Error),
        (status = 431, description = "`request header fields too large`", body = crate::openapi::Error),
        (status = 500, description = "`internal error`", body = crate::openapi::Error),
        (status = 501, description = "`remote space files are not supported`", body = crate::openapi::Error),
        (status = 503, description = "`temporarily unavailable`, with Retry-After", body = crate::openapi::Error),
    ),
)]
pub(crate) async fn delete(State(state): State<ApiState>, request: Request) -> Response {
    match deleted(&state, &request.into_parts().0).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn deleted(state: &ApiState, request: &Parts) -> Result<(), ApiError> {
    let asked = Asked::read(state, request)?;
    let grant = asked.files.authorize_write(asked.credentials(), asked.address.space).await?;
    Ok(asked.files.delete(&grant, asked.address.file).await?)
}
