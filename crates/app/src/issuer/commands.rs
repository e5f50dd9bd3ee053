//! Commands that maintain the users and keys of an issuer.

use std::path::Path;

use anyhow::Context as _;
use less_sync_engine::Clock as _;
use less_sync_issuer::{ChangeError, Directory, Password};
use less_sync_process::{print_stderr, print_stdout, read_new_password};
use uuid::Uuid;

use super::arguments::{Command, KeyCommand, UserCommand};
use crate::clock::SystemClock;
use crate::config::{IssuerConfig, Sources};
use crate::exit_error::ExitError;

/// Runs a command and prints its result.
pub(super) fn run(command: &Command, sources: &Sources) -> Result<(), ExitError> {
    let (path, sync) = IssuerConfig::read_directory(sources, report_unsynced).map_err(ExitError::usage)?;
    let directory = Directory::new(path, sync);
    let lines = match command {
        Command::User { command } => change_users(command, &directory)?,
        Command::Key { command } => change_keys(command, &directory)?,
    };
    let printed = lines.iter().try_for_each(|line| print_stdout(line).map(drop));
    Ok(printed.context("cannot write to standard output")?)
}

fn report_unsynced(directory: &Path) {
    print_stderr(&format!(
        "warning: the file system of {} cannot synchronise directories",
        directory.display()
    ));
}

fn change_users(command: &UserCommand, directory: &Directory) -> Result<Vec<String>, ExitError> {
    match command {
        UserCommand::Add { name, id } => {
            let id = id.clone().unwrap_or_else(new_id);
            directory.add_user(name.clone(), id.clone(), &password()?).map_err(refused)?;
            Ok(vec![format!("added user={} id={id}", name.as_str())])
        }
        UserCommand::Passwd { name } => {
            directory.set_password(name, &password()?).map_err(refused)?;
            Ok(vec![format!("changed user={}", name.as_str())])
        }
        UserCommand::Remove { name } => {
            directory.remove_user(name).map_err(refused)?;
            Ok(vec![format!("removed user={}", name.as_str())])
        }
        UserCommand::List => {
            let users = directory.list_users().map_err(|error| refused(error.into()))?;
            let line = |user: &less_sync_issuer::UserSummary| {
                format!("user={} id={} mailboxes={}", user.name.as_str(), user.id, user.mailboxes)
            };
            Ok(users.iter().map(line).collect())
        }
    }
}

fn change_keys(command: &KeyCommand, directory: &Directory) -> Result<Vec<String>, ExitError> {
    match command {
        KeyCommand::List => {
            let keys = directory.list_keys().map_err(|error| refused(error.into()))?;
            let line = |key: &less_sync_issuer::KeySummary| {
                format!("kid={} created={} signs={}", key.kid, key.created.seconds(), key.signs)
            };
            Ok(keys.iter().map(line).collect())
        }
        KeyCommand::Add => {
            let now = SystemClock.now();
            directory.create_key(now).map_err(refused)?;
            let kid = directory.add_key(now).map_err(refused)?;
            Ok(vec![format!("added kid={kid}")])
        }
        KeyCommand::Use { kid } => {
            directory.use_key(kid).map_err(refused)?;
            Ok(vec![format!("signs kid={kid}")])
        }
        KeyCommand::Remove { kid } => {
            directory.remove_key(kid).map_err(refused)?;
            Ok(vec![format!("removed kid={kid}")])
        }
    }
}

fn password() -> Result<Password, ExitError> {
    let password = read_new_password().context("cannot read the password")?;
    Ok(Password::new(password))
}

#[expect(clippy::disallowed_methods, reason = "the process is composed here")]
fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// Mistakes of the command line, and failures of the file system.
fn refused(error: ChangeError) -> ExitError {
    match error {
        ChangeError::File(_) => ExitError::from(anyhow::Error::new(error)),
        ChangeError::Password(_)
        | ChangeError::Taken
        | ChangeError::UserId
        | ChangeError::NoUser
        | ChangeError::NoKey
        | ChangeError::Signing
        | ChangeError::TooManyKeys
        | ChangeError::Mailbox => ExitError::usage(error),
    }
}
