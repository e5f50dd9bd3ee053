//! `less-sync-server issuer`: the standing issuer of access tokens, and the commands that maintain its users and keys
//! (operations §17).

mod arguments;
mod commands;
mod service;

pub(crate) use arguments::IssuerArguments;

use crate::config::{InvalidConfig, IssuerConfig, Sources};
use crate::exit_error::ExitError;
use anyhow::Context as _;
use less_sync_process::{print_stderr, print_stdout};

/// Runs the issuer or one of its commands with settings of `sources`; `listen`: address of the command line.
pub(crate) fn run(
    arguments: &IssuerArguments,
    mut sources: Sources,
    (listen, checks_only): (Option<&String>, bool),
    notify_socket: Option<String>,
) -> Result<(), ExitError> {
    let flags = [("ISSUER_ADDR", listen.cloned()), ("ISSUER_DIRECTORY", arguments.directory())];
    sources.flags.extend(flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    if let Some(command) = &arguments.command {
        return commands::run(command, &sources);
    }
    let usage = |error: InvalidConfig| ExitError::usage(error);
    let config = IssuerConfig::read(&sources).map_err(usage)?;
    if checks_only {
        config.warnings.iter().for_each(|warning| print_stderr(&format!("warning: {warning}")));
        let mut lines = config.effective().iter();
        lines
            .try_for_each(|(name, value)| print_stdout(&format!("{name}={value}")).map(drop))
            .context("cannot write to standard output")?;
        return Ok(());
    }
    service::serve(&config, notify_socket, || IssuerConfig::read(&sources).map_err(usage))
}
