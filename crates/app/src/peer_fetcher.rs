//! Fetcher of documents of other servers over HTTP (federation DI-3).

mod public_address;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, StatusCode, header};
use less_sync_federation::fetch::{Fetch, FetchError, Fetched, Fetcher};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder};
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::document_client::{self, BuildError};
pub(crate) use public_address::is_public;

/// Time limit of a fetch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetcher without redirects, proxies and pooled connections. The resolver of the client drops private addresses, so a second
/// resolution cannot slip past the check.
#[derive(Debug)]
pub(crate) struct HttpPeerDocuments {
    allow_private: bool,
    ca_file: Option<PathBuf>,
    /// By protection and scheme: guarded plain and TLS, unguarded plain and TLS.
    clients: [OnceCell<Client>; 4],
}

impl HttpPeerDocuments {
    /// Fetcher; with `allow_private`, from addresses of private networks too. `ca_file`: certificates that are trusted beside
    /// those of the system (`FEDERATION_CA_FILE`).
    pub(crate) fn new(allow_private: bool, ca_file: Option<PathBuf>) -> Self {
        Self { allow_private, ca_file, clients: Default::default() }
    }

    async fn client(&self, is_guarded: bool, is_plain: bool) -> Result<&Client, FetchError> {
        let index = if is_guarded { 0 } else { 2 } + usize::from(!is_plain);
        let cell = self.clients.get(index).ok_or(FetchError::Forbidden)?;
        let unreachable = |error| FetchError::Unreachable(error);
        let ca_file = self.ca_file.clone();
        let build = move || document_client::build(peer_client(is_guarded, is_plain, ca_file)?);
        let build = async || tokio::task::spawn_blocking(build).await?;
        cell.get_or_try_init(build).await.map_err(unreachable)
    }
}

#[async_trait]
impl Fetcher for HttpPeerDocuments {
    async fn fetch(&self, fetch: &Fetch) -> Result<Fetched, FetchError> {
        let is_guarded = !self.allow_private && !fetch.is_pinned;
        let is_plain = permitted(&fetch.url, is_guarded)?;
        let client = self.client(is_guarded, is_plain).await?;
        let request =
            client.get(fetch.url.clone()).header(header::ACCEPT, "application/json").timeout(TIMEOUT);
        let response = request.send().await.map_err(fetch_error)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let body = document_client::read_body(response, fetch.max_bytes).await.map_err(fetch_error)?;
        Ok(Fetched { body: body.ok_or(FetchError::TooLarge)?, max_age })
    }
}

/// First `max-age` of the headers `Cache-Control` (RFC 9111 §5.2).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let age = lines.flat_map(|line| line.split(',')).find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let is_max_age = name.eq_ignore_ascii_case("max-age");
        is_max_age.then(|| value.trim_matches('"').parse().ok()).flatten()
    });
    age.map(Duration::from_secs)
}

/// Checks scheme and literal address. True for plain http, which only loopback hosts may use.
fn permitted(url: &Url, is_guarded: bool) -> Result<bool, FetchError> {
    let host = url.host().ok_or(FetchError::Forbidden)?;
    let literal = match host {
        Host::Ipv4(address) => Some(IpAddr::from(address)),
        Host::Ipv6(address) => Some(IpAddr::from(address)),
        Host::Domain(_) => None,
    };
    let is_loopback =
        literal.is_some_and(|address| address.is_loopback()) || url.host_str() == Some("localhost");
    let is_plain = match url.scheme() {
        "https" => false,
        "http" if is_loopback => true,
        _ => return Err(FetchError::Forbidden),
    };
    // Literals do not pass through the resolver.
    if is_guarded && literal.is_some_and(|address| !is_public(address)) {
        return Err(FetchError::Forbidden);
    }
    Ok(is_plain)
}

/// Builder of a client for peers. Guarded: for public addresses only. `ca_file`: certificates that are trusted beside those of the
/// system. Blocks while the file is read.
pub(crate) fn peer_client(
    is_guarded: bool,
    is_plain: bool,
    ca_file: Option<PathBuf>,
) -> Result<ClientBuilder, BuildError> {
    let mut builder = document_client::builder(is_plain);
    if is_guarded {
        builder = builder.dns_resolver(Arc::new(PublicAddresses));
    }
    if let Some(file) = ca_file.filter(|_| !is_plain) {
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&std::fs::read(file)?)?);
    }
    Ok(builder)
}

/// Resolver that returns public addresses only, and fails when none is left.
#[derive(Debug)]
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn fetch_error(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TimedOut
    } else {
        FetchError::Unreachable(error.without_url().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(url: &str, is_guarded: bool) -> Option<bool> {
        permitted(&url.parse().unwrap(), is_guarded).ok()
    }

    /// Federation TH-5, DI-3, T-405.
    #[test]
    fn th_5_private_literals_and_plain_http_are_not_fetched() {
        assert_eq!(verdict("https://peer.example/x", true), Some(false));
        assert_eq!(verdict("https://192.0.2.1.example/x", true), Some(false));
        for url in ["https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/"]
        {
            assert_eq!(verdict(url, true), None, "{url}");
            assert_eq!(verdict(url, false), Some(false), "{url}");
        }
        assert_eq!(verdict("http://127.0.0.2:7000/", false), Some(true));
        assert_eq!(verdict("http://localhost/", false), Some(true));
        for url in ["http://peer.example/", "http://10.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd"] {
            assert_eq!(verdict(url, false), None, "{url}");
        }
    }

    /// Federation DI-4.
    #[test]
    fn di_4_max_age_is_read() {
        for (text, seconds) in [
            ("public, max-age=3600", Some(3600)),
            ("Max-Age=\"60\"", Some(60)),
            ("s-maxage=5, max-age=0", Some(0)),
            ("no-store", None),
            ("max-age=-1", None),
        ] {
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, text.parse().unwrap())]);
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[tokio::test]
    async fn th_5_names_of_private_addresses_do_not_resolve() {
        let resolved = PublicAddresses.resolve("localhost".parse().unwrap()).await;
        assert_eq!(resolved.err().map(|error| error.to_string()).as_deref(), Some("no public address"));
    }
}
