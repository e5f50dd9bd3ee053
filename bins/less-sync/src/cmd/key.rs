//! `less-sync key`: the key of the personal space on several devices.

mod export;
mod import;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
#[command(
    after_help = "Whoever has the exported file can read your personal space: move it on a safe way, and delete it after the import."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the key of the personal space to a file
    Export(export::Arguments),
    /// Store the key of an exported file in the key directory
    Import(import::Arguments),
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    match &arguments.command {
        Command::Export(arguments) => export::run(target, arguments, json).await,
        Command::Import(arguments) => import::run(target, arguments, json).await,
    }
}
