//! Port to documents of peers.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

/// Failure to fetch a document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Address that must not be fetched from: not public, or not https.
    #[error("address is not permitted")]
    Forbidden,
    /// No response in time.
    #[error("no response in time")]
    TimedOut,
    /// Status other than 200, redirects included.
    #[error("response has status {0}")]
    Status(u16),
    /// Body longer than the limit.
    #[error("response is too large")]
    TooLarge,
    /// Failure of the connection.
    #[error("cannot reach the server")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Document to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// URL.
    pub url: Url,
    /// Maximum length of the body, in bytes, inclusive.
    pub max_bytes: usize,
    /// True when an operator has named the URL: its address may be private (federation DI-3).
    pub is_pinned: bool,
}

/// Fetched document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Body.
    pub body: Bytes,
    /// `max-age` of the header `Cache-Control`; `None` without it.
    pub max_age: Option<Duration>,
}

/// Fetcher of documents over HTTP: one GET without redirects, within 10 s.
///
/// URLs are https, or http with a loopback host. The address that the socket connects to is the one that was checked
/// (federation DI-3).
#[async_trait]
pub trait Fetcher: Send + Sync {
    /// Fetches a document.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn fetch(&self, fetch: &Fetch) -> Result<Fetched, FetchError>;
}
