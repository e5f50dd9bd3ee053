//! The command line (operations §1).

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::cmd::{bench, file, history_check, identity, pull, push, space, tail, token};
use crate::report::{Failure, report};
use crate::target::Target;

/// Talks to a less-sync server: mints tokens, pushes and pulls records, keeps files, shares spaces, shows frames, measures.
///
/// Files are always encrypted. In shared spaces whose keys you have, records are, too; elsewhere they are sent and shown as
/// they are.
#[derive(Debug, Parser)]
#[command(name = "less-sync", version = env!("LESS_SYNC_VERSION"), max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Write JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the development server for an access token
    Token(token::Arguments),
    /// Print the address at which others can invite you
    Identity(identity::Arguments),
    /// Share spaces: create, invite, accept, revoke
    Space(space::Arguments),
    /// Write files, or standard input, as one record each
    Push(push::Arguments),
    /// Read what changed
    Pull(pull::Arguments),
    /// Keep files, end-to-end encrypted: put, get, ls, rm
    File(file::Arguments),
    /// Show frames as they arrive: what they are and how large, never what is in them
    Tail(tail::Arguments),
    /// Measure a server
    Bench(bench::Arguments),
    /// Judge recorded histories of pushes and pulls
    HistoryCheck(history_check::Arguments),
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => report(execute(arguments)),
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let _nobody_reads = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Failure::USAGE))
        }
    }
}

fn execute(arguments: Arguments) -> Result<(), Failure> {
    // One thread is plenty, and leaves the others to the server that is being measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let Arguments { target, json, command } = arguments;
    let outcome = runtime.block_on(async {
        match command {
            Command::Token(arguments) => token::run(&target, &arguments, json).await,
            Command::Identity(arguments) => identity::run(&target, &arguments, json).await,
            Command::Space(arguments) => space::run(&target, &arguments, json).await,
            Command::Push(arguments) => push::run(&target, &arguments, json).await,
            Command::Pull(arguments) => pull::run(&target, &arguments, json).await,
            Command::File(arguments) => file::run(&target, &arguments, json).await,
            Command::Tail(arguments) => tail::run(&target, &arguments, json).await,
            Command::Bench(arguments) => bench::run(&target, &arguments, json).await,
            Command::HistoryCheck(arguments) => history_check::run(&arguments, json),
        }
    });
    // A read of standard input that nobody waits for any more must not keep the process alive.
    runtime.shutdown_background();
    outcome
}
