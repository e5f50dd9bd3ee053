//! Bearer authentication of requests to non-public routes (http §3).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use less_sync_auth::{BearerError, Caller, TokenError, bearer_token};
use less_sync_core::limits;
use less_sync_engine::Rule;

use crate::body_drain;
use crate::error::ApiError;
use crate::state::ApiState;

/// Timeout of the validation of a token, the fetch of a key set included.
const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Header with the UCAN chain for a shared space.
pub(crate) const X_UCAN: HeaderName = HeaderName::from_static("x-ucan");

const UNAVAILABLE: ApiError =
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "authentication temporarily unavailable");

/// Rejects requests without a valid token; adds the [`Caller`] to the extensions of the others.
pub(crate) async fn require(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match authenticate(&state, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(rejection) => {
            let (head, body) = request.into_parts();
            let mut response = rejection.into_response();
            body_drain::discard(&state, &head.headers, body, &mut response);
            response
        }
    }
}

async fn authenticate(state: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = token(headers)?;
    let deadline = state.0.clock.sleep_until(state.0.clock.instant() + VALIDATION_TIMEOUT);
    let caller = tokio::select! {
        biased;
        outcome = state.0.authenticator.authenticate(token) => outcome.map_err(rejection)?,
        () = deadline => return Err(UNAVAILABLE),
    };
    // Checked after the token and before the handler: clients rely on this order of the errors (http §3).
    match headers.get(X_UCAN) {
        Some(ucan) if ucan.len() > limits::UCAN_TEXT => {
            Err(ApiError::unauthorized("X-UCAN header too large").by(Rule::TooLarge))
        }
        _ => Ok(caller),
    }
}

fn token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let lines = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    bearer_token(lines).map_err(|error| match error {
        BearerError::Missing => {
            ApiError::unauthorized("missing authorization").by(Rule::Token(TokenError::Missing))
        }
        BearerError::InvalidFormat => {
            ApiError::unauthorized("invalid authorization header format").by(Rule::Malformed)
        }
    })
}

fn rejection(error: TokenError) -> ApiError {
    let response = match error {
        TokenError::Missing => ApiError::unauthorized("missing authorization token"),
        TokenError::Invalid(_) => ApiError::unauthorized("invalid token"),
        TokenError::Expired => ApiError::unauthorized("token has expired"),
        TokenError::UntrustedIssuer => ApiError::unauthorized("untrusted token issuer"),
        TokenError::KeySourceUnavailable | TokenError::BindingUnavailable => UNAVAILABLE,
    };
    response.by(Rule::Token(error))
}
