//! `less-sync token`

use anyhow::Context as _;
use clap::Args;

use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, write_bare};
use crate::target::Target;
use less_sync_client::TokenRequest;

#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Scopes of the token, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// Validity of the token, in seconds
    #[arg(long)]
    ttl: Option<u64>,
    /// did:key of an identity, the audience of the UCANs of shared spaces
    #[arg(long)]
    did: Option<String>,
    /// Mailbox id for invitations: 64 hexadecimal digits
    #[arg(long)]
    mailbox: Option<String>,
}

/// Prints a token alone, so that `less-sync token > file` creates a file for `--token @file`; as JSON, with its expiry and
/// personal space.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let Arguments { scope, ttl, did, mailbox } = arguments.clone();
    let request = TokenRequest { scope, ttl, did, mailbox, ..target.token_request() };
    let issued = target.dev_tokens()?.issue(&request).await?;
    let token = issued.token.expose();
    let output = Output::new(json);
    if json {
        let line = Fields::new().with("token", token).with("expires_at", issued.expires_at.seconds());
        output.write(&line.with("personal_space", issued.personal_space.to_string()))
    } else {
        write_bare(token)
    }
    .context("cannot write the token")?;
    Ok(())
}
