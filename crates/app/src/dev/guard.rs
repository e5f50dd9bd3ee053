//! Guard against web pages in development mode.
//!
//! A development server gives a token to every request, so a page of any site could take one and open the WebSocket: from
//! its own origin, or under a name that it lets resolve to this machine (DNS rebinding). Browsers state both in headers
//! that scripts cannot change.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use less_sync_api::CorsOrigins;
use serde_json::json;
use url::Url;

use crate::config::is_loopback_host;

/// Origins that may use a development server beside those of this machine (`CORS_ALLOWED_ORIGINS`).
#[derive(Debug)]
pub(crate) struct PageGuard {
    listed: Vec<HeaderValue>,
}

impl PageGuard {
    /// A guard that admits the pages of `origins`. `*` lists none: it is the default.
    pub(crate) fn new(origins: &CorsOrigins) -> Arc<Self> {
        let listed = match origins {
            CorsOrigins::Any => Vec::new(),
            CorsOrigins::Listed(listed) => listed.clone(),
        };
        Arc::new(Self { listed })
    }

    /// Middleware: rejects requests from pages of other sites, and requests for other names than those of this machine.
    pub(crate) async fn check(State(guard): State<Arc<Self>>, request: Request, next: Next) -> Response {
        let text = if !guard.admits_origin(request.headers()) {
            "origin is not allowed in development mode: list it in CORS_ALLOWED_ORIGINS"
        } else if !guard.admits_host(&request) {
            "host is not allowed in development mode: use a loopback address"
        } else {
            return next.run(request).await;
        };
        (StatusCode::FORBIDDEN, Json(json!({ "error": text }))).into_response()
    }

    /// Every `Origin` is one of this machine or listed. Programs send none.
    fn admits_origin(&self, headers: &HeaderMap) -> bool {
        let admits = |origin: &HeaderValue| self.listed.contains(origin) || is_local_origin(origin);
        headers.get_all(header::ORIGIN).iter().all(admits)
    }

    /// Every stated host, in the header and in an absolute target, is this machine or the host of a listed origin.
    fn admits_host(&self, request: &Request) -> bool {
        let stated = request.headers().get_all(header::HOST).iter().map(|host| {
            host.to_str()
                .ok()
                .and_then(|text| text.parse::<Authority>().ok())
                .map(|host| host.host().to_owned())
        });
        let target = request.uri().host().map(|host| Some(host.to_owned()));
        stated.chain(target).all(|host| host.is_some_and(|host| is_local(&host) || self.lists_host(&host)))
    }

    fn lists_host(&self, host: &str) -> bool {
        let mut origins = self.listed.iter().filter_map(|origin| Url::parse(origin.to_str().ok()?).ok());
        origins.any(|origin| origin.host_str().is_some_and(|listed| listed.eq_ignore_ascii_case(host)))
    }
}

/// True for an origin on this machine, on any port: the app under development is served from another one.
fn is_local_origin(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| url.host_str().is_some_and(is_local))
}

/// True for a loopback host, or a name below `localhost` (RFC 6761); IPv6 addresses are in brackets.
fn is_local(host: &str) -> bool {
    let below_localhost = host.to_ascii_lowercase().ends_with(".localhost");
    below_localhost || is_loopback_host(host.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_of_this_machine_are_local() {
        let is_local = |text: &str| is_local_origin(&HeaderValue::from_str(text).unwrap());
        for origin in
            ["http://localhost:5173", "https://127.0.0.1", "http://[::1]:80", "http://app.localhost:1"]
        {
            assert!(is_local(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "file://",
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://0.0.0.0:5379",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
