//! Public documents (http §5), serialized once at the start of the server.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;
use crate::metadata::{KEY_SET, ServerMetadata};
use crate::state::ApiState;

/// Paths of the metadata: the original one, and that of newer clients.
const METADATA: [&str; 2] = ["/.well-known/less-platform", "/.well-known/betterbase"];

/// Key set of this server for other servers; empty without federation (http §5.1).
#[derive(Serialize)]
struct KeySet {
    keys: [(); 0],
}

/// Routes of the configured documents.
pub(crate) fn routes(metadata: Option<&ServerMetadata>) -> Router<ApiState> {
    let keys = Document::new(&KeySet { keys: [] }, "public, max-age=3600, stale-while-revalidate=86400");
    let router = Router::new().route(KEY_SET, keys.route());
    let Some(metadata) = metadata else { return router };
    let metadata = Document::new(metadata, "public, max-age=3600");
    METADATA.into_iter().fold(router, |router, name| router.route(name, metadata.clone().route()))
}

#[derive(Clone)]
struct Document {
    body: Bytes,
    etag: HeaderValue,
    cache: HeaderValue,
}

impl Document {
    fn new(content: &impl Serialize, cache: &'static str) -> Self {
        // Serialization of strings, numbers and booleans does not fail.
        let body = Bytes::from(serde_json::to_vec(content).unwrap_or_default());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&body)));
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag, cache: HeaderValue::from_static(cache) }
    }

    fn route(self) -> MethodRouter<ApiState> {
        get(move |request: Request| async move { self.respond(request.headers()) })
    }

    fn respond(self, headers: &HeaderMap) -> Response {
        let Self { body, etag, cache } = self;
        let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| known == etag);
        let common = [(header::ETAG, etag), (header::CACHE_CONTROL, cache)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(header::CONTENT_TYPE, crate::error::JSON)], body).into_response()
    }
}

/// 404 for unknown documents, which need no token.
pub(crate) async fn not_found() -> ApiError {
    ApiError::NOT_FOUND
}
