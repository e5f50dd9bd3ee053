//! Result lines on standard output.

use anyhow::Context as _;
use less_sync_process::print_stdout;

use crate::exit_error::ExitError;

/// Prints one result line.
pub(super) fn print(line: &str) -> Result<(), ExitError> {
    Ok(print_stdout(line).map(drop).context("cannot write to standard output")?)
}
