//! Limit of open files (`RLIMIT_NOFILE`), which bounds the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, DatabaseConfig};

/// Limit below which no program that opens a database starts: standard streams, runtime, database, a few connections.
const MINIMUM: u64 = 64;

/// Limit below which a warning is logged.
const RECOMMENDED: u64 = 4096;

/// Minimum of the process-wide connection limit, if there are file descriptors for it.
const MIN_CONNECTIONS: usize = 20_000;

/// File descriptors for everything that is not counted in [`reserve`]: standard streams, logs, the runtime, name look-ups,
/// key sets of issuers.
const OTHER_FILES: usize = 64;
/// File descriptors of one SQLite connection: database, log and index of the log.
const SQLITE_FILES: usize = 3;

/// Limit of open files of this process; `None` if there is none.
pub(crate) fn current() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Maximum connections with a limit of `files` open files: at most `wanted`, and never those that the rest of the server
/// needs. A limit too low for both is halved.
pub(crate) fn connections(wanted: usize, files: Option<u64>, reserve: usize) -> usize {
    let Some(files) = files.and_then(|files| usize::try_from(files).ok()) else { return wanted };
    wanted.min(files.saturating_sub(reserve.min(files / 2)))
}

/// Maximum connections of a server with this configuration, upgraded ones included, if there are descriptors for them: twice
/// the number of sockets, so that HTTP requests still get in when all of them are taken.
pub(crate) fn wanted_connections(config: &Config) -> usize {
    config.limits.realtime.max_connections_total.saturating_mul(2).max(MIN_CONNECTIONS)
}

/// File descriptors that a server with this configuration needs beside its connections.
pub(crate) fn reserve(config: &Config) -> usize {
    let database = match &config.database {
        DatabaseConfig::Sqlite(options) => (options.readers + 1) * SQLITE_FILES,
        DatabaseConfig::Postgres(options) => options.max_connections as usize + 1,
    };
    let files = &config.files;
    let transfers = if files.store.is_some() { files.settings.uploads + files.settings.downloads } else { 0 };
    OTHER_FILES + database + transfers
}

/// Raises the soft limit to the hard limit, and warns if that is low.
///
/// # Errors
/// [`TooFewFiles`]: below the minimum, the last file to be opened fails, and its error does not tell the cause.
pub(crate) fn raise() -> anyhow::Result<()> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::debug!(%error, "failed to raise the limit of open files");
    }
    if let Some(limit) = current()
        && limit < RECOMMENDED
    {
        require(limit)?;
        tracing::warn!(limit, "limit of open files is low: each connection needs one");
    }
    Ok(())
}

fn require(limit: u64) -> Result<(), TooFewFiles> {
    if limit < MINIMUM { Err(TooFewFiles { limit }) } else { Ok(()) }
}

/// Limit of open files with which a program cannot work.
#[derive(Debug, thiserror::Error)]
#[error("limit of open files is {limit}: at least {MINIMUM} are needed")]
pub(crate) struct TooFewFiles {
    limit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_below_the_minimum_are_errors() {
        assert!(require(MINIMUM).is_ok());
        let error = require(MINIMUM - 1).unwrap_err();
        assert_eq!(error.to_string(), "limit of open files is 63: at least 64 are needed");
    }

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        let cases = [
            (20_000, None, 300, 20_000),
            (20_000, Some(1_048_576), 300, 20_000),
            (20_000, Some(1024), 300, 724),
            (20_000, Some(1024), 0, 1024),
            (100, Some(1024), 300, 100),
            (20_000, Some(256), 300, 128),
            (20_000, Some(0), 300, 0),
        ];
        for (wanted, files, reserve, expected) in cases {
            assert_eq!(connections(wanted, files, reserve), expected, "{wanted} {files:?} {reserve}");
        }
    }
}
