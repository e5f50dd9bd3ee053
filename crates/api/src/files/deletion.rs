//! `DELETE` of a file (newer-clients §7).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::Asked;
use super::described::{BadAddress, Chain, Place, Rejections};
use crate::error::ApiError;
use crate::state::ApiState;

/// 204, whether the file was live, deleted already or never there.
#[utoipa::path(
    delete,
    operation_id = "deleteFile",
    path = "/api/v1/spaces/{space_id}/files/{id}",
    tag = "files",
    params(Place, Chain),
    security(("token" = ["files"])),
    responses((status = 204, description = "Deleted, or never there"), BadAddress, Rejections),
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
