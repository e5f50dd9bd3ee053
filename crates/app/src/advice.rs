//! Next steps of the operator for errors that end a program.

use std::error::Error;
use std::io::{self, ErrorKind};

use less_sync_disk::UnsyncedDirectory;
use less_sync_storage::BlobError;
use less_sync_storage_postgres::migrate::MigrateError;
use less_sync_storage_postgres::{DriverFailure, OpenError as PostgresError};
use less_sync_storage_sqlite::OpenError as SqliteError;
use rustix::io::Errno;

use crate::file_limit::TooFewFiles;
use crate::listen::ListenError;

const HISTORY: &str =
    "nothing was changed: see Migrating in docs/operations.md, or restore a backup of this database";

const MORE_FILES: &str =
    "raise the limit of open files: LimitNOFILE= of systemd, ulimits of Docker, ulimit -n";

/// Next step after an error; `None` if its text names the step, or there is no general one.
pub(crate) fn next_step(error: &anyhow::Error) -> Option<String> {
    let step = find::<UnsyncedDirectory>(error)
        .map(|_| "use a local disk, or accept that loss with ALLOW_UNSYNCED_DIRECTORIES=true")
        .or_else(|| find::<TooFewFiles>(error).map(|_| MORE_FILES))
        .or_else(|| find::<io::Error>(error).filter(|error| exceeds_files(error)).map(|_| MORE_FILES))
        .or_else(|| find::<ListenError>(error).map(|error| listening(error.reason())))
        .or_else(|| find::<SqliteError>(error).and_then(sqlite))
        .or_else(|| find::<PostgresError>(error).and_then(postgres))
        .or_else(|| find::<MigrateError>(error).and_then(migration))
        .or_else(|| find::<DriverFailure>(error).and_then(driver))
        .or_else(|| find::<BlobError>(error).and_then(blobs))
        .or_else(|| find::<io::Error>(error).and_then(|error| system(error.kind())));
    step.map(str::to_owned)
}

/// The first cause of a type, also within an I/O error, which shows its content in its own place.
fn find<E: Error + 'static>(error: &anyhow::Error) -> Option<&E> {
    error.chain().find_map(|cause| {
        cause.downcast_ref::<E>().or_else(|| {
            let content = cause.downcast_ref::<io::Error>()?.get_ref()?;
            content.downcast_ref::<E>()
        })
    })
}

/// True if the process or the system has no file descriptor left.
fn exceeds_files(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other errors have no general step")]
fn listening(reason: &io::Error) -> &'static str {
    match reason.kind() {
        ErrorKind::AddrInUse => {
            "stop the program that listens there, or choose another address with --listen or LISTEN_ADDR"
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: choose another one with LISTEN_ADDR"
        }
        _ => "check LISTEN_ADDR: the host must be an address of this machine, such as 0.0.0.0",
    }
}

fn sqlite(error: &SqliteError) -> Option<&'static str> {
    Some(match error {
        SqliteError::InUse(_) => "stop the server or migrator that has it open",
        SqliteError::Replaced(_) => "put the file back to its path, and start again",
        SqliteError::Newer(_) => "use the build that migrated it, or a later one",
        SqliteError::UnknownSchema => "name the file of a less-sync database, or a new one, in DATABASE_URL",
        SqliteError::PartialMigration(_)
        | SqliteError::ForeignMigration(_)
        | SqliteError::MissingMigration(_) => HISTORY,
        SqliteError::Pragma { .. } => "keep the database on a local disk",
        SqliteError::Files { source, .. } => return system(source.kind()),
        SqliteError::Sqlite(_) => {
            "check that DATABASE_URL names a SQLite database that this user may write, or restore a backup"
        }
        SqliteError::Missing(_) => "check the path in DATABASE_URL",
        SqliteError::SchemaBehind { .. } => "run less-sync-migrate up",
        SqliteError::NotEmpty(_) => "name a path without a file in DATABASE_URL, or move the old files away",
        SqliteError::Damaged(_) => "restore a backup",
        SqliteError::UnreadableLog(_) => {
            "copy the database and the files beside it into a directory that can be written, and name that"
        }
        SqliteError::Alias { .. }
        | SqliteError::Thread(_)
        | SqliteError::UnfinishedRestore
        | SqliteError::Jump(_) => return None,
    })
}

fn postgres(error: &PostgresError) -> Option<&'static str> {
    match error {
        PostgresError::Connect(cause) | PostgresError::Inspect(cause) => driver(cause),
        PostgresError::ConnectTimeout(_) => Some(UNREACHABLE),
        PostgresError::ServerTooOld { .. } => Some("upgrade PostgreSQL, or name another server"),
        PostgresError::SchemaBehind { .. } => Some("run less-sync-migrate up, or set RUN_MIGRATIONS=true"),
        PostgresError::Migrate(error) => migration(error),
    }
}

fn migration(error: &MigrateError) -> Option<&'static str> {
    match error {
        MigrateError::Connect(cause) | MigrateError::Database(cause) => driver(cause),
        MigrateError::ConnectTimeout(_) => Some(UNREACHABLE),
        MigrateError::ServerTooOld { .. } => Some("upgrade PostgreSQL, or name another server"),
        MigrateError::Locked(_) => Some("another migrator is running: repeat the command when it has ended"),
        MigrateError::Newer(_) => Some("use the build that migrated it, or a later one"),
        MigrateError::Partial(_)
        | MigrateError::Foreign(_)
        | MigrateError::Missing(_)
        | MigrateError::Unrecorded => Some(HISTORY),
        MigrateError::Failed { .. } => Some(
            "earlier migrations are complete: remove the cause, and repeat the command, which continues there",
        ),
        MigrateError::GooseVersion { .. } => {
            Some("let the last release of the first generation migrate it, and repeat the command")
        }
        MigrateError::Target { .. } => Some("less-sync-migrate status lists the versions"),
        MigrateError::SchemaBehind { .. } | MigrateError::Empty | MigrateError::NothingToAdopt => {
            Some("run less-sync-migrate up")
        }
        MigrateError::NotEmpty(_) => Some("create an empty one with createdb, and name it"),
        // The texts of these, or the hints behind them, name the step.
        MigrateError::Url(_)
        | MigrateError::NewerOriginal
        | MigrateError::UnfinishedRestore
        | MigrateError::Jump(_)
        | MigrateError::Encoding(_)
        | MigrateError::Goose(_)
        | MigrateError::Drift(_)
        | MigrateError::LosesData(_) => None,
    }
}

const UNREACHABLE: &str = "check the host and port of the database address, and that PostgreSQL runs and accepts connections from here";

fn driver(error: &DriverFailure) -> Option<&'static str> {
    match error.code() {
        None => Some(UNREACHABLE),
        Some("28000" | "28P01") => {
            Some("check the user and password of the database address, and pg_hba.conf")
        }
        Some("3D000") => Some("create it with createdb, or name another one"),
        Some("53300") => Some("raise max_connections of PostgreSQL, or lower DATABASE_MAX_CONNECTIONS"),
        Some("42501") => {
            Some("grant the role access to the tables, or migrate as their owner with DATABASE_MIGRATION_URL")
        }
        Some("25006") => Some("name the primary server: this one is read-only"),
        Some("53100") => Some("free space on the disk of PostgreSQL"),
        Some(_) => None,
    }
}

fn blobs(error: &BlobError) -> Option<&'static str> {
    match error {
        BlobError::Full(_) => Some("free space in the file storage"),
        BlobError::Unavailable(cause) | BlobError::Failed(cause) => match cause.downcast_ref::<io::Error>() {
            Some(error) => system(error.kind()),
            None => Some("check the FILE_S3_ settings: endpoint, bucket, region and keys"),
        },
        BlobError::NotFound => None,
    }
}

/// Steps for errors of the operating system on files and connections.
#[expect(clippy::wildcard_enum_match_arm, reason = "other errors have no general step")]
fn system(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::PermissionDenied => {
            Some("give the user of this process access to it, or choose another path")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free space on its disk, or choose another path")
        }
        ErrorKind::ReadOnlyFilesystem => Some("mount its file system for writing, or choose another path"),
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::NotFound
        | ErrorKind::AlreadyExists => Some("check the path"),
        ErrorKind::ConnectionRefused => Some("start the server, or name another address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::anyhow;

    use super::*;

    fn io(kind: ErrorKind) -> io::Error {
        kind.into()
    }

    fn unsynced() -> io::Error {
        let unsynced = UnsyncedDirectory { directory: "/mnt".into(), source: io(ErrorKind::InvalidInput) };
        io::Error::new(ErrorKind::Unsupported, unsynced)
    }

    fn files(source: io::Error) -> SqliteError {
        SqliteError::Files { path: "/data".into(), source }
    }

    fn refused() -> DriverFailure {
        sqlx::Error::Io(io(ErrorKind::ConnectionRefused)).into()
    }

    #[test]
    fn errors_of_the_operator_have_a_next_step() {
        for (error, step) in [
            (anyhow!(files(io::Error::from(Errno::MFILE))), "raise the limit of open files"),
            (anyhow!(BlobError::Failed(Box::new(io::Error::from(Errno::NFILE)))), "raise the limit"),
            (anyhow!(files(unsynced())), "ALLOW_UNSYNCED_DIRECTORIES=true"),
            (anyhow!(BlobError::Failed(Box::new(unsynced()))), "ALLOW_UNSYNCED_DIRECTORIES=true"),
            (anyhow!(ListenError::new(":80", io(ErrorKind::AddrInUse))), "another address with --listen"),
            (anyhow!(ListenError::new(":80", io(ErrorKind::PermissionDenied))), "ports below 1024"),
            (anyhow!(ListenError::new("h:80", io(ErrorKind::AddrNotAvailable))), "check LISTEN_ADDR"),
            (anyhow!(SqliteError::InUse("/data".into())), "stop the server or migrator"),
            (anyhow!(SqliteError::Replaced("/data".into())), "put the file back"),
            (anyhow!(SqliteError::Newer(99)), "use the build that migrated it"),
            (anyhow!(SqliteError::UnknownSchema), "in DATABASE_URL"),
            (anyhow!(SqliteError::PartialMigration(3)), "docs/operations.md"),
            (anyhow!(files(io(ErrorKind::PermissionDenied))), "give the user of this process access"),
            (anyhow!(files(io(ErrorKind::StorageFull))), "free space"),
            (anyhow!(files(io(ErrorKind::ReadOnlyFilesystem))), "for writing"),
            (anyhow!(PostgresError::Connect(refused())), "that PostgreSQL runs"),
            (anyhow!(PostgresError::ConnectTimeout(Duration::from_secs(5))), "that PostgreSQL runs"),
            (anyhow!(PostgresError::ServerTooOld { found: 12, needed: 15 }), "upgrade PostgreSQL"),
            (anyhow!(PostgresError::SchemaBehind { found: 1, needed: 2 }), "less-sync-migrate up"),
            (anyhow!(MigrateError::Connect(refused())), "that PostgreSQL runs"),
            (anyhow!(MigrateError::Locked(Duration::from_mins(1))), "repeat the command"),
            (anyhow!(MigrateError::Newer(99)), "use the build that migrated it"),
            (anyhow!(MigrateError::Foreign(3)), "docs/operations.md"),
            (anyhow!(MigrateError::NothingToAdopt), "less-sync-migrate up"),
            (anyhow!(BlobError::Full("full".into())), "free space"),
            (anyhow!(BlobError::Unavailable("timeout".into())), "FILE_S3_"),
            (anyhow!(io(ErrorKind::ConnectionRefused)).context("cannot reach h:1"), "start the server"),
        ] {
            let shown = format!("{error:#}");
            let found = next_step(&error.context("outermost"));
            assert!(found.as_ref().is_some_and(|found| found.contains(step)), "{shown}: {found:?}");
        }
        assert_eq!(next_step(&anyhow!("anything else")), None);
    }
}
