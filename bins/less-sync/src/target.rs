//! Which server, and who we are there.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_client::{AccessToken, Auth, Connection, Dialer, Options, PullSpace};
use less_sync_core::{Cursor, SpaceId};

use crate::claims::{self, Claims};
use crate::dev_token::{DevTokens, Wish};
use crate::keys::KeyDirectory;
use crate::report::Failure;
use crate::server_url::ServerUrl;
use crate::shared::Shared;
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
    /// Directory with your identity and the keys of your shared spaces [default: below the XDG data directory]
    #[arg(long, global = true, env = "LESS_SYNC_KEYS", value_name = "DIR")]
    keys: Option<PathBuf>,
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
    /// The keys and rights for a space that we share; what is pushed and pulled there is encrypted.
    pub(crate) shared: Option<Shared>,
}

impl Opened {
    /// The space from `since` on, as it is pulled.
    pub(crate) fn pull_space(&self, since: Cursor) -> PullSpace {
        match &self.shared {
            Some(shared) => shared.pull_space(since),
            None => PullSpace::from(self.space, since),
        }
    }
}

/// An open connection of an identity.
pub(crate) struct Insider {
    pub(crate) connection: Connection,
    pub(crate) claims: Claims,
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
            None => Ok(TokenSource::Dev { tokens: self.dev_tokens()?, wish: Box::new(self.wish()) }),
        }
    }

    /// Tokens of this identity.
    ///
    /// # Errors
    /// The token that was given belongs to another one.
    pub(crate) fn token_source_of(&self, identity: &Identity) -> Result<TokenSource, Failure> {
        match self.token_source()? {
            TokenSource::Dev { tokens, mut wish } => {
                wish.did = Some(identity.did().to_owned());
                Ok(TokenSource::Dev { tokens, wish })
            }
            other @ (TokenSource::Given(_) | TokenSource::File(_)) => Ok(other),
        }
    }

    /// Where keys are.
    pub(crate) fn key_directory(&self) -> Result<KeyDirectory, Failure> {
        KeyDirectory::choose(self.keys.as_deref())
    }

    pub(crate) fn dialer(&self, options: Options) -> Result<Dialer, Failure> {
        let endpoint = self.url.endpoint().map_err(Failure::usage)?;
        Ok(Dialer::new(endpoint).with_options(options))
    }

    /// Dials once, without another try. In a space that is among the keys, with what it takes to read and write it.
    pub(crate) async fn open(&self, asked: &SpaceArgument) -> Result<Opened, Failure> {
        let shared = match asked.space {
            Some(space) => Shared::find(&self.key_directory()?, space)?,
            None => None,
        };
        if let Some(mut shared) = shared {
            let connection = self.open_as(&shared.identity).await?.connection;
            shared.catch_up(&connection).await?;
            return Ok(Opened { connection, space: shared.space(), shared: Some(shared) });
        }
        let (token, personal) = self.token_source()?.token_and_space().await?;
        let space = choose(asked, personal)?;
        Ok(Opened { connection: self.dial(token).await?, space, shared: None })
    }

    /// Dials once, as this identity and with its mailbox.
    pub(crate) async fn open_as(&self, identity: &Identity) -> Result<Insider, Failure> {
        let (token, claims) = self.token_of(identity).await?;
        Ok(Insider { connection: self.dial(token).await?, claims })
    }

    /// A token that names this identity and its mailbox, and what it says.
    pub(crate) async fn token_of(&self, identity: &Identity) -> Result<(AccessToken, Claims), Failure> {
        let mut source = self.token_source_of(identity)?;
        let (mut token, _) = source.token_and_space().await?;
        let mut claims = claims::read(&token);
        if let TokenSource::Dev { wish, .. } = &mut source {
            // The mailbox depends on the user, whom the first token names (auth §2.3).
            let (issuer, user) = (claims.issuer.unwrap_or_default(), claims.user.unwrap_or_default());
            wish.mailbox = Some(identity.mailbox(&issuer, &user).to_hex());
            (token, _) = source.token_and_space().await?;
            claims = claims::read(&token);
        }
        check_identity(&claims, identity)?;
        Ok((token, claims))
    }

    async fn dial(&self, token: AccessToken) -> Result<Connection, Failure> {
        let dialer = self.dialer(Options::default())?;
        let dialled = dialer.dial(Auth::Token(token)).await;
        let (connection, _unheard) =
            dialled.with_context(|| format!("cannot reach {}", dialer.endpoint()))?;
        Ok(connection)
    }
}

/// The server lets nobody into a shared space whose token names somebody else (auth §6.3).
pub(crate) fn check_identity(claims: &Claims, identity: &Identity) -> Result<(), Failure> {
    if claims.did.as_deref() == Some(identity.did()) {
        return Ok(());
    }
    let named = claims.did.as_deref().unwrap_or("nobody");
    let error = anyhow!("the access token is for {named}, and your keys are those of {}", identity.did());
    Err(Failure::usage(error))
}

/// The space that was asked for, or else the personal one.
pub(crate) fn choose(asked: &SpaceArgument, personal: Option<SpaceId>) -> Result<SpaceId, Failure> {
    asked
        .space
        .or(personal)
        .ok_or_else(|| Failure::usage(anyhow!("the token names no personal space: give --space")))
}
