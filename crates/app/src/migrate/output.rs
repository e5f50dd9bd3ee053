//! Result lines on standard output.

use std::time::Duration;

use anyhow::Context as _;
use less_sync_process::print_stdout;

use crate::exit_error::ExitError;

/// Prints one result.
pub(super) fn print(line: &str) -> Result<(), ExitError> {
    Ok(print_stdout(line).map(drop).context("cannot write to standard output")?)
}

/// Result line of one migration step.
pub(super) fn step(what: &str, version: i64, description: &str, took: Duration) -> String {
    format!("{what} version={version} name={} ms={}", name(description), milliseconds(took))
}

/// Description of a migration as one word, as in its file name.
pub(super) fn name(description: &str) -> String {
    description.replace(' ', "_")
}

pub(super) fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
