//! The description of this interface for tools (`OpenAPI` 3.1), made from the annotations beside the handlers.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

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
    components(schemas(Error)),
    modifiers(&Bearer),
    tags(
        (name = "files", description = "Immutable ciphertext that belongs to one record each"),
        (name = "health", description = "Signs of life; nobody needs a token for them"),
    ),
)]
struct Interface;

/// Every answer that is no success has this body, and no other member (http §1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its shape is needed")]
pub(crate) struct Error {
    /// A fixed text; no ids, no causes.
    error: String,
}

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", scheme);
        }
    }
}

/// The document as it is served.
#[must_use]
pub fn openapi() -> String {
    // What is made of derived types can always be written.
    Interface::openapi().to_pretty_json().unwrap_or_default() + "\n"
}

/// The route of the document.
pub(crate) fn routes() -> Router<ApiState> {
    let document = openapi();
    Router::new().route(
        PATH,
        get(async move || ([(header::CONTENT_TYPE, crate::error::JSON)], document).into_response()),
    )
}
