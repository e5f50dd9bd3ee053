//! Access tokens and where they come from.

use std::fmt;

use async_trait::async_trait;

/// An access token; shown to nobody but the server.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// The text, to be sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AccessToken {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for AccessToken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// No token to be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenUnavailable {
    /// Not now; asked again after the back-off.
    #[error("no access token at the moment")]
    Later(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Never again without the user, so there is no point in dialling.
    #[error("no access token without signing in again")]
    SignedOut,
}

/// A source of access tokens, asked before every dial.
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// A token that is valid for a while yet.
    ///
    /// # Errors
    /// There is none, now or for good.
    async fn token(&self) -> Result<AccessToken, TokenUnavailable>;
}

/// The same token every time.
#[async_trait]
impl TokenProvider for AccessToken {
    async fn token(&self) -> Result<AccessToken, TokenUnavailable> {
        Ok(self.clone())
    }
}
