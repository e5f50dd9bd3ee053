//! Command line of the migrator (operations §10.1).

mod after_restore;
mod arguments;
mod backup;
mod bind;
mod blobs;
mod canonicalize;
mod compact;
mod copying;
mod create;
mod database;
mod findings;
mod output;
mod postgres;
mod progress;
mod reset_rewrap;
mod route;
mod schema;
mod sqlite;
mod verify;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use less_sync_process::end_on_signals;

use crate::cli::Process;
use crate::exit_error::{ExitError, end_command_line};
use crate::file_limit;

use arguments::{Arguments, BlobsCommand, Command, StatusArguments};
use database::Database;

/// Runs the migrator program: parses the command line, executes the command, and returns the exit code.
#[must_use]
pub fn run(process: &Process) -> ExitCode {
    let matches = Arguments::command().version(process.version).try_get_matches_from(&process.arguments);
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => execute(arguments, process).unwrap_or_else(|failure| failure.report()),
        Err(ending) => end_command_line(&ending),
    }
}

fn execute(arguments: Arguments, process: &Process) -> Result<ExitCode, ExitError> {
    end_on_signals().context("cannot handle signals")?;
    let Arguments { connection, command } = arguments;
    let command = command.unwrap_or_else(Command::up);
    if let Command::Create(create) = &command {
        create::run(create)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Manual(manual) = &command {
        let script = manual.run(Arguments::command()).context("cannot write the manual pages")?;
        script.map_or(Ok(()), |script| output::print(&script))?;
        return Ok(ExitCode::SUCCESS);
    }
    file_limit::raise()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    if let Command::Blobs(BlobsCommand::Fsck(fsck)) = &command {
        return runtime.block_on(blobs::fsck(&connection, &process.environment, fsck));
    }
    if let Command::Blobs(BlobsCommand::Canonicalize(progress)) = &command {
        let moved = canonicalize::run(&connection, &process.environment, *progress);
        return runtime.block_on(moved);
    }
    if let Command::Bind(bind) = &command {
        return runtime.block_on(bind::bind(&connection, &process.environment, bind));
    }
    if let Command::Route(route) = &command {
        return runtime.block_on(route::route(&connection, &process.environment, route));
    }
    if let Command::Backup(arguments) = &command {
        let made = backup::backup(&connection, &process.environment, process.version, arguments);
        return runtime.block_on(made);
    }
    if let Command::Restore(arguments) = &command {
        return runtime.block_on(backup::restore(&connection, &process.environment, arguments));
    }
    let database = Database::find(&connection, &process.environment)?;
    runtime.block_on(work(&database, &command))
}

async fn work(database: &Database, command: &Command) -> Result<ExitCode, ExitError> {
    match (database, command) {
        (_, Command::Status(status)) => return show(database, status).await,
        (_, Command::AfterRestore(arguments)) => after_restore::run(database, arguments).await?,
        (_, Command::ResetRewrap(arguments)) => reset_rewrap::run(database, arguments).await?,
        (_, Command::Compact(arguments)) => compact::run(database, *arguments).await?,
        (_, Command::Verify(arguments)) => return verify::run(database, arguments).await,
        (_, Command::Version) => output::print(&database.schema().await?.version.to_string())?,
        (Database::Postgres(migrator), Command::Up(up)) => postgres::up(migrator, up).await?,
        (Database::Postgres(migrator), Command::Down(down)) => postgres::down(migrator, down).await?,
        (Database::Postgres(migrator), Command::Adopt) => postgres::adopt(migrator).await?,
        (Database::Sqlite(path, sync), Command::Up(up)) => sqlite::up(path, sync, up)?,
        (Database::Sqlite(..), Command::Down(_)) => return Err(sqlite::unsupported("down")),
        (Database::Sqlite(..), Command::Adopt) => return Err(sqlite::unsupported("adopt")),
        (
            _,
            Command::Create(_)
            | Command::Blobs(_)
            | Command::Bind(_)
            | Command::Route(_)
            | Command::Manual(_)
            | Command::Backup(_)
            | Command::Restore(_),
        ) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(database: &Database, arguments: &StatusArguments) -> Result<ExitCode, ExitError> {
    let schema = database.schema().await?;
    let printed = output::print(&if arguments.json { schema.to_json()? } else { schema.to_text() });
    if arguments.check && !schema.current {
        printed.unwrap_or_else(|failure| failure.print());
        return Ok(ExitCode::from(ExitError::ACTION_NEEDED));
    }
    printed.map(|()| ExitCode::SUCCESS)
}
