//! `less-sync file`: end-to-end encrypted files.

mod catalog;
mod get;
mod ls;
mod put;
mod rejections;
mod retry;
mod rm;
mod session;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "Each file has a record with its name, encrypted like the file. The key of your personal space is created by the first upload; copy the key directory to your other devices."
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
    /// Delete files and their records
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
