//! `less-sync identity`

use anyhow::{Context as _, anyhow};
use clap::Args;
use less_sync_client::crypto::Identity;
use less_sync_client::sharing::Address;
use less_sync_core::CanonicalDomain;

use crate::claims::Claims;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::output::{Output, write_bare};
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "The first call creates an identity in the key directory. Give the address to the person who invites you. It is not secret, but it must reach them unmodified."
)]
pub(crate) struct Arguments {
    /// Name of your server among its peers, for users of other servers: the host of its `FEDERATION_DOMAIN`
    #[arg(long, value_name = "SERVER")]
    at: Option<CanonicalDomain>,
}

/// Prints the address alone; as JSON, with its parts. Creates an identity the first time.
pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let keys = target.key_directory()?;
    let identity = keys.identity_or_create()?;
    let (_, claims) = target.token_of(&identity).await?;
    let mut address = address(&identity, &claims)?;
    if let Some(server) = &arguments.at {
        address = address.at(server.clone());
    }
    if json {
        let line = Fields::new()
            .with("did", address.did().as_str())
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

/// Address of the identity, with the mailbox named by its token.
fn address(identity: &Identity, claims: &Claims) -> Result<Address, Failure> {
    let none = || Failure::usage(anyhow!("the access token names no mailbox for invitations"));
    let mailbox = claims.mailbox_id.as_deref().and_then(|mailbox| mailbox.parse().ok()).ok_or_else(none)?;
    Ok(Address::new(identity.did(), mailbox).context("cannot form an address of the identity")?)
}
