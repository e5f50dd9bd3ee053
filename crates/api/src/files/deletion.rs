//! `DELETE` of a file (newer-clients §7).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::request::FileRequest;
use super::response_schemas::{BadAddress, Chain, FilePath, Rejections};
use crate::error::ApiError;
use crate::state::ApiState;

/// Deletes a file. Idempotent: 204 also if it is deleted already or never existed.
#[utoipa::path(
    delete,
    operation_id = "deleteFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(FilePath, Chain),
    security(("token" = ["files"])),
    responses((status = 204, description = "Deleted, or never existed"), BadAddress, Rejections),
)]
pub(crate) async fn delete(State(state): State<ApiState>, request: Request) -> Response {
    match deleted(&state, &request.into_parts().0).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn deleted(state: &ApiState, request: &Parts) -> Result<(), ApiError> {
    let file = FileRequest::read(state, request)?;
    let grant = file.files.authorize_write(file.credentials(), file.address.space).await?;
    Ok(file.files.delete(&grant, file.address.file).await?)
}
