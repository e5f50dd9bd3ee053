//! Access tokens and their providers.

use std::fmt;

use async_trait::async_trait;

/// Access token; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// Token text, for sending.
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

/// Failure to provide an access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenUnavailable {
    /// Temporary failure; retried after the back-off.
    #[error("no access token at the moment")]
    Later(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Permanent failure: the user has to sign in again.
    #[error("no access token without signing in again")]
    SignedOut,
}

/// Provider of access tokens, called before every dial.
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// Provides a token that is valid for some time.
    ///
    /// # Errors
    /// See [`TokenUnavailable`].
    async fn token(&self) -> Result<AccessToken, TokenUnavailable>;
}

/// Provider of one fixed token.
#[async_trait]
impl TokenProvider for AccessToken {
    async fn token(&self) -> Result<AccessToken, TokenUnavailable> {
        Ok(self.clone())
    }
}
