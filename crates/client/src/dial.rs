//! Dialling: TCP, TLS, WebSocket upgrade.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Request, StatusCode};
use less_sync_auth::did_proof::Challenge;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::connection::{Auth, Connection};
use crate::crypto::Identity;
use crate::endpoint::Endpoint;
use crate::error::DialError;
use crate::event::Events;
use crate::options::Options;
use crate::tls;

/// Both subprotocol names of the wire format, the preferred one first (protocol §1.3).
const SUBPROTOCOLS: &str = "less-rpc-v1, betterbase-rpc-v1";
const SUBPROTOCOL_HEADER: HeaderName = http::header::SEC_WEBSOCKET_PROTOCOL;

/// Header with the challenge of a connection.
const CHALLENGE_HEADER: HeaderName = HeaderName::from_static("x-auth-challenge");

type ClientSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Dialer of connections to one server.
#[derive(Clone, Debug)]
pub struct Dialer {
    endpoint: Endpoint,
    headers: HeaderMap,
    options: Options,
    identity: Option<Arc<Identity>>,
}

impl Dialer {
    /// Dialer with default options and the trusted certificates of the system.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, headers: HeaderMap::new(), options: Options::default(), identity: None }
    }

    /// Sets timers and limits.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Adds a header to the upgrade request, such as a signature; replaces the subprotocols for that header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Answers the challenge of a server with the key of `identity`, whose DID the access tokens name. The answer binds the
    /// DID to the issuer of the token, also if another issuer presented it first (auth §2.7).
    #[must_use]
    pub fn with_identity(mut self, identity: Arc<Identity>) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Endpoint of the server.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens a connection. The server verifies the token after the upgrade: see [`Connection`]. Cancel-safe.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(&self, auth: Auth) -> Result<(Connection, Events), DialError> {
        let (socket, challenge) = tokio::time::timeout(self.options.dial_timeout, self.upgrade())
            .await
            .map_err(|_| DialError::Timeout)??;
        Ok(Connection::over(socket, self.answer(auth, challenge), self.options.clone()))
    }

    /// Adds the answer to a challenge to an access token.
    fn answer(&self, auth: Auth, challenge: Option<Challenge>) -> Auth {
        match (auth, &self.identity, challenge) {
            (Auth::Token(token), Some(identity), Some(challenge)) => {
                let did_proof = identity.prove(&challenge, token.expose());
                Auth::Proven { token, did_proof }
            }
            (auth, _, _) => auth,
        }
    }

    async fn upgrade(&self) -> Result<(ClientSocket, Option<Challenge>), DialError> {
        let connector = self.connector()?;
        let request = self.request()?;
        let stream = self.connect().await?;
        let (socket, response) =
            client_async_tls_with_config(request, stream, Some(self.websocket_config()), Some(connector))
                .await
                .map_err(rejection)?;
        Ok((socket, challenge(response.headers())))
    }

    fn connector(&self) -> Result<Connector, DialError> {
        if !self.endpoint.is_encrypted() {
            return Ok(Connector::Plain);
        }
        Ok(Connector::Rustls(tls::native_roots()?))
    }

    fn request(&self) -> Result<Request<()>, DialError> {
        let mut request = self.endpoint.url().as_str().into_client_request().map_err(rejection)?;
        let headers = request.headers_mut();
        headers.insert(SUBPROTOCOL_HEADER, HeaderValue::from_static(SUBPROTOCOLS));
        headers.extend(self.headers.clone());
        Ok(request)
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        let (host, port) = self.endpoint.host_and_port();
        let addresses: Vec<_> =
            tokio::net::lookup_host((host.as_str(), port)).await.map_err(DialError::Resolve)?.collect();
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(DialError::Connect)?;
        // Nagle's algorithm would delay a small request until the previous one is acknowledged.
        stream.set_nodelay(true).map_err(DialError::Connect)?;
        Ok(stream)
    }

    fn websocket_config(&self) -> WebSocketConfig {
        let max = self.options.max_message;
        WebSocketConfig::default()
            .read_buffer_size(self.options.read_buffer)
            .max_message_size(Some(max))
            .max_frame_size(Some(max))
    }
}

fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    headers.get(CHALLENGE_HEADER)?.to_str().ok()?.parse().ok()
}

fn rejection(error: WsError) -> DialError {
    match error {
        WsError::Http(response) => DialError::Rejected {
            status: response.status().as_u16(),
            retry_after: retry_after(response.status(), response.headers()),
        },
        WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => DialError::Subprotocol,
        WsError::Io(error) => DialError::Handshake(Arc::new(error)),
        WsError::HttpFormat(error) => DialError::Request(error),
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Tls(_)
        | WsError::Capacity(_)
        | WsError::Protocol(_)
        | WsError::WriteBufferFull(_)
        | WsError::Utf8(_)
        | WsError::AttackAttempt
        | WsError::Url(_) => DialError::Handshake(Arc::new(error)),
    }
}

/// `Retry-After` of a 429 or 503 response (protocol §1.2).
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
