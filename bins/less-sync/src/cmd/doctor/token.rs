//! Check of the access token: an authenticated request that reads nothing.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use less_sync_client::AccessToken;
use less_sync_doctor::Finding;
use serde::Deserialize;

use super::site::{Answer, Site};

const CHECK: &str = "token";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rejection {
    error: String,
}

/// Finding for a token that was given and cannot be sent.
pub(super) fn unusable(error: &anyhow::Error) -> Finding {
    Finding::fail(CHECK, format!("{error:#}"), "give the text of an access token, or @FILE")
}

/// Requests a file that does not exist, with the token.
pub(super) async fn examine(site: &Site, path: &str, token: Option<&AccessToken>) -> Vec<Finding> {
    let Some(token) = token else {
        return vec![Finding::skip(CHECK, "no access token", "give --token to have one checked")];
    };
    let mut request = site.request(Method::GET, path);
    let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.expose())) else {
        return vec![Finding::fail(CHECK, "not a token", "give the text of an access token, or @FILE")];
    };
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    vec![match site.send(request).await {
        Ok(answer) => of(&answer),
        Err(error) => Finding::fail(CHECK, format!("{error:#}"), "see the check health"),
    }]
}

fn of(answer: &Answer) -> Finding {
    let rejection: Rejection = serde_json::from_slice(&answer.body).unwrap_or_default();
    let seen = format!("status {}: {}", answer.status, rejection.error);
    match (answer.is_of_server(), answer.status) {
        (true, 401) => Finding::fail(
            CHECK,
            format!("rejected with {seen}"),
            "compare issuer and audience of the token with TRUSTED_ISSUERS and AUDIENCES",
        ),
        (true, 503) => Finding::fail(
            CHECK,
            format!("not verified: {seen}"),
            "see the check issuer-keys, and the log of the server",
        ),
        // The scope is checked after the token.
        (true, _) => Finding::ok(CHECK, "accepted"),
        (false, _) => Finding::fail(
            CHECK,
            format!("the proxy responds to requests with a token: {}", answer.summary()),
            "pass Authorization to the server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use less_sync_doctor::Verdict;

    use super::*;

    #[test]
    fn rejected_token_fails_with_the_text_of_the_server() {
        let mut headers = HeaderMap::new();
        let answer = |headers: &HeaderMap, status, body: &'static str| Answer {
            status,
            headers: headers.clone(),
            body: Bytes::from_static(body.as_bytes()),
        };
        assert_eq!(of(&answer(&headers, 401, "")).verdict, Verdict::Fail);
        headers.insert("x-protocol-version", HeaderValue::from_static("1"));
        let rejected = of(&answer(&headers, 401, r#"{"error":"token has expired"}"#));
        assert_eq!(rejected.verdict, Verdict::Fail);
        assert!(rejected.seen.contains("token has expired"), "{rejected:?}");
        assert_eq!(of(&answer(&headers, 503, "")).verdict, Verdict::Fail);
        assert_eq!(of(&answer(&headers, 404, "")).verdict, Verdict::Ok);
    }
}
