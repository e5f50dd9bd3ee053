//! Public documents (http §5): the same bytes for everybody, made once when the server starts.

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
use crate::state::ApiState;

/// Under which names the metadata are found: ours, and the one that newer clients ask for.
const METADATA: [&str; 2] = ["/.well-known/less-platform", "/.well-known/betterbase"];
const KEY_SET: &str = "/.well-known/jwks.json";

/// What a client has to know about a deployment (http §5.2), by its members in their order. All addresses are absolute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerMetadata {
    version: u8,
    federation: bool,
    accounts_endpoint: String,
    sync_endpoint: String,
    federation_ws: &'static str,
    jwks_uri: String,
    webfinger: String,
    protocols: [&'static str; 2],
    pow_required: bool,
}

impl ServerMetadata {
    /// The metadata of a deployment whose accounts are at `accounts` and whose sync server is at `sync`, both without a
    /// slash at their end.
    #[must_use]
    pub fn new(accounts: &str, sync: &str, webfinger: Option<&str>) -> Self {
        let usual_webfinger = || format!("{accounts}/.well-known/webfinger");
        Self {
            version: 1,
            federation: false,
            accounts_endpoint: accounts.to_owned(),
            sync_endpoint: format!("{sync}/api/v1"),
            federation_ws: "",
            jwks_uri: format!("{sync}{KEY_SET}"),
            webfinger: webfinger.map_or_else(usual_webfinger, str::to_owned),
            protocols: ["less-rpc-v1", "betterbase-rpc-v1"],
            pow_required: false,
        }
    }
}

/// Keys by which other servers know this one. There are none without federation (http §5.1).
#[derive(Serialize)]
struct KeySet {
    keys: [(); 0],
}

/// The routes of the documents that there are.
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
        // Texts, numbers and switches are always JSON.
        let body = Bytes::from(serde_json::to_vec(content).unwrap_or_default());
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&body)));
        let etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag, cache: HeaderValue::from_static(cache) }
    }

    fn route(self) -> MethodRouter<ApiState> {
        get(move |request: Request| async move { self.answer(request.headers()) })
    }

    fn answer(self, headers: &HeaderMap) -> Response {
        let Self { body, etag, cache } = self;
        let is_known = headers.get_all(header::IF_NONE_MATCH).iter().any(|known| known == etag);
        let common = [(header::ETAG, etag), (header::CACHE_CONTROL, cache)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(header::CONTENT_TYPE, crate::error::JSON)], body).into_response()
    }
}

/// What is asked for below `/.well-known/` and is not there: nobody needs a token to hear that.
pub(crate) async fn not_found() -> ApiError {
    ApiError::NOT_FOUND
}
