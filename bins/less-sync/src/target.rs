//! Server and user of a command: global flags, access tokens, connections.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use clap::Args;
use less_sync_client::crypto::{DecryptionError, Identity};
use less_sync_client::{
    AccessToken, Auth, Change, Connection, DevTokenClient, Dialer, Options, PullSpace, RecordRow, ServerUrl,
    TokenRequest,
};
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_keystore::{KeyDirectory, KeystoreError};

use crate::advised::advised;
use crate::claims::{self, Claims};
use crate::durability::directory_sync;
use crate::failure::Failure;
use crate::login_session::LoginSession;
use crate::shared_space::SharedSpace;
use crate::space_keys::{self, PersonalKeys, SpaceKeys};
use crate::token_source::TokenSource;

/// Heading of the shared options in the help.
pub(crate) const HEADING: &str = "Shared options";

/// Global flags.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Target {
    /// URL of the server
    #[arg(
        long,
        global = true,
        env = "LESS_SYNC_URL",
        default_value = "http://127.0.0.1:5379/api/v1",
        value_parser = ServerUrl::parse,
    )]
    pub(crate) url: ServerUrl,
    /// Access token, or @FILE that contains it [default: that of the login, or one of the development server]
    #[arg(long, global = true, env = "LESS_SYNC_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// User name of a login, or user id of the token requested from the development server
    #[arg(long, global = true)]
    pub(crate) user: Option<String>,
    /// Client id of a login, or of the token requested from the development server
    #[arg(long, global = true)]
    pub(crate) client: Option<String>,
    /// Directory of your identity and your keys [default: less-sync/keys in the XDG data directory]
    #[arg(long, global = true, env = "LESS_SYNC_KEYS", value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// Argument of commands that work in one space.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpaceArgument {
    /// Id of the space [default: the personal space of the token]
    #[arg(long)]
    pub(crate) space: Option<SpaceId>,
}

/// Open connection, and the space of the command.
pub(crate) struct SpaceConnection {
    pub(crate) connection: Connection,
    pub(crate) space: SpaceId,
    pub(crate) keys: SpaceKeys,
    /// True if records are sent and shown as they are stored, without encryption.
    pub(crate) is_plain: bool,
}

impl SpaceConnection {
    /// Prepares writing, unless records are sent as they are.
    pub(crate) async fn prepare_writing(&mut self) -> anyhow::Result<()> {
        if !self.is_plain {
            self.keys.prepare_writing(&self.connection).await?;
        }
        Ok(())
    }

    /// Change that writes `content`, encrypted unless records are sent as they are.
    pub(crate) fn seal(&self, id: RecordId, expected: Cursor, content: Bytes) -> anyhow::Result<Change> {
        if self.is_plain {
            return Ok(Change::update(id, expected, content));
        }
        self.keys.seal(id, expected, &content)
    }

    /// Record with its decrypted content; tombstones, and records shown as they are stored, unchanged.
    pub(crate) fn read(&self, row: &RecordRow) -> Result<RecordRow, DecryptionError> {
        if self.is_plain { Ok(row.clone()) } else { space_keys::open(self.keys.ring(), row) }
    }

    /// Pull of the space from `since`, exclusive.
    pub(crate) fn pull_space(&self, since: Cursor) -> PullSpace {
        let ucan = self.keys.access().ucan.map(str::to_owned);
        PullSpace { ucan, ..PullSpace::from(self.space, since) }
    }
}

/// Open connection authenticated as an identity.
pub(crate) struct IdentityConnection {
    pub(crate) connection: Connection,
    pub(crate) claims: Claims,
}

impl Target {
    /// User of a development server, with a key directory.
    pub(crate) fn development(url: ServerUrl, user: &str, keys: PathBuf) -> Self {
        Self { url, token: None, user: Some(user.to_owned()), client: None, keys: Some(keys) }
    }

    /// The same user at another server.
    pub(crate) fn at(&self, url: ServerUrl) -> Self {
        Self { url, ..self.clone() }
    }

    /// Token of the command line or the environment, as it is.
    pub(crate) fn given_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same target, with a token from the environment left out if the variable is set to nothing.
    pub(crate) fn without_empty_token(self) -> Self {
        Self { token: self.token.filter(|text| !text.trim().is_empty()), ..self }
    }

    /// Token request for the user and client of the command line.
    pub(crate) fn token_request(&self) -> TokenRequest {
        TokenRequest { user: self.user.clone(), client: self.client.clone(), ..TokenRequest::default() }
    }

    /// Client of the token route, for servers on this machine only.
    pub(crate) fn dev_tokens(&self) -> Result<DevTokenClient, Failure> {
        if self.url.is_loopback() {
            return Ok(DevTokenClient::new(&self.url)?);
        }
        Err(Failure::usage(anyhow!(
            "no access token: log in with less-sync login, or give --token, --token @FILE or LESS_SYNC_TOKEN"
        )))
    }

    /// Source of access tokens of the command line.
    pub(crate) fn token_source(&self) -> Result<TokenSource, Failure> {
        let names_user = self.user.is_some() || self.client.is_some();
        match self.given_token() {
            Some(_) if names_user => {
                Err(Failure::usage(anyhow!("--user and --client cannot be combined with --token")))
            }
            Some(text) => TokenSource::parse(text).map_err(Failure::usage),
            None if names_user => self.dev_token_source(),
            None => match self.login_session()? {
                Some(session) => Ok(TokenSource::Login(session)),
                None => self.dev_token_source(),
            },
        }
    }

    fn dev_token_source(&self) -> Result<TokenSource, Failure> {
        Ok(TokenSource::Dev { tokens: self.dev_tokens()?, request: Box::new(self.token_request()) })
    }

    /// Login for the server of the command line.
    fn login_session(&self) -> Result<Option<LoginSession>, Failure> {
        // Without a home there is no default directory, and so no login.
        let Ok(directory) = self.key_directory() else { return Ok(None) };
        Ok(LoginSession::find(directory, self.url.base())?)
    }

    /// Source of access tokens for `identity`; tokens of a development server name it.
    pub(crate) fn token_source_of(&self, identity: &Identity) -> Result<TokenSource, Failure> {
        match self.token_source()? {
            TokenSource::Dev { tokens, mut request } => {
                request.did = Some(identity.did().as_str().to_owned());
                Ok(TokenSource::Dev { tokens, request })
            }
            other @ (TokenSource::Given(_) | TokenSource::File(_) | TokenSource::Login(_)) => Ok(other),
        }
    }

    /// Key directory of the command line, or the default one.
    pub(crate) fn key_directory(&self) -> Result<KeyDirectory, Failure> {
        let path = self.keys.clone().or_else(KeyDirectory::default_path);
        let path = path.ok_or_else(|| anyhow!("no default key directory without a home: give --keys DIR"));
        path.map(|path| KeyDirectory::new(path, directory_sync())).map_err(Failure::usage)
    }

    /// Dialer with the key of the key directory, if there is one: it settles which issuer may name its DID (auth §2.7).
    pub(crate) fn dialer(&self, options: Options) -> Result<Dialer, Failure> {
        let endpoint = self.url.endpoint().map_err(Failure::usage)?;
        let dialer = Dialer::new(endpoint).with_options(options);
        // Without a readable key the token alone decides. Commands that need the key report why it cannot be read.
        let identity = self.key_directory().ok().and_then(|directory| directory.identity().ok()?);
        Ok(match identity {
            Some(identity) => dialer.with_identity(Arc::new(identity)),
            None => dialer,
        })
    }

    /// Dials once, without retries. For a shared space, fetches its current key.
    ///
    /// # Errors
    /// The space is neither the personal space of the token nor a shared space of the key directory.
    pub(crate) async fn open(&self, argument: &SpaceArgument) -> Result<SpaceConnection, Failure> {
        let directory = self.key_directory()?;
        let shared = match argument.space {
            Some(space) => SharedSpace::find(&directory, space)?,
            None => None,
        };
        if let Some(mut shared) = shared {
            let connection = self.open_as(&shared.identity).await?.connection;
            shared.catch_up(&connection).await?;
            return Ok(SpaceConnection {
                connection,
                space: shared.space(),
                keys: SpaceKeys::Shared(Box::new(shared)),
                is_plain: false,
            });
        }
        let (token, space) = self.personal(argument, &directory).await?;
        let keys = SpaceKeys::Personal(PersonalKeys::load(directory, space)?);
        Ok(SpaceConnection { connection: self.dial(token).await?, space, keys, is_plain: false })
    }

    /// As [`Target::open`], for a space whose records are sent and shown as they are stored.
    ///
    /// # Errors
    /// The space is a shared one of the key directory, whose records are always encrypted.
    pub(crate) async fn open_plain(&self, argument: &SpaceArgument) -> Result<SpaceConnection, Failure> {
        let directory = self.key_directory()?;
        if let Some(space) = argument.space
            && directory.space(space)?.is_some()
        {
            return Err(Failure::usage(anyhow!("--plain is for personal spaces: {space} is a shared one")));
        }
        let (token, personal) = self.token_source()?.token_and_space().await?;
        let space = space_or_personal(argument, personal)?;
        let keys = SpaceKeys::Personal(PersonalKeys::load(directory, space)?);
        Ok(SpaceConnection { connection: self.dial(token).await?, space, keys, is_plain: true })
    }

    /// Token, and the personal space of its user, which the argument may name.
    async fn personal(
        &self,
        argument: &SpaceArgument,
        directory: &KeyDirectory,
    ) -> Result<(AccessToken, SpaceId), Failure> {
        let (token, personal) = self.token_source()?.token_and_space().await?;
        let space = space_or_personal(argument, personal)?;
        if personal.is_some_and(|personal| personal != space) {
            return Err(KeystoreError::UnknownSpace { space, directory: directory.path().to_owned() }.into());
        }
        Ok((token, space))
    }

    /// Personal space of the argument or of the token, without a connection.
    pub(crate) async fn personal_space(&self, argument: &SpaceArgument) -> Result<SpaceId, Failure> {
        match argument.space {
            Some(space) => Ok(space),
            None => space_or_personal(argument, self.token_source()?.token_and_space().await?.1),
        }
    }

    /// Dials once as `identity`, with its mailbox.
    pub(crate) async fn open_as(&self, identity: &Identity) -> Result<IdentityConnection, Failure> {
        let (token, claims) = self.token_of(identity).await?;
        Ok(IdentityConnection { connection: self.dial(token).await?, claims })
    }

    /// Access token that names `identity` and its mailbox, with its claims.
    ///
    /// # Errors
    /// The token of the command line names another identity.
    pub(crate) async fn token_of(&self, identity: &Identity) -> Result<(AccessToken, Claims), Failure> {
        let mut source = self.token_source_of(identity)?;
        let (mut token, _) = source.token_and_space().await?;
        let mut claims = claims::decode(&token);
        if let TokenSource::Dev { request, .. } = &mut source {
            // The mailbox id is derived from issuer and user (auth §2.3), which only a first token names.
            let (issuer, user) = (claims.issuer.unwrap_or_default(), claims.user.unwrap_or_default());
            request.mailbox = Some(identity.mailbox(&issuer, &user).to_hex());
            (token, _) = source.token_and_space().await?;
            claims = claims::decode(&token);
        }
        check_identity(&claims, identity)?;
        Ok((token, claims))
    }

    async fn dial(&self, token: AccessToken) -> Result<Connection, Failure> {
        let dialer = self.dialer(Options::default())?;
        let dialled = dialer.dial(Auth::Token(token)).await;
        let (connection, _events) = dialled.with_context(|| format!("cannot reach {}", dialer.endpoint()))?;
        Ok(connection)
    }
}

/// Rejects a token of another identity: the server would reject every call in a shared space (auth §6.3).
fn check_identity(claims: &Claims, identity: &Identity) -> Result<(), Failure> {
    if claims.did.as_deref() == Some(identity.did().as_str()) {
        return Ok(());
    }
    let named = claims.did.as_deref().unwrap_or("no identity");
    let text = format!("the access token is for {named}, but your keys are for {}", identity.did().as_str());
    Err(Failure::usage(advised(
        text,
        "give the keys of that user with --keys, or another token with --token",
    )))
}

/// Space of the argument, or the personal one.
pub(crate) fn space_or_personal(
    argument: &SpaceArgument,
    personal: Option<SpaceId>,
) -> Result<SpaceId, Failure> {
    argument.space.or(personal).ok_or_else(|| {
        Failure::usage(anyhow!(
            "the token names no valid personal space (claim personal_space_id): give --space"
        ))
    })
}
