//! Response at `/` for people who open the address of a server in a browser (http §2 row 10).

use axum::Json;
use axum::Router;
use axum::routing::get;
use serde::Serialize;

/// Pointers to the documents of a server, without its version or configuration.
#[derive(Serialize)]
struct Greeting {
    service: &'static str,
    api: &'static str,
    health: &'static str,
    openapi: &'static str,
}

const GREETING: Greeting =
    Greeting { service: "less-sync", api: "/api/v1", health: "/health", openapi: "/openapi.json" };

/// Router of `/` alone, for servers without a page of their own there.
pub fn greeting() -> Router {
    Router::new().route("/", get(async || Json(GREETING)))
}
