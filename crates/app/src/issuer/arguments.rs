//! Command line of the issuer.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use less_sync_issuer::UserName;

/// Arguments of `less-sync-server issuer`.
#[derive(Debug, Args)]
pub(crate) struct IssuerArguments {
    /// Directory of users and keys [env: `ISSUER_DIRECTORY`]
    #[arg(long, value_name = "DIR", global = true)]
    directory: Option<PathBuf>,
    /// Without a command, the issuer runs
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add, remove and list users, and change passwords; a running issuer takes changes over
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// List, add and remove signing keys, and choose the one that signs
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; the password is read from the terminal, or from standard input
    Add {
        /// Name to log in with: a-z, 0-9 and ._@+-
        name: UserName,
        /// Id of the user in tokens, which is fixed for ever [default: a random UUID]
        #[arg(long)]
        id: Option<String>,
    },
    /// Change the password of a user, which ends their logins
    Passwd {
        /// Name of the user
        name: UserName,
    },
    /// Remove a user, which ends their logins; their data stays on the server
    Remove {
        /// Name of the user
        name: UserName,
    },
    /// List all users
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List all keys
    List,
    /// Add a key, which is published and does not sign yet
    Add,
    /// Let a key sign from now on
    Use {
        /// Id of the key
        kid: String,
    },
    /// Remove a key that does not sign; tokens that it signed become invalid
    Remove {
        /// Id of the key
        kid: String,
    },
}

impl IssuerArguments {
    pub(super) fn directory(&self) -> Option<String> {
        self.directory.as_ref().map(|directory| directory.display().to_string())
    }
}
