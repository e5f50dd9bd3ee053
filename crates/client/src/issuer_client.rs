//! Client of the token endpoint of an issuer (operations §17.3; RFC 6749 §4.3 and §6).

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::CONTENT_TYPE;
use less_sync_auth::login_proof::Login;
use less_sync_core::{MailboxId, Timestamp};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use url::{Host, Url, form_urlencoded};

use crate::crypto::Identity;
use crate::token::AccessToken;

const TIMEOUT: Duration = Duration::from_secs(20);
const FORM: &str = "application/x-www-form-urlencoded";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Login with a password.
pub struct PasswordLogin<'a> {
    /// Name of the user.
    pub user: &'a str,
    /// Password of the user.
    pub password: &'a str,
    /// Client id of the app.
    pub client: &'a str,
    /// Identity whose DID the tokens name; the issuer gets a proof of its key.
    pub identity: &'a Identity,
    /// Current time, for the proof.
    pub now: Timestamp,
}

/// Tokens of a login.
#[derive(Clone, Debug)]
pub struct IssuerTokens {
    /// Access token.
    pub access: AccessToken,
    /// Time until the access token expires.
    pub expires_in: Duration,
    /// Refresh token; `None` if the issuer gives none.
    pub refresh: Option<AccessToken>,
}

/// A login or a refresh that failed.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The HTTP client cannot be built.
    #[error("cannot create an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The URL of the issuer, or of its token endpoint, is not one to send a password to.
    #[error("{0} is not an https URL, nor on this machine")]
    Insecure(String),
    /// No response.
    #[error("cannot reach {url}")]
    Unreachable {
        /// URL of the request.
        url: Url,
        /// Failure of the connection.
        source: reqwest::Error,
    },
    /// The issuer rejected name and password, or the refresh token.
    #[error("{0}")]
    Denied(String),
    /// The issuer rejected the request for another reason.
    #[error("the issuer responded {status}: {message}")]
    Rejected {
        /// HTTP status of the response.
        status: StatusCode,
        /// Description of the response.
        message: String,
    },
    /// A response of another form.
    #[error("{url} is not the response of an issuer")]
    Malformed {
        /// URL of the request.
        url: Url,
    },
}

/// Token endpoint of one issuer.
#[derive(Clone, Debug)]
pub struct IssuerClient {
    http: Client,
    issuer: String,
    token_endpoint: Url,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorResponse {
    error: String,
    error_description: String,
}

impl IssuerClient {
    /// Reads the discovery document of the issuer at `url`.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub async fn discover(url: &str) -> Result<Self, IssuerError> {
        let http = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build();
        let http = http.map_err(IssuerError::Client)?;
        let base = url.trim_end_matches('/');
        let document = secure(&format!("{base}{DISCOVERY}"))?;
        let response = http.get(document.clone()).send().await;
        let response =
            response.map_err(|source| IssuerError::Unreachable { url: document.clone(), source })?;
        let malformed = || IssuerError::Malformed { url: document.clone() };
        let body = response.bytes().await.map_err(|_| malformed())?;
        let found: Discovery = serde_json::from_slice(&body).map_err(|_| malformed())?;
        // The name that tokens carry; a document that another site serves under its own name is no discovery of this issuer.
        if found.issuer.trim_end_matches('/') != base {
            return Err(malformed());
        }
        Ok(Self { http, issuer: base.to_owned(), token_endpoint: secure(&found.token_endpoint)? })
    }

    /// Name of the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Logs in with a password.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub async fn log_in(&self, login: &PasswordLogin<'_>) -> Result<IssuerTokens, IssuerError> {
        let PasswordLogin { user, password, client, identity, now } = login;
        // The issuer compares names in lower case.
        let name = user.to_ascii_lowercase();
        let proof = identity.prove_login(&Login { issuer: &self.issuer, user: &name, at: *now });
        let (proof, at) = (BASE64_URL_SAFE_NO_PAD.encode(proof), now.seconds().to_string());
        let parameters = [
            ("grant_type", "password"),
            ("username", user),
            ("password", password),
            ("client_id", client),
            ("did", identity.did().as_str()),
            ("did_proof", &proof),
            ("did_proof_at", &at),
        ];
        self.request(&parameters).await
    }

    /// Exchanges a refresh token for new tokens, which name `mailbox` if one is given.
    ///
    /// # Errors
    /// See [`IssuerError`].
    pub async fn refresh(
        &self,
        token: &AccessToken,
        client: &str,
        mailbox: Option<&MailboxId>,
    ) -> Result<IssuerTokens, IssuerError> {
        let mailbox = mailbox.map(MailboxId::to_hex);
        let mut parameters =
            vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token.expose())];
        parameters.extend(mailbox.as_deref().map(|mailbox| ("mailbox_id", mailbox)));
        self.request(&parameters).await
    }

    async fn request(&self, parameters: &[(&str, &str)]) -> Result<IssuerTokens, IssuerError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self.http.post(self.token_endpoint.clone()).header(CONTENT_TYPE, FORM).body(body);
        let url = || self.token_endpoint.clone();
        let response =
            request.send().await.map_err(|source| IssuerError::Unreachable { url: url(), source })?;
        let status = response.status();
        let body =
            response.bytes().await.map_err(|source| IssuerError::Unreachable { url: url(), source })?;
        if !status.is_success() {
            let ErrorResponse { error, error_description: message } =
                serde_json::from_slice(&body).unwrap_or_default();
            let message = if message.is_empty() { error.clone() } else { message };
            return Err(match error.as_str() {
                "invalid_grant" => IssuerError::Denied(message),
                _ => IssuerError::Rejected { status, message },
            });
        }
        let tokens: TokenResponse =
            serde_json::from_slice(&body).map_err(|_| IssuerError::Malformed { url: url() })?;
        Ok(IssuerTokens {
            access: tokens.access_token.into(),
            expires_in: Duration::from_secs(tokens.expires_in),
            refresh: tokens.refresh_token.map(AccessToken::from),
        })
    }
}

/// Parses a URL that passwords may be sent to.
fn secure(text: &str) -> Result<Url, IssuerError> {
    let insecure = || IssuerError::Insecure(text.to_owned());
    let url = Url::parse(text).map_err(|_| insecure())?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    if is_secure { Ok(url) } else { Err(insecure()) }
}

impl std::fmt::Debug for PasswordLogin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordLogin([redacted])")
    }
}

#[test]
fn passwords_are_sent_encrypted_or_to_this_machine() {
    for text in ["https://id.example/a", "http://127.0.0.1:5380", "http://[::1]:1", "http://localhost"] {
        assert!(secure(text).is_ok(), "{text}");
    }
    for text in ["http://id.example", "ftp://localhost", "id.example", ""] {
        assert!(secure(text).is_err(), "{text}");
    }
}
