//! Errors that end a program: exit code and message on standard error (operations §1).

use std::process::ExitCode;

use anyhow::Context as _;
use less_sync_process::{print_ending, print_stderr};

use crate::advice::next_step;

/// An error with its exit code.
#[derive(Debug)]
pub(crate) struct ExitError {
    code: u8,
    error: anyhow::Error,
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self { code: Self::RUN_TIME, error }
    }
}

impl ExitError {
    const RUN_TIME: u8 = 1;
    /// Exit code for a wrong command line or configuration.
    pub(crate) const USAGE: u8 = 2;
    /// Exit code of checks that found something to do.
    pub(crate) const ACTION_NEEDED: u8 = 3;

    /// An error of the command line or the configuration.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::USAGE, error: error.into() }
    }

    /// The error without its exit code.
    pub(crate) fn error(&self) -> &anyhow::Error {
        &self.error
    }

    /// Prints the error, and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.print();
        ExitCode::from(self.code)
    }

    /// Prints the error on one line, its causes and the next step indented below.
    pub(crate) fn print(&self) {
        let mut shown = self.error.to_string();
        print_stderr(&format!("error: {shown}"));
        for cause in self.error.chain().skip(1) {
            let text = cause.to_string();
            if text != shown {
                print_stderr(&format!("  {text}"));
            }
            shown = text;
        }
        if let Some(step) = next_step(&self.error) {
            print_stderr(&format!("  {step}"));
        }
    }
}

/// Prints what ends a command line before a command runs (help, version, a usage error), and returns the exit code.
pub(crate) fn end_command_line(ending: &clap::Error) -> ExitCode {
    match print_ending(ending).context("cannot write to standard output") {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitError::from(error).report(),
    }
}
