//! `less-sync identity`

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_client::sharing::Address;

use crate::claims::Claims;
use crate::line::Line;
use crate::output::{Output, write_bare};
use crate::report::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "Hand the address to whoever shall invite you. It is no secret, but they must be sure that it is yours."
)]
pub(crate) struct Arguments {}

/// Prints one's address, alone, so that it can be handed on; as JSON, with its parts. The first time, an identity is
/// made.
pub(crate) async fn run(target: &Target, _arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_new()?;
    let (_, claims) = target.token_of(&identity).await?;
    let address = address(&identity, &claims)?;
    if json {
        let line = Line::new()
            .with("did", address.did())
            .with("mailbox", address.mailbox().to_hex())
            .with("address", address.to_string())
            .with("keys", keys.path().display().to_string());
        Output::new(true).write(&line)
    } else {
        write_bare(&address.to_string())
    }
    .context("cannot write the address")?;
    Ok(())
}

/// Where invitations for the holder of a token arrive.
fn address(identity: &Identity, claims: &Claims) -> Result<Address, Failure> {
    let none = || Failure::usage(anyhow!("the access token names no mailbox, so nobody can invite you"));
    let mailbox = claims.mailbox_id.as_deref().and_then(|mailbox| mailbox.parse().ok()).ok_or_else(none)?;
    Ok(Address::new(identity.did(), mailbox).context("the identity has no address")?)
}
