//! Programs in one file: the name by which it is started selects one.

use std::path::Path;
use std::process::ExitCode;

use crate::{Process, cli, migrate};

/// Runs the migrator or the key generator if the file is started by a name of theirs, otherwise the server.
///
/// The names are those of the programs and of the links in the image (operations §11.1).
#[must_use]
pub fn run_by_name(process: Process) -> ExitCode {
    let path = process.arguments.first().map(Path::new);
    match path.and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some("less-sync-migrate" | "migrate") => migrate::run(&process),
        #[cfg(feature = "federation")]
        Some("less-sync-federation-keygen" | "federation-keygen") => crate::keygen::run(&process),
        _ => cli::run(process),
    }
}
