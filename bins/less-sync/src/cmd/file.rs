//! `less-sync file`: files, encrypted end to end.

mod catalog;
mod get;
mod ls;
mod place;
mod put;
mod rejection;
mod retry;
mod rm;

use clap::{Args, Subcommand};

use crate::report::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "A file belongs to a record, which says what it is called and is encrypted like it. The key of your personal space is made when it is needed; give the key directory to your other devices."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Upload files
    Put(put::Arguments),
    /// Download a file
    Get(get::Arguments),
    /// List files
    Ls(ls::Arguments),
    /// Delete files, and the records that own them
    Rm(rm::Arguments),
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    match &arguments.command {
        Command::Put(arguments) => put::run(target, arguments, json).await,
        Command::Get(arguments) => get::run(target, arguments, json).await,
        Command::Ls(arguments) => ls::run(target, arguments, json).await,
        Command::Rm(arguments) => rm::run(target, arguments, json).await,
    }
}
