//! Sources of access tokens: the command line, a file, a login, or a development server.

use std::path::PathBuf;

use anyhow::Context as _;
use async_trait::async_trait;
use less_sync_client::{AccessToken, DevTokenClient, TokenProvider, TokenRequest, TokenUnavailable};
use less_sync_core::SpaceId;

use crate::claims;
use crate::login_session::LoginSession;

/// Source of tokens, read before every dial, so that the file may be replaced and the development server restarted.
#[derive(Clone, Debug)]
pub(crate) enum TokenSource {
    Given(AccessToken),
    File(PathBuf),
    Login(LoginSession),
    Dev { tokens: DevTokenClient, request: Box<TokenRequest> },
}

impl TokenSource {
    /// Parses the `--token` argument: a token, or `@` and the path of a file that contains it.
    ///
    /// # Errors
    /// The text can be no token.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None => Self::Given(claims::access_token(text, "of --token or LESS_SYNC_TOKEN")?),
        })
    }

    /// Reads a token and its personal space; `None` if the token does not name one.
    pub(crate) async fn token_and_space(&self) -> anyhow::Result<(AccessToken, Option<SpaceId>)> {
        let token = match self {
            Self::Given(token) => token.clone(),
            Self::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.with_context(|| format!("cannot read the token in {}", path.display()))?;
                claims::access_token(&text, &format!("in {}", path.display()))?
            }
            Self::Login(session) => session.token().await?,
            Self::Dev { tokens, request } => {
                let issued = tokens.issue(request).await?;
                return Ok((issued.token, Some(issued.personal_space)));
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
