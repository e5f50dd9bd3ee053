//! `after-restore`: raises the cursors of a restored database (operations §12).

use less_sync_storage::{JumpOutcome, JumpProgress, JumpRequest};
use less_sync_storage_sqlite::jump_cursors;

use super::arguments::AfterRestoreArguments;
use super::database::Database;
use super::output;
use super::postgres::exit_error;
use super::progress::Progress;
use crate::exit_error::ExitError;
use less_sync_process::print_stderr;

pub(super) async fn run(database: &Database, arguments: &AfterRestoreArguments) -> Result<(), ExitError> {
    let AfterRestoreArguments { jump, again, progress } = *arguments;
    let request = JumpRequest { jump, again };
    let outcome = jump_all(database, request, &Progress::new(progress)).await?;
    match outcome {
        JumpOutcome::Jumped(done) => print(&done),
        JumpOutcome::AlreadyComplete(done) => {
            let jump = done.jump;
            print_stderr(&format!(
                "cursors were raised by {jump} already, and no server has run since; --again raises them once more"
            ));
            print(&JumpProgress { spaces: 0, rows: 0, ..done })
        }
    }
}

/// Raises the cursors, with progress.
pub(super) async fn jump_all(
    database: &Database,
    request: JumpRequest,
    progress: &Progress,
) -> Result<JumpOutcome, ExitError> {
    let mut tell =
        |done: &JumpProgress| progress.show(&format!("{} spaces, {} rows raised", done.spaces, done.rows));
    match database {
        Database::Postgres(migrator) => migrator.jump_cursors(request, &mut tell).await.map_err(exit_error),
        Database::Sqlite(path, sync) => {
            Ok(jump_cursors(path, sync, request, &mut tell).map_err(anyhow::Error::new)?)
        }
    }
}

pub(super) fn print(done: &JumpProgress) -> Result<(), ExitError> {
    let JumpProgress { jump, spaces, rows, .. } = done;
    output::print(&format!("raised jump={jump} spaces={spaces} rows={rows}"))
}
