//! Errors that end a program: exit code and message on standard error (operations §1).

use std::io::{self, Write as _};
use std::process::ExitCode;

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

    /// True if the reader closed standard output early, as `head` does; not an error.
    fn is_broken_pipe(&self) -> bool {
        let cause = self.error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Prints the error on one line, its causes indented below, and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let mut causes = self.error.chain();
        print_stderr(&format!("error: {}", causes.next().map(ToString::to_string).unwrap_or_default()));
        causes.for_each(|cause| print_stderr(&format!("  {cause}")));
        ExitCode::from(self.code)
    }
}

/// Prints a line to standard error, ignoring failures: there is nowhere left to report them.
pub(crate) fn print_stderr(text: &str) {
    let _unreportable = writeln!(io::stderr().lock(), "{text}");
}
