//! Reassignment of a DID or a mailbox to another issuer.

use anyhow::{Context as _, ensure};
use less_sync_auth::{TrustedIssuer, did_key};
use less_sync_core::MailboxId;
use less_sync_storage::BoundId;

use super::arguments::{Connection, ReassignArguments};
use super::{database, output};
use crate::config::{Config, Sources, Values};
use crate::exit_error::ExitError;
use crate::store::Store;

/// Binds the DID or mailbox of `arguments` to the issuer that they name.
pub(super) async fn reassign(
    connection: &Connection,
    environment: &Values,
    arguments: &ReassignArguments,
) -> Result<(), ExitError> {
    let id = identity(arguments).map_err(ExitError::usage)?;
    let issuer = TrustedIssuer::parse(&arguments.issuer).context("invalid issuer").map_err(ExitError::usage)?;
    let url = database::address(connection, environment).map_err(ExitError::usage)?;
    let mut sources = Sources::from_environment(environment.clone());
    sources.flags.insert("DATABASE_URL".to_owned(), url);
    let (database, _) = Config::read_stores(&sources).map_err(ExitError::usage)?;
    let store = Store::open(&database).await?;
    let reassigned = store.storage().reassign_issuer(id, issuer.issuer()).await;
    store.close().await;
    reassigned.context("cannot reassign the issuer")?;
    output::print("reassigned; running servers follow within 30 s")
}

fn identity(arguments: &ReassignArguments) -> anyhow::Result<BoundId> {
    match (&arguments.did, &arguments.mailbox) {
        (Some(did), _) => {
            ensure!(did_key::decode(did).is_ok(), "not the did:key of a P-256 key: {did}");
            Ok(BoundId::did(did))
        }
        (None, Some(mailbox)) => Ok(BoundId::mailbox(mailbox.parse::<MailboxId>()?)),
        (None, None) => anyhow::bail!("give --did or --mailbox"),
    }
}
