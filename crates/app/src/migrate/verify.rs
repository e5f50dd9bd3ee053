//! `verify`: checks the invariants of the database (storage §10).

use std::process::ExitCode;

use less_sync_core::SpaceId;
use less_sync_storage::{Verified, VerifyReport, Violation};

use super::arguments::VerifyArguments;
use super::database::Database;
use super::output;
use super::postgres::exit_error;
use super::progress::Progress;
use crate::exit_error::ExitError;

/// Prints one line per violation. Exits with 3 if there is one.
pub(super) async fn run(database: &Database, arguments: &VerifyArguments) -> Result<ExitCode, ExitError> {
    let mut printer = Printer { progress: Progress::new(arguments.progress), write_error: None };
    let verified = match database {
        Database::Postgres(migrator) => {
            migrator.verify(arguments.from, &mut printer).await.map_err(exit_error)?
        }
        Database::Sqlite(path, _) => less_sync_storage_sqlite::verify(path, arguments.from, &mut printer)
            .map_err(anyhow::Error::new)?,
    };
    let Verified { spaces, violations } = verified;
    printer.print(&format!("verified spaces={spaces} violations={violations}"));
    // Violations decide the exit code even if they could not be printed.
    match printer.write_error {
        error if violations > 0 => {
            if let Some(error) = error {
                error.print();
            }
            Ok(ExitCode::from(ExitError::ACTION_NEEDED))
        }
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Printer of violations, which keeps the first write error.
struct Printer {
    progress: Progress,
    write_error: Option<ExitError>,
}

impl Printer {
    fn print(&mut self, line: &str) {
        if let Err(error) = output::print(line) {
            self.write_error.get_or_insert(error);
        }
    }
}

impl VerifyReport for Printer {
    fn violation(&mut self, violation: Violation) {
        self.print(&violation.to_string());
    }

    fn checked(&mut self, space: SpaceId, so_far: Verified) {
        let Verified { spaces, violations } = so_far;
        self.progress.show(&format!("{spaces} spaces verified, {violations} violations, --from {space}"));
    }
}
