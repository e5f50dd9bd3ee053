//! Key set fetcher over HTTP (auth §3.3, S-04).
//!
//! Fetches are an hour apart, so connections are not pooled; root certificates are loaded only for https issuers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use less_sync_auth::jwks::{KeySetInvalid, MAX_DOCUMENT_BYTES};
use less_sync_engine::{FetchMode, FetchedKeySet, KeySetError, KeySetSource};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Response};
use tokio::sync::OnceCell;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Key set source that fetches over HTTP, without redirects and proxies.
#[derive(Debug, Default)]
pub struct HttpKeySets {
    plain: OnceCell<Client>,
    tls: OnceCell<Client>,
}

#[async_trait]
impl KeySetSource for HttpKeySets {
    async fn fetch(&self, url: &Url, how: FetchMode) -> Result<FetchedKeySet, KeySetError> {
        let client = self.client(url).await?;
        let request =
            client.get(url.clone()).header(header::ACCEPT, "application/json").timeout(how.timeout());
        let response = request.send().await.map_err(fetch_error)?;
        if response.status() != StatusCode::OK {
            return Err(KeySetError::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let body = whole_body(response).await?;
        Ok(FetchedKeySet { body, max_age })
    }
}

impl HttpKeySets {
    async fn client(&self, url: &Url) -> Result<&Client, KeySetError> {
        let unreachable = |error| KeySetError::Unreachable(error);
        if url.scheme() == "http" {
            // Plain http needs no root certificates, so none are loaded.
            let build = async || build(builder().tls_certs_only(std::iter::empty::<Certificate>()));
            return self.plain.get_or_try_init(build).await.map_err(unreachable);
        }
        // Loading the root certificates of the system reads many small files and blocks.
        let build = async || tokio::task::spawn_blocking(|| build(builder().https_only(true))).await?;
        self.tls.get_or_try_init(build).await.map_err(unreachable)
    }
}

type BuildError = Box<dyn std::error::Error + Send + Sync>;

fn build(builder: ClientBuilder) -> Result<Client, BuildError> {
    // rustls panics without a default provider. A second installation fails and changes nothing.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(builder.build()?)
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent("less-sync")
}

/// Reads the body, and fails as soon as it exceeds [`MAX_DOCUMENT_BYTES`].
async fn whole_body(mut response: Response) -> Result<Bytes, KeySetError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(fetch_error)? {
        if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(KeySetInvalid::TooLarge.into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn fetch_error(error: reqwest::Error) -> KeySetError {
    if error.is_timeout() {
        KeySetError::TimedOut
    } else {
        KeySetError::Unreachable(error.without_url().into())
    }
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut directives = lines.flat_map(|line| line.split(',')).map(str::trim);
    let seconds = directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("max-age")
            .then(|| value.trim().trim_matches('"').parse().ok())
            .flatten()
    });
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn max_age_is_found_among_other_directives() {
        let cases = [
            ("max-age=600", Some(600)),
            ("public, max-age=3600, stale-while-revalidate=86400", Some(3600)),
            ("Max-Age = \"60\"", Some(60)),
            ("no-store", None),
            ("max-age=soon", None),
            ("s-maxage=60", None),
        ];
        for (line, expected) in cases {
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(line))]);
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{line}");
        }
    }
}
