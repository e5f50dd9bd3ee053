//! Key set fetcher over HTTP (auth §3.3, S-04).
//!
//! Fetches are an hour apart, so connections are not pooled; root certificates are loaded only for https issuers.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, StatusCode, header};
use less_sync_auth::jwks::{KeySetInvalid, MAX_DOCUMENT_BYTES};
use less_sync_engine::{FetchMode, FetchedKeySet, KeySetError, KeySetSource};
use reqwest::Client;
use tokio::sync::OnceCell;
use url::Url;

use crate::document_client::{build, builder, read_body};

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
        let body = read_body(response, MAX_DOCUMENT_BYTES).await.map_err(fetch_error)?;
        let body = body.ok_or(KeySetInvalid::TooLarge)?;
        Ok(FetchedKeySet { body, max_age })
    }
}

impl HttpKeySets {
    async fn client(&self, url: &Url) -> Result<&Client, KeySetError> {
        let unreachable = |error| KeySetError::Unreachable(error);
        if url.scheme() == "http" {
            // Plain http needs no root certificates, so none are loaded.
            let build = async || build(builder(true));
            return self.plain.get_or_try_init(build).await.map_err(unreachable);
        }
        let build = async || tokio::task::spawn_blocking(|| build(builder(false))).await?;
        self.tls.get_or_try_init(build).await.map_err(unreachable)
    }
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
