//! HTTP client for small documents that are fetched rarely: key sets of issuers, documents of other servers.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// Builder of a client without redirects, proxies, referrers and pooled connections. A plain one loads no root certificates;
/// any other rejects plain HTTP.
pub(crate) fn builder(is_plain: bool) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent("less-sync");
    if is_plain {
        builder.tls_certs_only(std::iter::empty::<Certificate>())
    } else {
        builder.https_only(true)
    }
}

/// Builds the client. Blocks while the root certificates of the system are read: many small files.
pub(crate) fn build(builder: ClientBuilder) -> Result<Client, BuildError> {
    // rustls panics without a default provider. A second installation fails and changes nothing.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(builder.build()?)
}

/// Reads a body of at most `max_bytes`. Stops at the first chunk that exceeds them: `None`.
pub(crate) async fn read_body(mut response: Response, max_bytes: usize) -> reqwest::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}
