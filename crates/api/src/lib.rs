//! The HTTP edge of less-sync: what surrounds every request, who may pass, and the health routes.
//!
//! [`router`] has the routes of this crate and the answer to unknown paths; other edges merge theirs into it.
//! [`layers`] puts round all of them what http §2 demands: request id, common headers, a net for panics, preflight,
//! the draining gate, header limits and a time limit. It knows no WebSocket frame.
//!
//! ```
//! # fn compose(state: &less_sync_api::ApiState, websocket: axum::Router) -> axum::Router {
//! less_sync_api::layers(less_sync_api::router(state).merge(websocket), state)
//! # }
//! ```

mod bearer;
mod common_headers;
mod draining;
mod envelope;
mod error;
mod files;
mod gates;
mod health;
mod leftover;
mod openapi;
mod request_id;
mod routes;
mod state;
mod well_known;

pub use common_headers::CorsOrigins;
pub use draining::Draining;
pub use envelope::rejection;
pub use openapi::openapi;
pub use routes::{layers, router};
pub use state::{ApiState, Authenticate, Parts};
pub use well_known::ServerMetadata;
