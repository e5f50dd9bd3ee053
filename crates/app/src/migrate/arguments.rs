//! What one may ask of the migrator.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use less_sync_core::SpaceId;

use crate::config::parse_duration;

/// Brings the schema of a less-sync database to the version that a server needs, and back.
#[derive(Debug, Parser)]
#[command(name = "less-sync-migrate", display_name = "less-sync")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Where the database is.
#[derive(Debug, Default, Args)]
pub(super) struct Connection {
    /// The database, or @FILE with its address [env: `DATABASE_MIGRATION_URL`, `DATABASE_URL`]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Read settings from this TOML file: the names of the environment variables in lower case
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Apply what is pending; done as well without any command
    Up(UpArguments),
    /// Revert the latest migration, or several
    Down(DownArguments),
    /// Show every migration, the fingerprint of the schema, and what stands in the way
    Status(StatusArguments),
    /// Print the highest version that is applied
    Version,
    /// Write the files of a new migration
    Create(CreateArguments),
    /// Take over the history that the first-generation server's tool kept, and migrate nothing
    Adopt,
    /// Look after the objects of files
    #[command(subcommand)]
    Blobs(BlobsCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum BlobsCommand {
    /// Compare the object store with the database: objects that nothing refers to, files without their object, objects of
    /// another size, leftovers of dead processes. Settings are those of the server (`FILE_*`)
    Fsck(FsckArguments),
}

#[derive(Debug, Args)]
pub(super) struct FsckArguments {
    /// Have the server remove what nothing refers to
    #[arg(long)]
    pub(super) delete: bool,
    /// Leave younger objects alone
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = age)]
    pub(super) min_age: Duration,
    /// One space only
    #[arg(long, value_name = "ID")]
    pub(super) space: Option<SpaceId>,
    /// One JSON object per line
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
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Take over the history that the first-generation server's tool kept
    #[arg(long)]
    pub(super) adopt_goose: bool,
    /// Go on although the schema is not what its version should be
    #[arg(long)]
    pub(super) allow_drift: bool,
}

#[derive(Debug, Args)]
pub(super) struct DownArguments {
    /// Stop at this version
    #[arg(long, value_name = "VERSION", conflicts_with = "steps")]
    pub(super) to: Option<i64>,
    /// How many migrations to revert [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) steps: Option<u32>,
    /// Go on although data will be lost
    #[arg(long)]
    pub(super) allow_data_loss: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 3 if something is pending, in the way, or other than it should be
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// What it does: small letters, digits, and underscores between them
    pub(super) name: String,
    /// Where migrations lie
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

    /// Operations O4: what is not understood is never taken for something else.
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
