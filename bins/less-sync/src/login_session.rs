//! Stored login of a server: its access token, renewed before it expires.

use std::time::Duration;

use anyhow::Context as _;
use less_sync_client::{AccessToken, IssuerClient, IssuerError, IssuerTokens};
use less_sync_keystore::{KeyDirectory, StoredLogin};

use crate::advised::advised;
use crate::clock::timestamp;

/// Client id of the toolbox.
pub(crate) const CLIENT: &str = "less-sync";

/// Remaining lifetime at which a token is renewed, as in the SDK (auth §2.3).
const RENEWAL: Duration = Duration::from_mins(5);

/// Login for one server, in the key directory. Read again before every use: another process may have renewed it.
#[derive(Clone, Debug)]
pub(crate) struct LoginSession {
    directory: KeyDirectory,
    server: String,
}

impl LoginSession {
    /// Login for the server with this base URL; `None` without one.
    pub(crate) fn find(directory: KeyDirectory, server: &str) -> anyhow::Result<Option<Self>> {
        let found = directory.login(server)?.is_some();
        Ok(found.then(|| Self { directory, server: server.to_owned() }))
    }

    /// Access token that is valid for some time.
    pub(crate) async fn token(&self) -> anyhow::Result<AccessToken> {
        let login = self.directory.login(&self.server)?.context("the login was removed")?;
        let access = AccessToken::from(login.access_token.as_str());
        let now = timestamp();
        if login.expires_at().since(now) > RENEWAL {
            return Ok(access);
        }
        match renew(&login).await {
            Ok(tokens) => {
                save(&self.directory, &login.server, &login.issuer, &login.client, &tokens)?;
                Ok(tokens.access)
            }
            // An unreachable issuer ends nothing while the token is valid.
            Err(error) if login.expires_at() > now && !is_denied(&error) => Ok(access),
            Err(error) => {
                let text = format!("the login at {} cannot be renewed", login.issuer);
                let step = "log in again: less-sync login";
                Err(if is_denied(&error) { advised(text, step) } else { error.context(text) })
            }
        }
    }
}

async fn renew(login: &StoredLogin) -> anyhow::Result<IssuerTokens> {
    let refresh = login.refresh_token.as_deref().map(AccessToken::from);
    let refresh =
        refresh.ok_or_else(|| IssuerError::Denied("the issuer gave no refresh token".to_owned()))?;
    let issuer = IssuerClient::discover(&login.issuer).await?;
    let mut tokens = issuer.refresh(&refresh, &login.client, None).await?;
    tokens.refresh = tokens.refresh.or(Some(refresh));
    Ok(tokens)
}

fn is_denied(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(IssuerError::Denied(_)))
}

/// Stores the tokens of a login.
pub(crate) fn save(
    directory: &KeyDirectory,
    server: &str,
    issuer: &str,
    client: &str,
    tokens: &IssuerTokens,
) -> anyhow::Result<()> {
    let login = StoredLogin {
        server: server.to_owned(),
        issuer: issuer.to_owned(),
        client: client.to_owned(),
        access_token: tokens.access.expose().to_owned(),
        expires_at: timestamp().plus(tokens.expires_in).seconds(),
        refresh_token: tokens.refresh.as_ref().map(|token| token.expose().to_owned()),
    };
    Ok(directory.save_login(login)?)
}
