//! Client of the token route of a development server (`POST /dev/token`).

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use less_sync_core::{SpaceId, Timestamp};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::server_url::ServerUrl;
use crate::token::AccessToken;

const TIMEOUT: Duration = Duration::from_secs(10);
const ROUTE: &str = "/dev/token";

/// Claims to request; the server chooses a default for each one that is `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TokenRequest {
    /// User id (`sub`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Client id of the app (`client_id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Lifetime of the token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// `did:key` that UCANs of the caller must name as their audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
    /// Mailbox id that invitations are delivered to: 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
}

/// An access token issued by a development server.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: AccessToken,
    /// End of its validity.
    pub expires_at: Timestamp,
    /// Personal space of the user.
    pub personal_space: SpaceId,
}

/// A token request without a usable response.
#[derive(Debug, thiserror::Error)]
pub enum DevTokenError {
    /// The HTTP client cannot be built.
    #[error("cannot create an HTTP client")]
    Client(#[source] reqwest::Error),
    /// No response: no server at the URL, or a connection that failed.
    #[error("cannot request a token from {url}")]
    Request {
        /// URL of the token route.
        url: Url,
        /// Failure of the connection.
        source: io::Error,
    },
    /// The connection failed in the middle of the response.
    #[error("cannot read the response of the token route")]
    Response(#[source] reqwest::Error),
    /// The server has no token route.
    #[error("the server issues no tokens: it was not started with --dev")]
    NotInDevelopment,
    /// The server rejected the request.
    #[error("the token route responded {status}: {message}")]
    Rejected {
        /// HTTP status of the response.
        status: StatusCode,
        /// Body of the response.
        message: String,
    },
    /// A response of another form.
    #[error("cannot decode the response of the token route")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Deserialize)]
struct Response {
    token: String,
    expires_at: i64,
    personal_space: String,
}

/// Requests access tokens from one development server.
#[derive(Clone, Debug)]
pub struct DevTokenClient {
    http: Client,
    url: Url,
}

impl DevTokenClient {
    /// Creates a client for the token route of `server`.
    ///
    /// # Errors
    /// [`DevTokenError::Client`].
    pub fn new(server: &ServerUrl) -> Result<Self, DevTokenError> {
        let http = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build();
        Ok(Self { http: http.map_err(DevTokenError::Client)?, url: server.route(ROUTE) })
    }

    /// Requests a new token.
    ///
    /// # Errors
    /// See [`DevTokenError`].
    pub async fn issue(&self, request: &TokenRequest) -> Result<IssuedToken, DevTokenError> {
        let body = serde_json::to_vec(request).map_err(|error| DevTokenError::Malformed(error.into()))?;
        let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request
            .send()
            .await
            .map_err(|error| DevTokenError::Request { url: self.url.clone(), source: root_cause(&error) })?;
        let status = response.status();
        let body = response.bytes().await.map_err(DevTokenError::Response)?;
        match status {
            StatusCode::OK => decode(&body).map_err(DevTokenError::Malformed),
            // A server without the route checks credentials before it routes, so 401 means the same as 404.
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED => Err(DevTokenError::NotInDevelopment),
            _ => {
                let message = String::from_utf8_lossy(&body).into_owned();
                Err(DevTokenError::Rejected { status, message })
            }
        }
    }
}

/// Innermost cause: the causes around it only repeat that a request failed.
fn root_cause(error: &reqwest::Error) -> io::Error {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    match causes.last() {
        Some(cause) => {
            let kind = cause.downcast_ref::<io::Error>().map_or(io::ErrorKind::Other, io::Error::kind);
            io::Error::new(kind, cause.to_string())
        }
        None if error.is_timeout() => io::ErrorKind::TimedOut.into(),
        None => io::Error::other("the request failed"),
    }
}

fn decode(body: &[u8]) -> Result<IssuedToken, Box<dyn std::error::Error + Send + Sync>> {
    let response: Response = serde_json::from_slice(body)?;
    Ok(IssuedToken {
        token: response.token.into(),
        expires_at: Timestamp::from_seconds(response.expires_at),
        personal_space: response.personal_space.parse()?,
    })
}
