//! HTTP edge of the less-sync server: files, health checks, public documents, and the layers around every request.
//!
//! | Route | Module |
//! |---|---|
//! | `/api/v1/spaces/{space_id}/files/{id}` | `files`: upload, download with ranges and conditions, deletion |
//! | `/health`, `/livez`, `/readyz` | `health`: health checks, with results cached by `cached_check` |
//! | `/.well-known/…` | `well_known`: key set and metadata of the server |
//! | `/openapi.json` | `openapi`: description of this interface |
//! | `/` | `greeting`: pointers to these, unless another edge has a page there |
//!
//! [`router`] holds these routes, bearer authentication, and the response to unknown paths; other edges merge their routes
//! into it. [`layers`] wraps all of them as http §2 specifies: request id and common headers (`request_layer`), panics,
//! preflight, draining, header limits and time limit (`guards`). The WebSocket endpoint is another crate, `realtime`.
//!
//! [`ApiState`] holds what handlers share; it is built from [`Deps`].
//!
//! ```
//! # fn compose(state: &less_sync_api::ApiState, websocket: axum::Router) -> axum::Router {
//! less_sync_api::layers(less_sync_api::router(state).merge(websocket), state)
//! # }
//! ```

mod bearer;
mod body_drain;
mod cached_check;
mod common_headers;
mod draining;
mod error;
mod files;
mod greeting;
mod guards;
mod health;
mod health_section;
mod http_metrics;
mod key_set;
mod metadata;
mod openapi;
mod paths;
mod request_id;
mod request_layer;
mod routes;
mod state;
mod well_known;

pub use common_headers::CorsOrigins;
pub use draining::Draining;
pub use greeting::greeting;
pub use health_section::HealthSection;
pub use key_set::KeySetDocument;
pub use metadata::ServerMetadata;
pub use openapi::openapi;
pub use request_layer::rejection;
pub use routes::{forwarded_files, health_routes, layers, require_bearer, router};
pub use state::{ApiState, Authenticate, Deps, NodeStatus};
