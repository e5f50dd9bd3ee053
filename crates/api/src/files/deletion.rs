//! `DELETE` of a file (newer-clients §7).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use less_sync_engine::FileMethod;
use less_sync_engine::files::FileError;

use super::relay;
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
    let parts = request.into_parts().0;
    let file = match FileRequest::read(&state, &parts) {
        Ok(file) => file,
        Err(error) => return error.into_response(),
    };
    match deleted(&file).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(FileError::Elsewhere(home)) => {
            relay::relay(&home, FileMethod::Delete, file.address, &parts.headers, None).await
        }
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn deleted(file: &FileRequest<'_>) -> Result<(), FileError> {
    let grant = file.files.authorize_write(file.credentials(), file.address.space).await?;
    file.files.delete(&grant, file.address.file).await
}
