//! `compact`: frees unused space (operations §10.1).

use less_sync_storage::Compacted;
use less_sync_storage_sqlite::Maintenance;

use super::arguments::ProgressArguments;
use super::database::Database;
use super::output;
use super::postgres::exit_error;
use super::progress::Progress;
use crate::exit_error::ExitError;

pub(super) async fn run(database: &Database, arguments: ProgressArguments) -> Result<(), ExitError> {
    let progress = Progress::new(arguments);
    let compacted = match database {
        Database::Sqlite(path, sync) => {
            let mut maintenance = Maintenance::open(path, sync).map_err(anyhow::Error::new)?;
            progress.show("rebuilding the database");
            maintenance.compact().map_err(anyhow::Error::new)?
        }
        Database::Postgres(migrator) => {
            let mut tell = |table: &str| progress.show(&format!("vacuuming {table}"));
            let compacting = migrator.maintain(async |maintenance| maintenance.compact(&mut tell).await);
            compacting.await.map_err(exit_error)?.map_err(exit_error)?
        }
    };
    let Compacted { before, after } = compacted;
    output::print(&format!("compacted bytes_before={before} bytes_after={after}"))
}
