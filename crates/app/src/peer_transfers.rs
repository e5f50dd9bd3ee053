//! Requests for files at other servers over HTTP (federation §13).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use less_sync_engine::BrokenBody;
use less_sync_federation::outbound::transfers::{NoResponse, TransferRequest, TransferResponse, Transfers};
use reqwest::{Body, Client};
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::document_client::{self, BuildError};
use crate::peer_fetcher::{is_public, peer_client};

/// Timeout of a connection (federation §13.3).
const CONNECT: Duration = Duration::from_secs(10);

/// Sender without redirects, proxies and pooled connections.
#[derive(Debug)]
pub(crate) struct HttpTransfers {
    allow_private: bool,
    ca_file: Option<PathBuf>,
    /// By protection and scheme: guarded plain and TLS, unguarded plain and TLS.
    clients: [OnceCell<Client>; 4],
}

impl HttpTransfers {
    /// Sender; with `allow_private`, to unpinned addresses in private networks too. `ca_file`: certificates that are trusted
    /// beside those of the system (`FEDERATION_CA_FILE`).
    pub(crate) fn new(allow_private: bool, ca_file: Option<PathBuf>) -> Self {
        Self { allow_private, ca_file, clients: Default::default() }
    }

    async fn client(&self, is_guarded: bool, is_plain: bool) -> Result<&Client, NoResponse> {
        let index = if is_guarded { 0 } else { 2 } + usize::from(!is_plain);
        let cell = self.clients.get(index).ok_or(NoResponse)?;
        let ca_file = self.ca_file.clone();
        let build =
            async || tokio::task::spawn_blocking(move || build(is_guarded, is_plain, ca_file)).await?;
        cell.get_or_try_init(build).await.map_err(|error: BuildError| {
            tracing::error!(error = %less_sync_core::ErrorChain(&*error), "cannot make a client for files");
            NoResponse
        })
    }
}

fn build(is_guarded: bool, is_plain: bool, ca_file: Option<PathBuf>) -> Result<Client, BuildError> {
    document_client::build(peer_client(is_guarded, is_plain, ca_file)?.connect_timeout(CONNECT))
}

#[async_trait]
impl Transfers for HttpTransfers {
    async fn send(&self, request: TransferRequest) -> Result<TransferResponse, NoResponse> {
        let TransferRequest { method, url, headers, body, is_guarded } = request;
        let is_guarded = is_guarded && !self.allow_private;
        // Literals do not pass through the resolver.
        if is_guarded && literal(&url).is_some_and(|address| !is_public(address)) {
            return Err(NoResponse);
        }
        let client = self.client(is_guarded, url.scheme() == "http").await?;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(Body::wrap_stream(body));
        }
        let response = request.send().await.map_err(|error| {
            let error = error.without_url();
            tracing::debug!(error = %less_sync_core::ErrorChain(&error), "request for a file failed");
            NoResponse
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes_stream().map_err(|_| BrokenBody).boxed();
        Ok(TransferResponse { status, headers, body })
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}
