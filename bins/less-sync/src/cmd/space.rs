//! `less-sync space`: shared spaces, their members and keys.

mod accept;
mod create;
mod invite;
mod list;
mod log;
mod members;
mod revoke;
mod rotate;
mod rotation;
mod session;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a shared space
    Create(create::Arguments),
    /// Invite a member
    Invite(invite::Arguments),
    /// Accept an invitation
    Accept(accept::Arguments),
    /// List the members of a space
    Members(members::Arguments),
    /// List the spaces of the key directory
    List(list::Arguments),
    /// Remove a member: revoke their rights immediately, and rotate the key
    Revoke(revoke::Arguments),
    /// Rotate the key of a space
    Rotate(rotate::Arguments),
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create(arguments) => create::run(target, arguments, json).await,
        Command::Invite(arguments) => invite::run(target, arguments, json).await,
        Command::Accept(arguments) => accept::run(target, arguments, json).await,
        Command::Members(arguments) => members::run(target, arguments, json).await,
        Command::List(arguments) => list::run(target, arguments, json).await,
        Command::Revoke(arguments) => revoke::run(target, arguments, json).await,
        Command::Rotate(arguments) => rotate::run(target, arguments, json).await,
    }
}
