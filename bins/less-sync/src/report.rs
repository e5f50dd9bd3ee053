//! How a command ends: exit codes and words on standard error (operations §1).

use std::io::{self, Write as _};
use std::process::ExitCode;

/// What went wrong, and the exit code for it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Failure at run time.
    const RUN_TIME: u8 = 1;
    /// Usage or configuration error.
    pub(crate) const USAGE: u8 = 2;

    /// The command did its work and found what should not be.
    const FOUND: u8 = 3;

    /// What was looked for is there, and should not be.
    pub(crate) fn found(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::FOUND, error: error.into() }
    }

    /// The command line or the environment is at fault.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::USAGE, error: error.into() }
    }

    /// Whether it is about what was found, and not about finding it.
    pub(crate) fn is_found(&self) -> bool {
        self.code == Self::FOUND
    }

    /// What went wrong, for whoever has an exit code of their own.
    pub(crate) fn into_error(self) -> anyhow::Error {
        self.error
    }

    /// Standard output was closed by whoever read it, which is their right.
    fn is_broken_pipe(&self) -> bool {
        let cause = self.error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: Self::RUN_TIME, error }
    }
}

/// One line for the error, its causes indented below.
pub(crate) fn report(outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    say(&format!("error: {}", failure.error));
    for cause in failure.error.chain().skip(1) {
        say(&format!("  {cause}"));
    }
    ExitCode::from(failure.code)
}

/// A line for people, on standard error.
pub(crate) fn say(text: &str) {
    let _nobody_reads = writeln!(io::stderr().lock(), "{text}");
}
