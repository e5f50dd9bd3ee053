//! Files over HTTP: `PUT`, `GET`, `HEAD` and `DELETE` of `/api/v1/spaces/{space_id}/files/{id}` (http §7,
//! newer-clients §7).
//!
//! A body is read only after the caller is authorized and the request head is validated.

pub(crate) mod address;
pub(crate) mod deletion;
mod digest;
pub(crate) mod download;
mod error;
mod etag;
mod range;
mod relay;
mod request;
mod response_schemas;
pub(crate) mod upload;

use axum::Router;
use axum::routing::{MethodRouter, put};

use crate::state::ApiState;

const ROUTE: &str = "/api/v1/spaces/{space_id}/files/{id}";

/// Route of files for other servers (federation §13.2).
const FORWARDED: &str = "/api/v1/federation/spaces/{space_id}/files/{id}";

/// Routes of files for other servers.
pub(crate) fn forwarded_routes() -> Router<ApiState> {
    Router::new().route(FORWARDED, methods())
}

/// Routes of files.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new().route(ROUTE, methods())
}

fn methods() -> MethodRouter<ApiState> {
    put(upload::put).get(download::get).head(download::head).delete(deletion::delete)
}
