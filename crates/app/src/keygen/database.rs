//! Settings and database of the key generator.

use std::sync::Arc;

use anyhow::anyhow;
use less_sync_auth::federation::sealing::SealingKey;
use less_sync_storage::Storage;

use super::arguments::Connection;
use crate::config::{Config, Sources, Values};
use crate::exit_error::ExitError;
use crate::offline_store::{self, given_address};
use crate::store::Store;

/// Settings of the environment, the config file and the command line.
pub(super) fn sources(connection: &Connection, environment: &Values) -> anyhow::Result<Sources> {
    let mut sources = Sources::from_environment(environment.clone());
    if let Some(file) = &connection.config {
        sources.add_file(file)?;
    }
    if let Some(given) = &connection.database_url {
        sources.flags.insert("DATABASE_URL".to_owned(), given_address(given)?);
    }
    Ok(sources)
}

/// Key that seals seeds, if one is set.
pub(super) fn sealing(sources: &Sources) -> Result<Option<Arc<SealingKey>>, ExitError> {
    Config::read_sealing_key(sources).map_err(ExitError::usage)
}

/// Open database. The schema must be current; a SQLite database must not be in use.
pub(super) struct Database {
    store: Store,
}

impl Database {
    /// Opens the configured database; `None` when no database is configured.
    pub(super) async fn open(sources: &Sources) -> Result<Option<Self>, ExitError> {
        let url = sources.look_up("DATABASE_URL").map_err(|problem| ExitError::usage(anyhow!(problem)))?;
        if url.is_none() {
            return Ok(None);
        }
        Ok(Some(Self { store: offline_store::open(sources).await? }))
    }

    /// Opens the database of a command that needs one.
    pub(super) async fn require(sources: &Sources) -> Result<Self, ExitError> {
        let missing =
            || ExitError::usage(anyhow!("DATABASE_URL is not set: set it, or give --database-url URL"));
        Self::open(sources).await?.ok_or_else(missing)
    }

    /// Storage contract.
    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        self.store.storage()
    }

    /// Completes pending writes and closes the database.
    pub(super) async fn close(&self) {
        self.store.close().await;
    }
}
