//! Public documents (http §5): the metadata, serialized once at the start of the server, and the key set.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;
use crate::metadata::{KEY_SET, ServerMetadata};
use crate::state::ApiState;

/// Paths of the metadata: the original one, and that of newer clients.
const METADATA: [&str; 2] = ["/.well-known/less-platform", "/.well-known/betterbase"];

/// Routes of the configured documents.
pub(crate) fn routes(metadata: Option<&ServerMetadata>) -> Router<ApiState> {
    let router = Router::new().route(KEY_SET, get(key_set));
    let Some(metadata) = metadata else { return router };
    // Serialization of strings, numbers and booleans does not fail.
    let json = Bytes::from(serde_json::to_vec(metadata).unwrap_or_default());
    let metadata = Document::new(json, HeaderValue::from_static("public, max-age=3600"));
    METADATA.into_iter().fold(router, |router, name| router.route(name, metadata.clone().route()))
}

/// Key set of this server for other servers; empty without federation (http §5.1).
async fn key_set(State(state): State<ApiState>, headers: HeaderMap) -> Response {
    let cache = HeaderValue::from_static("public, max-age=3600, stale-while-revalidate=86400");
    Document::new(state.0.key_set.json(), cache).respond(&headers)
}

#[derive(Clone)]
struct Document {
    body: Bytes,
    etag: HeaderValue,
    cache: HeaderValue,
}

impl Document {
    fn new(body: Bytes, cache: HeaderValue) -> Self {
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&body)));
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag, cache }
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
