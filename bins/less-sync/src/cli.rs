//! Command line: arguments, dispatch, runtime (operations §1).

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::cmd::{bench, file, history_check, identity, key, pull, push, space, tail, token};
use crate::failure::{Failure, print_outcome};
use crate::target::Target;

/// Use and measure a less-sync server: tokens, records, files, shared spaces, live frames, benchmarks
///
/// Records and files are end-to-end encrypted with keys of the key directory. The server never receives a key.
#[derive(Debug, Parser)]
#[command(name = "less-sync", version = env!("LESS_SYNC_VERSION"), max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Request an access token from a development server
    Token(token::Arguments),
    /// Copy the key of your personal space to another device
    Key(key::Arguments),
    /// Print the address that others use to invite you
    Identity(identity::Arguments),
    /// Create and manage shared spaces
    Space(space::Arguments),
    /// Write or delete records, one per file or from standard input
    Push(push::Arguments),
    /// Read the changes of a space
    Pull(pull::Arguments),
    /// Upload, download, list and delete end-to-end encrypted files
    File(file::Arguments),
    /// Print live frames: kind, space, cursors and sizes, never content
    Tail(tail::Arguments),
    /// Measure the performance of a server
    Bench(bench::Arguments),
    /// Check recorded histories of pushes and pulls for consistency violations
    HistoryCheck(history_check::Arguments),
}

/// Parses the command line and runs the command.
pub(crate) fn run() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => print_outcome(execute(arguments)),
        Err(error) => {
            // Help and version arrive here, too; `print` sends them to standard output.
            let _closed = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Failure::USAGE))
        }
    }
}

fn execute(arguments: Arguments) -> Result<(), Failure> {
    // A current-thread runtime: commands are not CPU-bound, and a measured server keeps the other cores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let Arguments { target, json, command } = arguments;
    let outcome = runtime.block_on(async {
        match command {
            Command::Token(arguments) => token::run(&target, &arguments, json).await,
            Command::Key(arguments) => key::run(&target, &arguments, json).await,
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
    // A blocking read of standard input may still run in the background; it must not keep the process alive.
    runtime.shutdown_background();
    outcome
}
