//! `bind`: binds a DID or a mailbox to an issuer (auth §2.7).

use std::process::ExitCode;

use anyhow::Context as _;
use less_sync_storage::BindingKey;

use super::arguments::{BindArguments, Connection};
use super::database::sources;
use super::output::print;
use crate::config::Values;
use crate::exit_error::ExitError;
use crate::offline_store;

/// Binds the id of the command line to its issuer. The schema must be current; a SQLite database must not be in use.
pub(super) async fn bind(
    connection: &Connection,
    environment: &Values,
    arguments: &BindArguments,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let store = offline_store::open(&sources).await?;
    let (id, issuer) = (&arguments.id, arguments.issuer.issuer());
    let keys = [id.did.as_ref().map(BindingKey::of_did), id.mailbox.map(BindingKey::of_mailbox)];
    let mut outcome = Ok(());
    for key in keys.into_iter().flatten() {
        outcome = store.storage().rebind_issuer(key, issuer).await.context("failed to write the binding");
    }
    store.close().await;
    outcome?;
    print(&format!("bound to {issuer}"))?;
    Ok(ExitCode::SUCCESS)
}
