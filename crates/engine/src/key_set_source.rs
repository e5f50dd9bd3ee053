//! The port through which key sets of issuers are fetched.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_auth::jwks::KeySetInvalid;
use url::Url;

/// Fetches key set documents over the network (auth §3.3).
#[async_trait]
pub trait KeySetSource: Send + Sync {
    /// One GET of `url`: no redirects, no credentials, no more than
    /// [`MAX_DOCUMENT_BYTES`](less_sync_auth::jwks::MAX_DOCUMENT_BYTES) read, done within [`FetchMode::timeout`].
    ///
    /// # Errors
    /// [`KeySetError`] for anything but a whole document with status 200.
    async fn fetch(&self, url: &Url, how: FetchMode) -> Result<FetchedKeySet, KeySetError>;
}

/// Whether somebody is waiting for the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchMode {
    /// A client is.
    Foreground,
    /// Nobody is.
    Background,
}

impl FetchMode {
    /// How long a fetch may take, from the look-up of the name to the last byte.
    #[must_use]
    pub const fn timeout(self) -> Duration {
        match self {
            Self::Foreground => Duration::from_secs(5),
            Self::Background => Duration::from_secs(10),
        }
    }
}

/// A document as it came.
#[derive(Clone, Debug)]
pub struct FetchedKeySet {
    /// The body.
    pub body: Bytes,
    /// `max-age` of `Cache-Control`, if it was sent.
    pub max_age: Option<Duration>,
}

/// Failure to get a key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// No connection, or it broke.
    #[error("key set endpoint cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The endpoint took too long.
    #[error("key set endpoint did not answer in time")]
    TimedOut,
    /// A status other than 200; redirects count as such.
    #[error("key set endpoint answered with status {0}")]
    Status(u16),
    /// What came is not a usable key set.
    #[error("key set endpoint answered with something unusable")]
    Invalid(#[from] KeySetInvalid),
}
