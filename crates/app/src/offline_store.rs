//! Database of a command that runs beside or instead of a server.

use std::path::Path;

use anyhow::Context as _;
use less_sync_disk::DirectorySync;
use less_sync_process::print_stderr;

use crate::config::{Config, DatabaseConfig, InvalidConfig, Sources, without_mark};
use crate::exit_error::ExitError;
use crate::store::Store;

/// Opens the configured database. Its schema must be current; a SQLite database must not be in use.
pub(crate) async fn open(sources: &Sources) -> Result<Store, ExitError> {
    let (mut database, _) = Config::read_stores(sources).map_err(ExitError::usage)?;
    let sync = directory_sync(sources).map_err(ExitError::usage)?;
    if let DatabaseConfig::Postgres(options) = &mut database {
        options.run_migrations = false;
    }
    Ok(Store::open(&database, &sync).await?)
}

/// Policy for file systems that cannot synchronise directories; the first such directory is reported on standard error.
pub(crate) fn directory_sync(sources: &Sources) -> Result<DirectorySync, InvalidConfig> {
    let report = |directory: &Path| {
        let shown = directory.display();
        print_stderr(&format!("warning: the file system of {shown} cannot synchronise directories"));
    };
    Config::read_directory_sync(sources, report)
}

/// Database URL of the command line: the text, or the content of the file after `@`.
pub(crate) fn given_address(given: &str) -> anyhow::Result<String> {
    let Some(path) = given.strip_prefix('@') else { return Ok(given.to_owned()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read \"{path}\""))?;
    Ok(without_mark(&text).trim().to_owned())
}
