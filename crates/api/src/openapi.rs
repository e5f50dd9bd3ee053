//! `OpenAPI` 3.1 document of this interface, generated from the annotations of the handlers.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::error::ErrorSchema;
use crate::state::ApiState;
use crate::{files, health};

const PATH: &str = "/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "less-sync over HTTP",
        description = "Encrypted files, health, and public documents. Everything else goes over the WebSocket at \
                       `/api/v1/ws` (subprotocol `less-rpc-v1`).",
        version = "1",
        license(name = "Apache-2.0"),
    ),
    paths(
        files::upload::put,
        files::download::get,
        files::download::head,
        files::deletion::delete,
        health::health,
        health::livez,
        health::readyz,
    ),
    components(schemas(ErrorSchema)),
    modifiers(&Bearer),
    tags(
        (name = "files", description = "Immutable ciphertext, each owned by one record"),
        (name = "health", description = "Health checks, without a token"),
    ),
)]
struct Interface;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", scheme);
        }
    }
}

/// The document as served at `/openapi.json`.
#[must_use]
pub fn openapi() -> String {
    // Serialization of a document made of derived types does not fail.
    Interface::openapi().to_pretty_json().unwrap_or_default() + "\n"
}

/// Route of the document.
pub(crate) fn routes() -> Router<ApiState> {
    let document = openapi();
    Router::new().route(
        PATH,
        get(async move || ([(header::CONTENT_TYPE, crate::error::JSON)], document).into_response()),
    )
}
