//! Token requests, parsed, and their rejections (operations §17.3; RFC 6749 §5.2).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use less_sync_core::{ClientId, Did, MailboxId, Timestamp};

use crate::form::Form;
use crate::password::Password;
use crate::users::UserName;

/// Scopes that tokens may have.
const SCOPES: [&str; 2] = ["sync", "files"];

/// Rejection of a request: `error` and `error_description` of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The request is malformed.
    Request(&'static str),
    /// The grant type is neither `password` nor `refresh_token`.
    GrantType,
    /// A scope is neither `sync` nor `files`.
    Scope,
    /// Name or password are wrong, or the refresh token is.
    Grant(&'static str),
    /// Too many failed attempts; admitted again after this time.
    TooMany(Duration),
    /// Too many logins at once.
    Busy,
    /// A file of the issuer cannot be read or written.
    Internal,
}

impl Rejection {
    /// Status, `error`, `error_description`, and the seconds of `Retry-After`.
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, &'static str, Option<u64>) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::Request(text) => (bad, "invalid_request", text, None),
            Self::GrantType => (bad, "unsupported_grant_type", "expected password or refresh_token", None),
            Self::Scope => (bad, "invalid_scope", "expected sync, files or both", None),
            Self::Grant(text) => (bad, "invalid_grant", text, None),
            Self::TooMany(wait) => {
                let seconds = wait.as_secs_f64().ceil();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "seconds of a short time"
                )]
                let seconds = seconds as u64;
                (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", "too many failed logins", Some(seconds))
            }
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "too many logins at once",
                Some(1),
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal error", None),
        }
    }
}

/// Parsed request.
pub(crate) struct TokenRequest {
    pub(crate) credentials: Credentials,
    pub(crate) claims: WantedClaims,
}

/// Credentials of a request.
pub(crate) enum Credentials {
    Password { user: Option<UserName>, password: Password, client: ClientId },
    Refresh { token: String },
}

/// Requested claims. Absent ones are those of the refresh token.
pub(crate) struct WantedClaims {
    pub(crate) scope: Option<String>,
    pub(crate) did: Option<ProvenDid>,
    pub(crate) mailbox: Option<MailboxId>,
}

/// DID with the signature of its key, to be verified.
pub(crate) struct ProvenDid {
    pub(crate) did: Did,
    pub(crate) signature: Vec<u8>,
    pub(crate) at: Timestamp,
}

impl TokenRequest {
    /// Parses a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Rejection> {
        let mut form = Form::parse(body).ok_or(Rejection::Request("a parameter occurs twice"))?;
        let credentials = match form.get("grant_type") {
            Some("password") => password(&mut form)?,
            Some("refresh_token") => {
                let token =
                    form.get("refresh_token").ok_or(Rejection::Request("refresh_token is missing"))?;
                Credentials::Refresh { token: token.to_owned() }
            }
            Some(_) => return Err(Rejection::GrantType),
            None => return Err(Rejection::Request("grant_type is missing")),
        };
        let scope = form.get("scope").map(scope).transpose()?;
        let mailbox = form.get("mailbox_id").map(str::parse).transpose();
        let mailbox =
            mailbox.map_err(|_| Rejection::Request("mailbox_id has 64 lowercase hexadecimal digits"))?;
        Ok(Self { credentials, claims: WantedClaims { scope, did: did(&form)?, mailbox } })
    }
}

fn password(form: &mut Form) -> Result<Credentials, Rejection> {
    let client = form.get("client_id").ok_or(Rejection::Request("client_id is missing"))?;
    let client =
        client.parse().map_err(|_| Rejection::Request("client_id has 1 to 255 bytes without NUL"))?;
    let user = form.get("username").ok_or(Rejection::Request("username is missing"))?;
    // A name that no user can have is rejected like one that none has.
    let user = user.parse().ok();
    let password = form.take("password").ok_or(Rejection::Request("password is missing"))?;
    Ok(Credentials::Password { user, password: Password::new(password), client })
}

/// Scopes in a fixed order, each once.
fn scope(text: &str) -> Result<String, Rejection> {
    let wanted: Vec<&str> = text.split_ascii_whitespace().collect();
    if !wanted.iter().all(|scope| SCOPES.contains(scope)) {
        return Err(Rejection::Scope);
    }
    Ok(SCOPES.into_iter().filter(|scope| wanted.contains(scope)).collect::<Vec<_>>().join(" "))
}

/// All scopes.
pub(crate) fn all_scopes() -> String {
    SCOPES.join(" ")
}

fn did(form: &Form) -> Result<Option<ProvenDid>, Rejection> {
    let Some(did) = form.get("did") else { return Ok(None) };
    let malformed =
        || Rejection::Request("did needs did_proof, 64 bytes in base64url, and did_proof_at, a Unix time");
    let did = Did::try_from(did).map_err(|_| malformed())?;
    let signature = form.get("did_proof").and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
    let at = form.get("did_proof_at").and_then(|text| text.parse().ok()).map(Timestamp::from_seconds);
    match (signature, at) {
        (Some(signature), Some(at)) => Ok(Some(ProvenDid { did, signature, at })),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(body: &str) -> Rejection {
        TokenRequest::parse(body.as_bytes()).err().unwrap_or_else(|| panic!("{body} was accepted"))
    }

    #[test]
    fn malformed_requests_say_what_is_wrong() {
        let login = "grant_type=password&client_id=c&username=anna&password=secret";
        for (body, text) in [
            ("", "grant_type is missing"),
            ("grant_type=refresh_token", "refresh_token is missing"),
            ("grant_type=password&username=a&password=b", "client_id is missing"),
            ("grant_type=password&client_id=c&password=b", "username is missing"),
            ("grant_type=password&client_id=c&username=anna&password=", "password is missing"),
            (&format!("{login}&client_id=d"), "a parameter occurs twice"),
            (&format!("{login}&mailbox_id=xyz"), "mailbox_id has 64 lowercase hexadecimal digits"),
        ] {
            assert_eq!(rejection(body), Rejection::Request(text), "{body}");
        }
        assert_eq!(rejection("grant_type=authorization_code"), Rejection::GrantType);
        assert_eq!(rejection(&format!("{login}&scope=admin")), Rejection::Scope);
        for proof in ["did=did:key:z1", "did=d&did_proof=AAAA", "did=d&did_proof=AAAA&did_proof_at=x"] {
            assert!(matches!(rejection(&format!("{login}&{proof}")), Rejection::Request(_)), "{proof}");
        }
    }

    #[test]
    fn scopes_are_listed_once_and_unknown_parameters_ignored() {
        let body = b"grant_type=refresh_token&refresh_token=t&scope=files+sync+files&audience=x";
        let request = TokenRequest::parse(body).unwrap();
        assert_eq!(request.claims.scope.as_deref(), Some("sync files"));
        assert_eq!(scope("sync"), Ok("sync".to_owned()));
    }

    #[test]
    fn retry_after_is_rounded_up() {
        assert_eq!(Rejection::TooMany(Duration::from_millis(9001)).parts().3, Some(10));
    }
}
