//! `less-sync space`: sharing spaces with people.

mod accept;
mod create;
mod invite;
mod list;
mod log;
mod members;
mod revoke;
mod room;
mod rotate;
mod rotation;

use clap::{Args, Subcommand};

use crate::report::Failure;
use crate::target::Target;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a shared space of your own
    Create(create::Arguments),
    /// Let somebody in
    Invite(invite::Arguments),
    /// Accept an invitation
    Accept(accept::Arguments),
    /// Show who is in a space
    Members(members::Arguments),
    /// Show the spaces whose keys you have
    List(list::Arguments),
    /// Shut somebody out: end their rights at once, and change the keys
    Revoke(revoke::Arguments),
    /// Change the keys of a space
    Rotate(rotate::Arguments),
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    match &arguments.command {
        Command::Create(arguments) => create::run(target, arguments, json).await,
        Command::Invite(arguments) => invite::run(target, arguments, json).await,
        Command::Accept(arguments) => accept::run(target, arguments, json).await,
        Command::Members(arguments) => members::run(target, arguments, json).await,
        Command::List(arguments) => list::run(target, arguments, json),
        Command::Revoke(arguments) => revoke::run(target, arguments, json).await,
        Command::Rotate(arguments) => rotate::run(target, arguments, json).await,
    }
}
