//! `route`: shows, sets and deletes the home of a space (federation RT-7).

use std::process::ExitCode;

use anyhow::anyhow;
use less_sync_core::SpaceId;
use less_sync_storage::{HomeRouteError, HomeRouteRejection, StorageError};

use super::arguments::{Connection, RouteCommand};
use super::database::sources;
use super::output::print;
use crate::config::Values;
use crate::exit_error::ExitError;
use crate::offline_store;

/// Home of a space that this server holds.
const OWN: &str = "local";

/// Runs the command. The schema must be current; a SQLite database must not be in use.
pub(super) async fn route(
    connection: &Connection,
    environment: &Values,
    command: &RouteCommand,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let store = offline_store::open(&sources).await?;
    let storage = store.storage();
    let outcome = match command {
        RouteCommand::Show { space } => storage.home_server(*space).await.map_err(StorageError::widen),
        RouteCommand::Set { space, home, force } => {
            let set = storage.set_home_server(*space, home.server(), *force).await;
            set.map(|()| home.server().map(ToString::to_string))
        }
        RouteCommand::Delete { space } => storage.delete_stub(*space).await.map(|()| None),
    };
    store.close().await;
    let home = outcome.map_err(failure)?;
    let space = command.space();
    print(&match command {
        RouteCommand::Delete { .. } => format!("deleted space={space}"),
        RouteCommand::Show { .. } | RouteCommand::Set { .. } => line(space, home.as_deref()),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(space: SpaceId, home: Option<&str>) -> String {
    format!("space={space} home={}", home.unwrap_or(OWN))
}

fn failure(error: HomeRouteError) -> ExitError {
    ExitError::from(match error.rejection() {
        Ok(HomeRouteRejection::NotEmpty) => anyhow!(
            "the space has records, members or files here, which would be hidden: only set --force does that"
        ),
        Ok(HomeRouteRejection::NotRemote) => {
            anyhow!("the space is held by the own server: less-sync admin purge removes it")
        }
        Err(StorageError::SpaceNotFound) => anyhow!("space not found"),
        Err(error) => anyhow::Error::new(error).context("cannot change the route"),
    })
}
