//! Command-line arguments of the migrator.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use less_sync_auth::TrustedIssuer;
use less_sync_core::{Did, InvalidName, MailboxId, SpaceId};
use less_sync_manual::Manual;
use less_sync_storage::{CursorJump, HomeServer, InvalidHomeServer};

use crate::config::parse_duration;

/// Migrates the schema of a less-sync database up to the version that the server needs, or down.
#[derive(Debug, Parser)]
#[command(name = "less-sync-migrate")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Database connection.
#[derive(Debug, Default, Args)]
pub(super) struct Connection {
    /// Database URL, or @FILE to read the URL from a file [env: `DATABASE_MIGRATION_URL`, `DATABASE_URL`]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Read settings from this TOML file: the names of the environment variables in lower case
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Apply pending migrations (default command)
    Up(UpArguments),
    /// Revert the latest migration, or several
    Down(DownArguments),
    /// Show all migrations, the schema fingerprint, and obstacles to `up`
    Status(StatusArguments),
    /// Print the highest applied version
    Version,
    /// Write the files of a new migration
    Create(CreateArguments),
    /// Adopt the migration history of the first-generation server, without migrating
    Adopt,
    /// Maintain the objects of files
    #[command(subcommand)]
    Blobs(BlobsCommand),
    /// Bind a DID or a mailbox to an issuer, whichever it is bound to (`DID_ISSUERS`). Effective within a minute
    Bind(BindArguments),
    /// Show or change the server that holds a space
    #[command(subcommand)]
    Route(RouteCommand),
    /// End the pending rewrap of a space, whichever keys are left: shows counts, and changes nothing without --yes
    ResetRewrap(ResetRewrapArguments),
    /// Free unused space: `VACUUM` and a checkpoint of SQLite, `VACUUM (ANALYZE)` of the tables of PostgreSQL
    Compact(ProgressArguments),
    /// Check the invariants of every space, without changing anything; exits with 3 if one is broken
    Verify(VerifyArguments),
    /// Raise all cursors of a restored database, so that every client receives everything once more
    AfterRestore(AfterRestoreArguments),
    /// Back up the database and the objects of files into a directory or a bucket, while the server runs
    Backup(BackupArguments),
    /// Restore a backup into an empty database and an empty file storage
    Restore(RestoreArguments),
    #[command(flatten)]
    Manual(Manual),
}

#[derive(Debug, Subcommand)]
pub(super) enum RouteCommand {
    /// Print the home of a space: `local`, or the server that holds it
    Show {
        /// Id of the space
        space: SpaceId,
    },
    /// Set the home of a space. Effective in a running server when the space is used next
    Set {
        /// Id of the space
        space: SpaceId,
        /// Server that holds the space, as it is listed in the peers file, or `local`
        home: Home,
        /// Also for a space that has records, members or files here, which are unreadable then
        #[arg(long)]
        force: bool,
    },
    /// Forget the home of a space that another server holds; it is looked for when the space is used next
    Delete {
        /// Id of the space
        space: SpaceId,
    },
}

impl RouteCommand {
    pub(super) fn space(&self) -> SpaceId {
        let (Self::Show { space } | Self::Set { space, .. } | Self::Delete { space }) = self;
        *space
    }
}

/// Home of a space on the command line.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// The own server.
    Own,
    /// Another one.
    Server(HomeServer),
}

impl Home {
    pub(super) fn server(&self) -> Option<&HomeServer> {
        match self {
            Self::Own => None,
            Self::Server(server) => Some(server),
        }
    }
}

impl FromStr for Home {
    type Err = InvalidHomeServer;

    fn from_str(text: &str) -> Result<Self, InvalidHomeServer> {
        if text == "local" { Ok(Self::Own) } else { text.parse().map(Self::Server) }
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct BackupArguments {
    #[command(subcommand)]
    pub(super) command: Option<BackupCommand>,
    /// Directory, or `s3://BUCKET/PREFIX` with the endpoint and credentials of `FILE_S3_*`. Replaces the backup that is there,
    /// whose objects are not copied again
    pub(super) target: Option<String>,
    /// Path of `pg_dump` [default: by the search path]
    #[arg(long, value_name = "PATH")]
    pub(super) pg_dump: Option<PathBuf>,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Compare every file of a backup with its size and SHA-256; exits with 3 if one is damaged or missing
    Verify(BackupVerifyArguments),
}

#[derive(Debug, Args)]
pub(super) struct BackupVerifyArguments {
    /// Directory, or `s3://BUCKET/PREFIX`
    pub(super) target: String,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// Directory, or `s3://BUCKET/PREFIX`
    pub(super) target: String,
    /// Path of `pg_restore` [default: by the search path]
    #[arg(long, value_name = "PATH")]
    pub(super) pg_restore: Option<PathBuf>,
    /// Continue an interrupted restore: objects of the backup may be in the file storage
    #[arg(long)]
    pub(super) resume: bool,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

#[derive(Debug, Args)]
pub(super) struct ResetRewrapArguments {
    /// Id of the space
    pub(super) space: SpaceId,
    /// End the rewrap
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// Start with this space, in ascending order of ids, as after an interruption
    #[arg(long, value_name = "SPACE")]
    pub(super) from: Option<SpaceId>,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

#[derive(Debug, Args)]
pub(super) struct AfterRestoreArguments {
    /// Number to add to every cursor, 1 to 2^53 - 1 [default: 4294967296]
    #[arg(long, value_name = "N")]
    pub(super) jump: Option<CursorJump>,
    /// Raise them once more, although that was done and no server has run since
    #[arg(long)]
    pub(super) again: bool,
    #[command(flatten)]
    pub(super) progress: ProgressArguments,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct ProgressArguments {
    /// Show progress on standard error, also if that is no terminal
    #[arg(long)]
    pub(super) progress: bool,
}

#[derive(Debug, Args)]
pub(super) struct BindArguments {
    #[command(flatten)]
    pub(super) id: BoundId,
    /// Issuer, as in `TRUSTED_ISSUERS`
    #[arg(long, value_name = "URL", value_parser = TrustedIssuer::parse)]
    pub(super) issuer: TrustedIssuer,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct BoundId {
    /// DID of a user
    #[arg(long, value_parser = did)]
    pub(super) did: Option<Did>,
    /// Mailbox id: 64 lowercase hexadecimal digits
    #[arg(long, value_name = "ID")]
    pub(super) mailbox: Option<MailboxId>,
}

fn did(text: &str) -> Result<Did, InvalidName> {
    Did::try_from(text)
}

#[derive(Debug, Subcommand)]
pub(super) enum BlobsCommand {
    /// Compare the object store with the database: unreferenced objects, files without an object, objects of the wrong
    /// size, unfinished writes of ended processes. Uses the settings of the server (`FILE_*`)
    Fsck(FsckArguments),
    /// Move the objects of all files to the keys of the original server, for `down --to 16` and below. Stop all servers first
    Canonicalize(ProgressArguments),
}

#[derive(Debug, Args)]
pub(super) struct FsckArguments {
    /// Mark unreferenced objects for deletion by the server
    #[arg(long)]
    pub(super) delete: bool,
    /// Ignore objects younger than this
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = age)]
    pub(super) min_age: Duration,
    /// Check only this space
    #[arg(long, value_name = "ID")]
    pub(super) space: Option<SpaceId>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected seconds, or a number with ms, s, m or h".to_owned())
}

impl Command {
    pub(super) fn up() -> Self {
        Self::Up(UpArguments::default())
    }
}

#[derive(Debug, Default, Args)]
pub(super) struct UpArguments {
    /// Stop at this version
    #[arg(long, value_name = "VERSION")]
    pub(super) to: Option<i64>,
    /// Print the planned migrations without applying them
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Adopt the migration history of the first-generation server first
    #[arg(long)]
    pub(super) adopt_goose: bool,
    /// Continue despite schema drift
    #[arg(long)]
    pub(super) allow_drift: bool,
}

#[derive(Debug, Args)]
pub(super) struct DownArguments {
    /// Stop at this version
    #[arg(long, value_name = "VERSION", conflicts_with = "steps")]
    pub(super) to: Option<i64>,
    /// Number of migrations to revert [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) steps: Option<u32>,
    /// Allow migrations that lose data
    #[arg(long)]
    pub(super) allow_data_loss: bool,
    /// Print the planned migrations without applying them
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 3 if migrations are pending, blocked, or the schema has drifted
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// Name of the migration: lower-case letters and digits, words joined by underscores
    pub(super) name: String,
    /// Directory of the migrations
    #[arg(long, value_name = "DIRECTORY", default_value = "migrations/postgres")]
    pub(super) dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_command_is_up() {
        let arguments = Arguments::try_parse_from(["less-sync-migrate"]).unwrap();
        assert!(arguments.command.is_none());
        assert!(matches!(Command::up(), Command::Up(UpArguments { to: None, dry_run: false, .. })));
    }

    /// Operations O4: unknown arguments are an error, never ignored.
    #[test]
    fn unknown_arguments_are_rejected() {
        for arguments in [["less-sync-migrate", "sideways"], ["less-sync-migrate", "--verbose"]] {
            assert_eq!(Arguments::try_parse_from(arguments).unwrap_err().exit_code(), 2);
        }
        let both = ["less-sync-migrate", "down", "--to", "12", "--steps", "1"];
        assert_eq!(Arguments::try_parse_from(both).unwrap_err().exit_code(), 2);
        let none = ["less-sync-migrate", "down", "--steps", "0"];
        assert_eq!(Arguments::try_parse_from(none).unwrap_err().exit_code(), 2);
    }
}
