//! Dialer of links to other servers: TCP, TLS, WebSocket upgrade (federation §7.1).

mod socket;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Request};
use less_sync_core::Timestamp;
use less_sync_federation::outbound::dialer::{DialFailure, DialRequest, Dialer, LinkSocket};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, client_async_tls_with_config};
use url::Url;

use crate::peer_fetcher::is_public;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Dialer with the root certificates of the system, and those of a file.
#[derive(Debug)]
pub(crate) struct PeerDialer {
    allow_private: bool,
    ca_file: Option<PathBuf>,
    tls: OnceCell<Arc<ClientConfig>>,
}

impl PeerDialer {
    /// Dialer; with `allow_private`, of unpinned addresses in private networks too. `ca_file`: certificates that are trusted
    /// beside those of the system (`FEDERATION_CA_FILE`).
    pub(crate) fn new(allow_private: bool, ca_file: Option<PathBuf>) -> Self {
        Self { allow_private, ca_file, tls: OnceCell::new() }
    }

    async fn connector(&self, url: &Url) -> Result<Connector, DialFailure> {
        if url.scheme() != "wss" {
            return Ok(Connector::Plain);
        }
        let ca_file = self.ca_file.clone();
        // Reads many small files.
        let load = async || tokio::task::spawn_blocking(move || tls(ca_file.as_deref())).await?;
        let config = self.tls.get_or_try_init(load).await.map_err(DialFailure::Unreachable)?;
        Ok(Connector::Rustls(config.clone()))
    }

    async fn connect(&self, request: &DialRequest) -> Result<TcpStream, DialFailure> {
        let host = request.url.host_str().ok_or(DialFailure::Forbidden)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = request.url.port_or_known_default().ok_or(DialFailure::Forbidden)?;
        let found = tokio::net::lookup_host((host, port)).await.map_err(unreachable)?;
        let is_guarded = request.is_guarded && !self.allow_private;
        let addresses: Vec<SocketAddr> =
            found.filter(|address| !is_guarded || is_public(address.ip())).collect();
        if addresses.is_empty() {
            return Err(DialFailure::Forbidden);
        }
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(unreachable)?;
        // Nagle's algorithm would delay a small request until the previous one is acknowledged.
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok(stream)
    }
}

#[async_trait]
impl Dialer for PeerDialer {
    async fn dial(&self, request: &DialRequest) -> Result<LinkSocket, DialFailure> {
        let connector = self.connector(&request.url).await?;
        let upgrade = upgrade(request)?;
        let stream = self.connect(request).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(request.max_message))
            .max_frame_size(Some(request.max_message));
        let upgraded = client_async_tls_with_config(upgrade, stream, Some(config), Some(connector)).await;
        let (socket, response) = upgraded.map_err(rejection)?;
        let selected = response.headers().get(http::header::SEC_WEBSOCKET_PROTOCOL);
        let subprotocol = selected.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(socket::link(socket, subprotocol))
    }
}

fn upgrade(request: &DialRequest) -> Result<Request<()>, DialFailure> {
    let mut upgrade = request.url.as_str().into_client_request().map_err(unreachable)?;
    for (name, value) in &request.headers {
        upgrade.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(upgrade)
}

fn unreachable(error: impl Into<Cause>) -> DialFailure {
    DialFailure::Unreachable(error.into())
}

fn rejection(error: WsError) -> DialFailure {
    if let WsError::Http(response) = error {
        let (status, headers) = (response.status().as_u16(), response.headers());
        return DialFailure::Rejected { status, retry_after: seconds(headers), date: date(headers) };
    }
    unreachable(error)
}

fn seconds(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc2822).ok()?;
    Some(Timestamp::from_seconds(date.unix_timestamp()))
}

/// TLS configuration with the root certificates of the system and those of `ca_file`.
fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Cause> {
    let mut roots = RootCertStore::empty();
    let _counts = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
