//! HTTP route that upgrades to the WebSocket (protocol §1.2, §1.3).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::IntoResponse;
use axum::routing::any;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use less_sync_auth::did_proof::Challenge;
use less_sync_core::{ConnectionId, PeerNetwork};
use tracing::Instrument as _;
use tracing::field::Empty;
use tungstenite::handshake::derive_accept_key;

use crate::driver::Driver;
use crate::endpoint::Endpoint;
use crate::registry::{AddressPermit, AddressRejected};

/// Header with the challenge of a connection.
const X_AUTH_CHALLENGE: HeaderName = HeaderName::from_static("x-auth-challenge");

/// Accepted subprotocols: two names of one wire format.
const SUBPROTOCOLS: [&str; 2] = ["less-rpc-v1", "betterbase-rpc-v1"];

impl Endpoint {
    /// Router with the route of this endpoint, `GET /api/v1/ws`. Requires [`ConnectInfo`] of a [`SocketAddr`] among the
    /// request's extensions for the limit per remote address. Query parameters are ignored.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route("/api/v1/ws", any(upgrade)).with_state(self.clone())
    }
}

async fn upgrade(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response<Body> {
    match try_upgrade(&endpoint, request) {
        Ok(accepted) => accepted.into_response(),
        Err(rejected) => rejected.into_response(),
    }
}

/// Response to an accepted upgrade.
pub(crate) struct Accepted {
    accept: String,
    pub(crate) subprotocol: &'static str,
    challenge: Option<Challenge>,
}

/// Response to a rejected upgrade: its status, and a header required by that status.
pub(crate) struct Rejected(StatusCode, Option<(HeaderName, &'static str)>);

impl Rejected {
    const METHOD: Self = Self(StatusCode::METHOD_NOT_ALLOWED, Some((header::ALLOW, "GET")));
    const BAD_REQUEST: Self = Self(StatusCode::BAD_REQUEST, None);
    const NO_UPGRADE: Self = Self(StatusCode::UPGRADE_REQUIRED, Some((header::UPGRADE, "websocket")));

    /// Temporary rejection. It precedes the upgrade on purpose: clients back off after a rejected upgrade, but reconnect at
    /// once after a socket that opened and closed (protocol §1.2).
    const fn for_now(status: StatusCode) -> Self {
        Self(status, Some((header::RETRY_AFTER, "5")))
    }
}

fn try_upgrade(endpoint: &Arc<Endpoint>, mut request: Request) -> Result<Accepted, Rejected> {
    let (on_upgrade, permit, accepted) = begin_upgrade(endpoint, &mut request)?;
    // The task waits for the upgrade, which completes only after this response is written.
    let challenge = endpoint.authenticator.has_gate().then(|| challenge(endpoint));
    serve(endpoint.clone(), on_upgrade, permit, challenge, accepted.subprotocol);
    Ok(Accepted { challenge, ..accepted })
}

/// Checks the request for an upgrade, the shutdown, the limits and the subprotocols, in this order.
pub(crate) fn begin_upgrade(
    endpoint: &Endpoint,
    request: &mut Request,
) -> Result<(OnUpgrade, AddressPermit, Accepted), Rejected> {
    if request.method() != Method::GET {
        return Err(Rejected::METHOD);
    }
    let accept = accept_key(request.headers()).ok_or(Rejected::BAD_REQUEST)?;
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(Rejected::NO_UPGRADE)?;
    if endpoint.is_draining() {
        return Err(Rejected::for_now(StatusCode::SERVICE_UNAVAILABLE));
    }
    let permit = endpoint.registry.admit(remote_network(request)).map_err(|rejected| {
        let status = match rejected {
            AddressRejected::Total => StatusCode::SERVICE_UNAVAILABLE,
            AddressRejected::Address => StatusCode::TOO_MANY_REQUESTS,
        };
        endpoint.deny_upgrade(status);
        Rejected::for_now(status)
    })?;
    let subprotocol = choose_subprotocol(request.headers()).ok_or(Rejected::BAD_REQUEST)?;
    Ok((on_upgrade, permit, Accepted { accept, subprotocol, challenge: None }))
}

/// Spawns the task that serves the connection once its upgrade is complete.
fn serve(
    endpoint: Arc<Endpoint>,
    on_upgrade: OnUpgrade,
    permit: AddressPermit,
    challenge: Option<Challenge>,
    protocol: &'static str,
) {
    let id = ConnectionId::from_bytes(endpoint.random.bits().to_be_bytes());
    let spawner = endpoint.spawner.clone();
    let connection = async move {
        match on_upgrade.await {
            Ok(io) => {
                let lifetime = lifetime(&endpoint);
                Driver::new(id, endpoint, TokioIo::new(io), permit, lifetime, challenge).run().await;
            }
            Err(error) => tracing::debug!(%error, "upgrade failed"),
        }
    };
    // Without a parent: the span of the HTTP request would live as long as the connection.
    let span = tracing::info_span!(
        parent: None, "connection", connection_id = %id, protocol, frames_in = Empty, frames_out = Empty
    );
    spawner.spawn("connection", Box::pin(connection.instrument(span)));
}

/// Random challenge for the key of a DID (auth §2.7).
fn challenge(endpoint: &Endpoint) -> Challenge {
    let mut bytes = [0; 32];
    for half in bytes.as_chunks_mut::<16>().0 {
        *half = endpoint.random.bits().to_be_bytes();
    }
    Challenge::from_bytes(bytes)
}

/// Network of the remote peer of the request; peers without a known address share the unspecified one.
fn remote_network(request: &Request) -> PeerNetwork {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    PeerNetwork::of(address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip()))
}

/// Configured lifetime with jitter, so that connections opened together do not end together.
fn lifetime(endpoint: &Endpoint) -> Duration {
    let jitter = f64::from(endpoint.limits.lifetime_jitter_percent) / 100.0;
    endpoint.random.jittered(endpoint.limits.max_lifetime, jitter)
}

/// Value of `Sec-WebSocket-Accept`; `None` unless the request is a WebSocket upgrade of version 13 (RFC 6455 §4.2.1).
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let upgrades =
        lists(headers, &header::CONNECTION, "upgrade") && lists(headers, &header::UPGRADE, "websocket");
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?.as_bytes() == b"13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    (upgrades && version && !key.is_empty()).then(|| derive_accept_key(key.as_bytes()))
}

/// True if the comma-separated header `name` contains `token`, in any case, on any of its lines.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    items(headers, name).any(|item| item.eq_ignore_ascii_case(token))
}

fn items<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(',').map(str::trim))
}

/// First accepted subprotocol in the client's order of preference.
fn choose_subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    items(headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .find_map(|offered| SUBPROTOCOLS.into_iter().find(|known| *known == offered))
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response<Body> {
        let headers = [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept.as_str()),
            (header::SEC_WEBSOCKET_PROTOCOL, self.subprotocol),
        ];
        let challenge = self.challenge.map(|challenge| [(X_AUTH_CHALLENGE, challenge.to_string())]);
        match challenge {
            Some(challenge) => (StatusCode::SWITCHING_PROTOCOLS, headers, challenge).into_response(),
            None => (StatusCode::SWITCHING_PROTOCOLS, headers).into_response(),
        }
    }
}

impl IntoResponse for Rejected {
    /// Empty body: this route is exempt from the JSON error rule (http §1).
    fn into_response(self) -> Response<Body> {
        let Self(status, header) = self;
        match header {
            Some(header) => (status, [header]).into_response(),
            None => status.into_response(),
        }
    }
}
