//! Which server, and who we are there.

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::{Auth, Connection, Dialer, Options};
use less_sync_core::SpaceId;

use crate::dev_token::{DevTokens, Wish};
use crate::report::Failure;
use crate::server_url::ServerUrl;
use crate::token_source::TokenSource;

/// Flags that every command has.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// Address of the server
    #[arg(
        long,
        global = true,
        env = "LESS_SYNC_URL",
        default_value = "http://127.0.0.1:5379/api/v1",
        value_parser = ServerUrl::parse,
    )]
    pub(crate) url: ServerUrl,
    /// Access token, or @FILE that holds it [default: asked of the development server]
    #[arg(long, global = true, env = "LESS_SYNC_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Whose token to ask the development server for
    #[arg(long, global = true)]
    pub(crate) user: Option<String>,
    /// For which app
    #[arg(long, global = true)]
    pub(crate) client: Option<String>,
}

/// The space a command works in.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpaceArgument {
    /// The space [default: the personal space of the token]
    #[arg(long)]
    pub(crate) space: Option<SpaceId>,
}

/// An open connection and the space to work in.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) space: SpaceId,
}

impl Target {
    /// Whose token to ask for, where tokens are given to everybody.
    pub(crate) fn wish(&self) -> Wish {
        Wish { user: self.user.clone(), client: self.client.clone(), ..Wish::default() }
    }

    /// The token route; only ever of this machine.
    pub(crate) fn dev_tokens(&self) -> Result<DevTokens, Failure> {
        if self.url.is_loopback() {
            return Ok(DevTokens::new(&self.url)?);
        }
        Err(Failure::usage(anyhow!("no access token: give --token, --token @FILE or LESS_SYNC_TOKEN")))
    }

    pub(crate) fn token_source(&self) -> Result<TokenSource, Failure> {
        let asks = self.user.is_some() || self.client.is_some();
        match self.token.as_deref().filter(|text| !text.trim().is_empty()) {
            Some(_) if asks => Err(Failure::usage(anyhow!("--user and --client go without --token"))),
            Some(text) => Ok(TokenSource::parse(text)),
            None => Ok(TokenSource::Dev { tokens: self.dev_tokens()?, wish: self.wish() }),
        }
    }

    pub(crate) fn dialer(&self, options: Options) -> Result<Dialer, Failure> {
        let endpoint = self.url.endpoint().map_err(Failure::usage)?;
        Ok(Dialer::new(endpoint).with_options(options))
    }

    /// Dials once, without another try.
    pub(crate) async fn open(&self, space: &SpaceArgument) -> Result<Opened, Failure> {
        let (token, personal) = self.token_source()?.token_and_space().await?;
        let space = choose(space, personal)?;
        let dialer = self.dialer(Options::default())?;
        let dialled = dialer.dial(Auth::Token(token)).await;
        let (connection, _unheard) =
            dialled.with_context(|| format!("cannot reach {}", dialer.endpoint()))?;
        Ok(Opened { connection, space })
    }
}

/// The space that was asked for, or else the personal one.
pub(crate) fn choose(asked: &SpaceArgument, personal: Option<SpaceId>) -> Result<SpaceId, Failure> {
    asked
        .space
        .or(personal)
        .ok_or_else(|| Failure::usage(anyhow!("the token names no personal space: give --space")))
}
