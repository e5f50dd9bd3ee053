//! Files over HTTP: `PUT`, `GET`, `HEAD` and `DELETE` of `/api/v1/spaces/{space_id}/files/{id}` (http §7,
//! newer-clients §7).
//!
//! Nothing of a body is read before the caller has been authorized and everything in the head checked.

mod address;
pub(crate) mod deletion;
mod described;
mod digest;
pub(crate) mod download;
mod etag;
mod range;
mod rejection;
pub(crate) mod upload;

use axum::Router;
use axum::routing::put;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use less_sync_auth::Caller;
use less_sync_engine::{Credentials, Files};

use crate::bearer::X_UCAN;
use crate::error::ApiError;
use crate::state::ApiState;
use address::Address;
pub(crate) use address::is_file_path;

const ROUTE: &str = "/api/v1/spaces/{space_id}/files/{id}";
const X_WRAPPED_DEK: HeaderName = HeaderName::from_static("x-wrapped-dek");

/// The route of files.
pub(crate) fn routes() -> Router<ApiState> {
    let methods = put(upload::put).get(download::get).head(download::head).delete(deletion::delete);
    Router::new().route(ROUTE, methods)
}

/// A request for a file, as far as it is the same for all methods (http §7.2 rows 1 to 4).
struct Asked<'r> {
    files: &'r Files,
    caller: &'r Caller,
    ucan: Option<&'r str>,
    address: Address,
}

impl<'r> Asked<'r> {
    fn read(state: &'r ApiState, request: &'r Parts) -> Result<Self, ApiError> {
        let files = state.0.files.as_ref().ok_or(ApiError::NOT_FOUND)?;
        let caller = request.extensions.get::<Caller>().ok_or(ApiError::INTERNAL)?;
        files.check_scope(caller).map_err(|_| ApiError::SCOPE_REQUIRED)?;
        let address = Address::parse(request.uri.path())?;
        // What is no text is no chain either: a gate that wants one rejects it.
        let ucan = request.headers.get(X_UCAN).map(|ucan| ucan.to_str().unwrap_or_default());
        Ok(Self { files, caller, ucan, address })
    }

    fn credentials(&self) -> Credentials<'r> {
        Credentials { caller: self.caller, ucan: self.ucan }
    }
}

/// Value of a header that holds nothing but visible ASCII.
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
