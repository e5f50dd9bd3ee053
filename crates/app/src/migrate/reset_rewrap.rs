//! `reset-rewrap`: ends a rewrap that no client completes (operations §10.1).

use anyhow::anyhow;
use less_sync_storage::RewrapState;
use less_sync_storage_sqlite::Maintenance;

use super::arguments::ResetRewrapArguments;
use super::database::Database;
use super::output;
use super::postgres::exit_error;
use crate::exit_error::ExitError;

pub(super) async fn run(database: &Database, arguments: &ResetRewrapArguments) -> Result<(), ExitError> {
    let ResetRewrapArguments { space, yes } = *arguments;
    match database {
        Database::Sqlite(path, sync) => {
            let mut maintenance = Maintenance::open(path, sync).map_err(anyhow::Error::new)?;
            let state = maintenance.rewrap_state(space).map_err(anyhow::Error::new)?;
            decide(state, yes)?;
            maintenance.clear_rewrap(space).map_err(anyhow::Error::new)?;
        }
        Database::Postgres(migrator) => {
            let reset = migrator.maintain(async |maintenance| {
                decide(maintenance.rewrap_state(space).await.map_err(exit_error)?, yes)?;
                maintenance.clear_rewrap(space).await.map_err(exit_error)
            });
            reset.await.map_err(exit_error)??;
        }
    }
    output::print("rewrap ended")
}

/// Prints the state, and fails unless a rewrap is pending and `--yes` was given.
fn decide(state: Option<RewrapState>, yes: bool) -> Result<(), ExitError> {
    let state = state.ok_or_else(|| anyhow!("space not found"))?;
    let RewrapState { key_generation, min_key_generation, rewrap_epoch, records, files } = state;
    let shown = rewrap_epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string());
    output::print(&format!(
        "key_generation={key_generation} min_key_generation={min_key_generation} rewrap_epoch={shown} \
         records={records} files={files}"
    ))?;
    match (rewrap_epoch, yes) {
        (None, _) => Err(anyhow!("no rewrap is pending").into()),
        (Some(_), false) => Err(ExitError::usage(anyhow!(
            "no change without --yes: records and files above keep keys of older epochs"
        ))),
        (Some(_), true) => Ok(()),
    }
}
