//! Command line of `less-sync-federation-keygen`: signing keys of this server (operations §10.2).

mod arguments;
mod database;
mod generate;
mod lifecycle;
mod listing;
mod output;
mod usage;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use less_sync_process::end_on_signals;

use crate::cli::Process;
use crate::exit_error::ExitError;
use crate::file_limit;

use arguments::{Arguments, Command};
use output::print;

/// Runs the key generator: parses the command line, executes the command, and returns the exit code.
#[must_use]
pub fn run(process: &Process) -> ExitCode {
    let matches = Arguments::command().version(process.version).try_get_matches_from(&process.arguments);
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => {
            let executed = execute(arguments, process);
            executed.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
        }
        Err(error) => usage::report(&error),
    }
}

fn execute(arguments: Arguments, process: &Process) -> Result<(), ExitError> {
    end_on_signals().context("cannot handle signals")?;
    let Arguments { connection, key, command } = arguments;
    if let Some(Command::Manual(manual)) = &command {
        let script = manual.run(Arguments::command()).context("cannot write the manual pages")?;
        return script.map_or(Ok(()), |script| print(&script));
    }
    let sources = database::sources(&connection, &process.environment).map_err(ExitError::usage)?;
    file_limit::raise()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    match command {
        None => runtime.block_on(generate::generate(&sources, &key)),
        Some(Command::Ensure(key)) => runtime.block_on(generate::ensure(&sources, &key)),
        Some(Command::List(list)) => runtime.block_on(listing::list(&sources, list.json)),
        Some(Command::Promote(change)) => runtime.block_on(lifecycle::promote(&sources, &change)),
        Some(Command::Deactivate(change)) => runtime.block_on(lifecycle::deactivate(&sources, &change)),
        Some(Command::Manual(_)) => Ok(()),
    }
}
