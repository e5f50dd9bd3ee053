//! Port through which the key sets (JWKS) of issuers are fetched.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_auth::jwks::KeySetInvalid;
use url::Url;

/// HTTP client for key set documents (auth §3.3).
#[async_trait]
pub trait KeySetSource: Send + Sync {
    /// Fetches `url` with one GET: no redirects, no credentials, at most
    /// [`MAX_DOCUMENT_BYTES`](less_sync_auth::jwks::MAX_DOCUMENT_BYTES) read, complete within [`FetchMode::timeout`].
    ///
    /// # Errors
    /// [`KeySetError`] for anything but a complete document with status 200.
    async fn fetch(&self, url: &Url, mode: FetchMode) -> Result<FetchedKeySet, KeySetError>;
}

/// Urgency of a fetch, which sets its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchMode {
    /// A client waits for the result.
    Foreground,
    /// Refresh ahead of demand.
    Background,
}

impl FetchMode {
    /// Timeout of a fetch, from name resolution to the last byte.
    #[must_use]
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Foreground => Duration::from_secs(5),
            Self::Background => Duration::from_secs(10),
        }
    }
}

/// A fetched key set document, not parsed yet.
#[derive(Clone, Debug)]
pub struct FetchedKeySet {
    /// Response body.
    pub body: Bytes,
    /// `max-age` of the `Cache-Control` header, if present.
    pub max_age: Option<Duration>,
}

/// Failure to fetch a key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Connection failed or broke.
    #[error("key set endpoint is unreachable")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// Timeout of [`FetchMode`] exceeded.
    #[error("key set endpoint timed out")]
    TimedOut,
    /// Response status other than 200, redirects included.
    #[error("key set endpoint responded with status {0}")]
    Status(u16),
    /// The document is not a usable key set.
    #[error("key set endpoint responded with an invalid key set")]
    Invalid(#[from] KeySetInvalid),
}
