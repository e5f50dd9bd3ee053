//! Parts of a file request that all methods share (http §7.2 rows 1 to 4).

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use less_sync_auth::Caller;
use less_sync_engine::{Credentials, Files, ForwardingServer, Presenter};

use super::address::Address;
use crate::bearer::X_UCAN;
use crate::error::ApiError;
use crate::state::ApiState;

/// Header with the wrapped DEK of a file, in base64.
pub(super) const X_WRAPPED_DEK: HeaderName = HeaderName::from_static("x-wrapped-dek");

/// Request of a user or of another server for one file.
pub(super) struct FileRequest<'r> {
    pub(super) files: &'r Files,
    pub(super) address: Address,
    pub(super) presenter: Presenter<'r>,
    ucan: Option<&'r str>,
}

impl<'r> FileRequest<'r> {
    pub(super) fn read(state: &'r ApiState, request: &'r Parts) -> Result<Self, ApiError> {
        let files = state.0.files.as_ref().ok_or(ApiError::NOT_FOUND)?;
        let presenter = match request.extensions.get::<Caller>() {
            Some(caller) => {
                files.check_scope(caller).map_err(|_| ApiError::SCOPE_REQUIRED)?;
                Presenter::User(caller)
            }
            // The scopes of its users are checked by the server that relays their requests (federation §9.1).
            None => {
                Presenter::Server(request.extensions.get::<ForwardingServer>().ok_or(ApiError::INTERNAL)?)
            }
        };
        let address = Address::parse(request.uri.path())?;
        // A header that is not text becomes an empty chain, which the authorizer rejects; a missing header must stay
        // distinguishable, since personal spaces need no chain.
        let ucan = request.headers.get(X_UCAN).map(|ucan| ucan.to_str().unwrap_or_default());
        Ok(Self { files, address, presenter, ucan })
    }

    pub(super) fn credentials(&self) -> Credentials<'r> {
        Credentials { presenter: self.presenter, ucan: self.ucan, home: None, token: None, failed: None }
    }
}

/// Header value of `text`, which contains only visible ASCII.
pub(super) fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
