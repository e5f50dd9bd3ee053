//! Bearer authentication (http §3), in front of everything that is not public.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use less_sync_auth::{Caller, TokenError};
use less_sync_core::limits;

use crate::error::ApiError;
use crate::state::ApiState;

const VALIDATION_TIMEOUT: Duration = Duration::from_secs(10);
const X_UCAN: HeaderName = HeaderName::from_static("x-ucan");

const MISSING_HEADER: ApiError = ApiError::unauthorized("missing authorization");
const INVALID_FORMAT: ApiError = ApiError::unauthorized("invalid authorization header format");
const MISSING_TOKEN: ApiError = ApiError::unauthorized("missing authorization token");
const INVALID_TOKEN: ApiError = ApiError::unauthorized("invalid token");
const UNAVAILABLE: ApiError =
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "authentication temporarily unavailable");

/// Lets only requests with a valid token through, and leaves the [`Caller`] among their extensions.
pub(crate) async fn require(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match authenticate(&state, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn authenticate(state: &ApiState, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = bearer_token(headers)?;
    let too_slow = state.0.clock.sleep_until(state.0.clock.instant() + VALIDATION_TIMEOUT);
    let caller = tokio::select! {
        biased;
        outcome = state.0.authenticator.authenticate(token) => outcome.map_err(refusal)?,
        () = too_slow => return Err(UNAVAILABLE),
    };
    // After the token, before the handler: the order of the original.
    match headers.get(X_UCAN) {
        Some(ucan) if ucan.len() > limits::UCAN_TEXT => {
            Err(ApiError::unauthorized("X-UCAN header too large"))
        }
        _ => Ok(caller),
    }
}

/// The token of `Authorization: Bearer <token>`: the scheme in any case, exactly one blank, one header.
fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next().ok_or(MISSING_HEADER)?;
    if lines.next().is_some() {
        return Err(INVALID_FORMAT);
    }
    let text = line.to_str().map_err(|_| INVALID_FORMAT)?;
    let (scheme, token) = text.split_once(' ').ok_or(INVALID_FORMAT)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(INVALID_FORMAT);
    }
    match token {
        "" => Err(MISSING_TOKEN),
        long if long.len() > limits::TOKEN_TEXT => Err(INVALID_TOKEN),
        blank if blank.contains(' ') => Err(INVALID_TOKEN),
        token => Ok(token),
    }
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::Missing => MISSING_TOKEN,
        TokenError::Invalid(_) => INVALID_TOKEN,
        TokenError::Expired => ApiError::unauthorized("token has expired"),
        TokenError::UntrustedIssuer => ApiError::unauthorized("untrusted token issuer"),
        TokenError::KeySourceUnavailable => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token_of(lines: &[&'static str]) -> Result<String, ApiError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(line));
        }
        bearer_token(&headers).map(str::to_owned)
    }

    /// `vectors/jwt.json`, `bearer_header`.
    #[test]
    fn the_header_is_read_as_in_the_vectors() {
        let cases: [(&[&str], Result<&str, ApiError>); 10] = [
            (&["Bearer abc.def.ghi"], Ok("abc.def.ghi")),
            (&["bearer abc"], Ok("abc")),
            (&[], Err(MISSING_HEADER)),
            (&["Basic dXNlcjpwYXNz"], Err(INVALID_FORMAT)),
            (&["Bearerabc"], Err(INVALID_FORMAT)),
            (&["Bearer"], Err(INVALID_FORMAT)),
            (&["Bearer a b"], Err(INVALID_TOKEN)),
            (&["Bearer  abc"], Err(INVALID_TOKEN)),
            (&["Bearer "], Err(MISSING_TOKEN)),
            (&["Bearer abc", "Bearer abc"], Err(INVALID_FORMAT)),
        ];
        for (lines, expected) in cases {
            assert_eq!(token_of(lines), expected.map(str::to_owned), "{lines:?}");
        }
    }

    #[test]
    fn a_header_that_is_not_text_has_the_wrong_format() {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        assert_eq!(bearer_token(&headers), Ok("x"));
        let binary = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, binary)]);
        assert_eq!(bearer_token(&headers), Err(INVALID_FORMAT));
    }

    #[test]
    fn a_token_over_16_kib_is_invalid() {
        let line = |size: usize| HeaderValue::try_from(format!("Bearer {}", "a".repeat(size))).unwrap();
        let at = HeaderMap::from_iter([(header::AUTHORIZATION, line(16_384))]);
        assert!(bearer_token(&at).is_ok());
        let over = HeaderMap::from_iter([(header::AUTHORIZATION, line(16_385))]);
        assert_eq!(bearer_token(&over), Err(INVALID_TOKEN));
    }
}
