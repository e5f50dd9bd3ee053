//! Command-line arguments of the key generator.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use less_sync_manual::Manual;

/// Makes and maintains the keys that sign requests of a less-sync server to its federation peers.
#[derive(Debug, Parser)]
#[command(name = "less-sync-federation-keygen", args_conflicts_with_subcommands = false)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(flatten)]
    pub(super) key: KeyArguments,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Database connection.
#[derive(Debug, Args)]
pub(super) struct Connection {
    /// Database URL, or @FILE to read the URL from a file [env: `DATABASE_URL`]. Without one the key is printed and not stored
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Read settings from this TOML file: the names of the environment variables in lower case
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Description of a new key.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// Domain of this server, with a port unless it is 443 [env: `FEDERATION_DOMAIN`]
    #[arg(long, value_name = "DOMAIN")]
    pub(super) domain: Option<String>,
    /// Fragment of the key id: 1 to 64 letters, digits, `.`, `_` and `-` [default: fed-SECONDS-NANOSECONDS]
    #[arg(long, value_name = "FRAGMENT")]
    pub(super) kid: Option<String>,
    /// Store the key without signing with it, to let peers learn it first
    #[arg(long)]
    pub(super) no_promote: bool,
    /// Print the private seed
    #[arg(long)]
    pub(super) print_private: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key unless an active primary key of the domain exists, and print it
    Ensure(KeyArguments),
    /// List all stored keys, oldest first
    List(ListArguments),
    /// Sign with a stored key from now on
    Promote(ChangeArguments),
    /// Withdraw a stored key: it is neither published nor signs
    Deactivate(ChangeArguments),
    #[command(flatten)]
    Manual(Manual),
}

#[derive(Clone, Copy, Debug, Args)]
pub(super) struct ListArguments {
    /// Print JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ChangeArguments {
    /// Key id: the whole URL
    #[arg(value_name = "KID")]
    pub(super) kid: String,
    /// Promote a key younger than two hours, or deactivate the primary key
    #[arg(long)]
    pub(super) force: bool,
}
