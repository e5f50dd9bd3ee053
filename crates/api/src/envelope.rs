//! The outermost layer: request id, log line, common headers, and one shape for every error (http §2 rows 2 and 3).

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tracing::Instrument as _;

use crate::common_headers::{self, Addressed};
use crate::error;
use crate::request_id::RequestId;
use crate::routes::{WELL_KNOWN, is_upgrade_route};
use crate::state::ApiState;

/// Surrounds a request, panics and rejections of the layers below included.
pub(crate) async fn envelope(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let seen = Seen::of(&request, state.0.clock.instant());
    let addressed = Addressed {
        id: RequestId::given(request.headers()).unwrap_or_else(|| RequestId::of((state.0.request_ids)())),
        origin: only(&request, &header::ORIGIN),
        public: request.uri().path().starts_with(WELL_KNOWN),
    };
    let keeps_its_errors = is_upgrade_route(request.uri().path());
    // At debug level only: most requests need no span, and an upgraded connection would keep it for its lifetime.
    let span = tracing::debug_span!("request", request_id = addressed.id.as_str());
    let mut response = next.run(request).instrument(span).await;
    if !keeps_its_errors {
        response = error::complete(response);
    }
    common_headers::add(response.headers_mut(), &addressed, &state.0.cors);
    seen.log(&addressed.id, response.status(), state.0.clock.instant());
    response
}

fn only(request: &Request, name: &HeaderName) -> Option<HeaderValue> {
    request.headers().get(name).cloned()
}

/// The answer to bytes that do not become a request: for a listener, which has nothing to route. In the common shape,
/// with the common headers; the connection is not to be used any more.
pub fn rejection(status: StatusCode, state: &ApiState) -> http::Response<String> {
    let mut response = http::Response::new(error::usual_body(status));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, error::JSON);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let addressed = Addressed { id: RequestId::of((state.0.request_ids)()), origin: None, public: false };
    common_headers::add(headers, &addressed, &state.0.cors);
    response
}

/// What the log says of a request. Never its path or its query, which name users and spaces.
struct Seen {
    method: Method,
    route: Option<MatchedPath>,
    since: Instant,
}

impl Seen {
    fn of(request: &Request, since: Instant) -> Self {
        Self {
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            since,
        }
    }

    fn log(&self, id: &RequestId, status: StatusCode, now: Instant) {
        let request_id = id.as_str();
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let method = method_name(&self.method);
        let status = status.as_u16();
        let duration_ms =
            u64::try_from(now.saturating_duration_since(self.since).as_millis()).unwrap_or(u64::MAX);
        if status == 500 {
            tracing::error!(request_id, route, method, status, duration_ms, "request failed");
        } else {
            tracing::debug!(request_id, route, method, status, duration_ms, "request answered");
        }
    }
}

/// Methods as they may appear in a log: a made-up one could carry anything.
fn method_name(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}
