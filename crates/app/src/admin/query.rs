//! Query parameters of the admin routes: unknown ones are rejected, and page sizes are bounded.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::AdminError;

/// Default size of a page.
const DEFAULT_LIMIT: usize = 100;

/// Maximum size of a page, inclusive.
const MAX_LIMIT: usize = 1000;

/// Query parameters, decoded as `T`. A parameter that `T` lacks, or that cannot be decoded, is a 400.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(parameters)| Self(parameters)).map_err(|problem| {
            AdminError::bad_request(format!("invalid query parameters: {}", cause(&problem)))
        })
    }
}

/// The innermost text, such as "unknown field `x`".
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

/// Number of entries of a page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "usize")]
pub(super) struct Limit(pub(super) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl TryFrom<usize> for Limit {
    type Error = String;

    fn try_from(limit: usize) -> Result<Self, String> {
        if (1..=MAX_LIMIT).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(format!("limit {limit} is not from 1 to {MAX_LIMIT}"))
        }
    }
}
