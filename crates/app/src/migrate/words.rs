//! Results on standard output, a line each.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Context as _;

use crate::failure::Failure;

/// Writes a result at once: whoever reads a pipe sees it when it happens.
pub(super) fn print(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    Ok(written.context("cannot write to standard output")?)
}

pub(super) fn step(what: &str, version: i64, description: &str, took: Duration) -> String {
    format!("{what} version={version} name={} ms={}", name(description), milliseconds(took))
}

/// One word, as in the name of the file.
pub(super) fn name(description: &str) -> String {
    description.replace(' ', "_")
}

pub(super) fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
