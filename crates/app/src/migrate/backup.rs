//! `backup`, `backup verify` and `restore` (operations §12).

mod create;
mod manifest;
mod object_list;
mod place;
mod programs;
mod restore;
mod verify;

use std::process::ExitCode;

use super::arguments::{BackupArguments, BackupCommand, Connection, RestoreArguments};
use crate::config::Values;
use crate::exit_error::ExitError;

pub(super) async fn backup(
    connection: &Connection,
    environment: &Values,
    version: &str,
    arguments: &BackupArguments,
) -> Result<ExitCode, ExitError> {
    match (&arguments.command, &arguments.target) {
        (Some(BackupCommand::Verify(verify)), _) => verify::run(connection, environment, verify).await,
        (None, Some(target)) => create::run(connection, environment, version, target, arguments).await,
        (None, None) => {
            Err(ExitError::usage(anyhow::anyhow!("a directory or s3://BUCKET/PREFIX is required")))
        }
    }
}

pub(super) async fn restore(
    connection: &Connection,
    environment: &Values,
    arguments: &RestoreArguments,
) -> Result<ExitCode, ExitError> {
    restore::run(connection, environment, arguments).await
}
