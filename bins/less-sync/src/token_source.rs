//! Where access tokens come from: the command line, a file, or a development server.

use std::path::PathBuf;

use anyhow::Context as _;
use async_trait::async_trait;
use less_sync_client::{AccessToken, TokenProvider, TokenUnavailable};
use less_sync_core::SpaceId;

use crate::claims;
use crate::dev_token::{DevTokens, Wish};

/// Asked before every dial, so that a file may be replaced and a development server may start anew.
#[derive(Clone, Debug)]
pub(crate) enum TokenSource {
    Given(AccessToken),
    File(PathBuf),
    Dev { tokens: DevTokens, wish: Box<Wish> },
}

impl TokenSource {
    /// A text, or `@` and the name of a file that holds it.
    pub(crate) fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None => Self::Given(text.trim().into()),
        }
    }

    /// A token, and the personal space that belongs to it as far as anybody says.
    pub(crate) async fn token_and_space(&self) -> anyhow::Result<(AccessToken, Option<SpaceId>)> {
        let token = match self {
            Self::Given(token) => token.clone(),
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.with_context(|| format!("cannot read the token in {}", path.display()))?;
                text.trim().into()
            }
            Self::Dev { tokens, wish } => {
                let granted = tokens.grant(wish).await?;
                return Ok((granted.token, Some(granted.personal_space)));
            }
        };
        let space = claims::personal_space(&token);
        Ok((token, space))
    }
}

#[async_trait]
impl TokenProvider for TokenSource {
    async fn token(&self) -> Result<AccessToken, TokenUnavailable> {
        let token = self.token_and_space().await.map_err(|error| TokenUnavailable::Later(error.into()))?;
        Ok(token.0)
    }
}
