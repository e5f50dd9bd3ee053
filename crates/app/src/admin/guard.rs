//! Access to the admin listener: bearer token, or requests for a loopback host.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::config::is_loopback_host;

/// Routes without a token: what they tell is public on the main listener.
const PUBLIC: [&str; 2] = ["/livez", "/readyz"];

/// Check of every request to the admin listener.
#[derive(Debug)]
pub(super) struct AdminGuard {
    token: Option<SecretString>,
}

impl AdminGuard {
    /// A guard that requires `token`, or without one a `Host` that is a loopback address: a web page that lets its name
    /// resolve to this machine (DNS rebinding) states its own name there.
    pub(super) fn new(token: Option<SecretString>) -> Arc<Self> {
        Arc::new(Self { token })
    }

    /// Middleware: rejects requests of web pages, and those without access.
    pub(super) async fn check(State(guard): State<Arc<Self>>, request: Request, next: Next) -> Response {
        if request.headers().contains_key(header::ORIGIN) {
            return reject(StatusCode::FORBIDDEN, "requests of web pages are not allowed");
        }
        if PUBLIC.contains(&request.uri().path()) {
            return next.run(request).await;
        }
        match &guard.token {
            Some(token) if !has_token(request.headers(), token) => {
                let rejected = reject(StatusCode::UNAUTHORIZED, "missing or wrong admin token");
                ([(header::WWW_AUTHENTICATE, "Bearer")], rejected).into_response()
            }
            None if !is_for_this_machine(&request) => reject(
                StatusCode::FORBIDDEN,
                "host is not allowed: use a loopback address, or set ADMIN_TOKEN",
            ),
            Some(_) | None => next.run(request).await,
        }
    }
}

fn reject(status: StatusCode, error: &'static str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// True for exactly one `Authorization` header with the token. The comparison takes the same time for all tokens of a length.
fn has_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let Some((scheme, given)) = line.to_str().ok().and_then(|line| line.split_once(' ')) else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer")
        && bool::from(given.as_bytes().ct_eq(token.expose_secret().as_bytes()))
}

/// True if every stated host, in the header and in an absolute target, is a loopback one.
fn is_for_this_machine(request: &Request) -> bool {
    let stated = request.headers().get_all(header::HOST).iter().map(|host| {
        let host = host.to_str().ok()?.parse::<Authority>().ok()?;
        Some(host.host().to_owned())
    });
    let target = request.uri().host().map(|host| Some(host.to_owned()));
    let is_local = |host: &str| is_loopback_host(host.trim_start_matches('[').trim_end_matches(']'));
    stated.chain(target).all(|host| host.is_some_and(|host| is_local(&host)))
}
