//! The command line of the migrator (operations §10.1).

mod arguments;
mod blobs;
mod create;
mod database;
mod postgres;
mod schema;
mod sqlite;
mod words;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::cli::Process;
use crate::failure::Failure;

use arguments::{Arguments, BlobsCommand, Command, StatusArguments};
use database::Database;

/// There is work to do.
const WORK_TO_DO: u8 = 3;

/// Runs the migrator as `process` asks, from the command line to the exit code.
#[must_use]
pub fn run(process: &Process) -> ExitCode {
    let matches = Arguments::command().version(process.version).try_get_matches_from(&process.arguments);
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => obey(arguments, process).unwrap_or_else(|failure| failure.report()),
        Err(error) => {
            let _nobody_listens = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Failure::USAGE))
        }
    }
}

fn obey(arguments: Arguments, process: &Process) -> Result<ExitCode, Failure> {
    let Arguments { connection, command } = arguments;
    let command = command.unwrap_or_else(Command::up);
    if let Command::Create(create) = &command {
        create::run(create)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    if let Command::Blobs(BlobsCommand::Fsck(fsck)) = &command {
        return runtime.block_on(blobs::fsck(&connection, &process.environment, fsck));
    }
    let database = Database::find(&connection, &process.environment)?;
    runtime.block_on(work(&database, &command))
}

async fn work(database: &Database, command: &Command) -> Result<ExitCode, Failure> {
    match (database, command) {
        (_, Command::Status(status)) => return show(database, status).await,
        (_, Command::Version) => words::print(&database.schema().await?.version.to_string())?,
        (Database::Postgres(migrator), Command::Up(up)) => postgres::up(migrator, up).await?,
        (Database::Postgres(migrator), Command::Down(down)) => postgres::down(migrator, down).await?,
        (Database::Postgres(migrator), Command::Adopt) => postgres::adopt(migrator).await?,
        (Database::Sqlite(path), Command::Up(up)) => sqlite::up(path, up)?,
        (Database::Sqlite(_), Command::Down(_)) => return Err(sqlite::cannot("down")),
        (Database::Sqlite(_), Command::Adopt) => return Err(sqlite::cannot("adopt")),
        (_, Command::Create(_) | Command::Blobs(_)) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(database: &Database, arguments: &StatusArguments) -> Result<ExitCode, Failure> {
    let schema = database.schema().await?;
    words::print(&if arguments.json { schema.to_json()? } else { schema.to_text() })?;
    let has_work = arguments.check && !schema.current;
    Ok(if has_work { ExitCode::from(WORK_TO_DO) } else { ExitCode::SUCCESS })
}
