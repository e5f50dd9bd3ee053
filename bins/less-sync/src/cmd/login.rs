//! `less-sync login` and `less-sync logout`

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::{IssuerClient, IssuerTokens, PasswordLogin};
use less_sync_process::read_password;

use crate::claims;
use crate::clock::timestamp;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::login_session::{self, CLIENT};
use crate::output::Output;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "The password is read from the terminal, or from standard input. The login is stored in the key directory, and commands for the same --url use and renew it."
)]
pub(crate) struct Arguments {
    /// URL of the issuer, as in `TRUSTED_ISSUERS` of the server
    issuer: String,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArguments {}

/// Logs in, and stores the tokens. The identity of the key directory is created by the first login.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let user = target.user.as_deref().ok_or_else(|| Failure::usage(anyhow!("--user is required")))?;
    let client = target.client.as_deref().unwrap_or(CLIENT);
    let directory = target.key_directory()?;
    let identity = directory.identity_or_create()?;
    let issuer = IssuerClient::discover(&arguments.issuer).await.context("cannot find the issuer")?;
    let password = read_password(&format!("Password of {user}")).context("cannot read the password")?;
    let login = PasswordLogin { user, password: &password, client, identity: &identity, now: timestamp() };
    let mut tokens = issuer.log_in(&login).await.context("cannot log in")?;
    // The mailbox id is derived from issuer and user (auth §4.2), which only a first token names.
    let claims = claims::decode(&tokens.access);
    if let (Some(refresh), Some(user)) = (&tokens.refresh, &claims.user) {
        let mailbox = identity.mailbox(issuer.issuer(), user);
        let named = issuer.refresh(refresh, client, Some(&mailbox)).await;
        let IssuerTokens { access, expires_in, refresh } = named.context("cannot register the mailbox")?;
        // An issuer may keep its refresh token.
        tokens = IssuerTokens { access, expires_in, refresh: refresh.or(tokens.refresh) };
    }
    let server = target.url.base();
    login_session::save(&directory, server, issuer.issuer(), client, &tokens)?;
    let personal_space = claims::personal_space(&tokens.access);
    let line = Fields::new().with("user", user).with("server", server).with("issuer", issuer.issuer());
    let line = match personal_space {
        Some(space) => line.with("personal_space", space.to_string()),
        None => line,
    };
    Ok(Output::new(json).write(&line).context("cannot write to standard output")?)
}

/// Removes the login for the server.
pub(crate) fn log_out(target: &Target, _arguments: &LogoutArguments, json: bool) -> Result<(), Failure> {
    let removed = target.key_directory()?.remove_login(target.url.base())?;
    let line = Fields::new().with("server", target.url.base()).with("removed", removed);
    Ok(Output::new(json).write(&line).context("cannot write to standard output")?)
}
