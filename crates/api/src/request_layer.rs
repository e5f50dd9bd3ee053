//! Outermost request layer: request id, log line, common headers, uniform error bodies (http §2 rows 2 and 3).

use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use less_sync_core::SpaceId;
use less_sync_engine::{Denial, Edge, Rule};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::common_headers::{self, HeaderContext};
use crate::error;
use crate::paths::{self, WELL_KNOWN, is_upgrade_route};
use crate::request_id::RequestId;
use crate::state::ApiState;

/// Wraps every request and its response, those of panics and rejections by inner layers included.
pub(crate) async fn request_layer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let _in_flight = state.0.metrics.begin();
    let log_line = LogLine::new(&request, state.0.clock.instant());
    let context = HeaderContext {
        id: RequestId::from_headers(request.headers())
            .or_else(|| RequestId::from_traceparent(request.headers()))
            .unwrap_or_else(|| random_id(&state)),
        origin: request.headers().get(header::ORIGIN).cloned(),
        public: request.uri().path().starts_with(WELL_KNOWN),
    };
    let is_upgrade = is_upgrade_route(request.uri().path());
    // At debug level only: an upgraded connection keeps the span for its lifetime.
    let span = tracing::debug_span!("request", request_id = context.id.as_str());
    let mut response = next.run(request).instrument(span).await;
    if !is_upgrade {
        response = error::complete(response);
    }
    common_headers::add(response.headers_mut(), &context, &state.0.cors);
    log_line.write(&context.id, &response, &state);
    if let Some(rule) = response.extensions_mut().remove::<Rule>() {
        state.0.denials.add(log_line.denial(&context.id, response.status(), rule, &state));
    }
    response
}

fn random_id(state: &ApiState) -> RequestId {
    RequestId::from_uuid(Uuid::from_bytes(state.0.random.uuid()))
}

/// Response to bytes that are not a valid HTTP request, for a listener that has nothing to route. With the common headers and
/// a uniform error body; the connection must be closed after it.
pub fn rejection(status: StatusCode, state: &ApiState) -> http::Response<String> {
    let mut response = http::Response::new(error::default_body(status));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, error::JSON);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let context = HeaderContext { id: random_id(state), origin: None, public: false };
    common_headers::add(headers, &context, &state.0.cors);
    response
}

/// Log line of a request: the matched route, and never the path or query, which contain ids.
struct LogLine {
    method: Method,
    route: Option<MatchedPath>,
    /// Space in the path, if there is one.
    space: Option<SpaceId>,
    /// Announced length of the body, in bytes.
    bytes_in: Option<u64>,
    started: Instant,
}

impl LogLine {
    fn new(request: &Request, started: Instant) -> Self {
        Self {
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            space: paths::space(request.uri().path()),
            bytes_in: content_length(request.headers()),
            started,
        }
    }

    /// The denial of the request, by `rule`.
    fn denial(&self, id: &RequestId, status: StatusCode, rule: Rule, state: &ApiState) -> Denial {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        Denial {
            at: state.0.clock.now(),
            edge: Edge::Http,
            operation: format!("{} {route}", method_name(&self.method)).into(),
            request_id: Some(id.as_str().to_owned()),
            connection: None,
            actor: None,
            space: self.space,
            code: status.as_u16().to_string().into(),
            rule,
        }
    }

    fn write(&self, id: &RequestId, response: &Response, state: &ApiState) {
        let duration = state.0.clock.instant().saturating_duration_since(self.started);
        let matched = self.route.as_ref().map(MatchedPath::as_str);
        state.0.metrics.completed(matched, &self.method, response.status(), duration);
        let request_id = id.as_str();
        let route = matched.unwrap_or("none");
        let method = method_name(&self.method);
        let status = response.status().as_u16();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (bytes_in, bytes_out) = (self.bytes_in, response.body().size_hint().exact());
        if status == 500 {
            tracing::error!(
                request_id,
                route,
                method,
                status,
                duration_ms,
                bytes_in,
                bytes_out,
                "request failed"
            );
        } else {
            tracing::debug!(
                request_id,
                route,
                method,
                status,
                duration_ms,
                bytes_in,
                bytes_out,
                "request completed"
            );
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Method for the log; unknown methods are client-controlled text and become `other`.
fn method_name(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}
