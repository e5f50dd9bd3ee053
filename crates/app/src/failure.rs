//! How a program of ours ends badly: exit codes and words on standard error (operations §1).

use std::io::{self, Write as _};
use std::process::ExitCode;

/// What went wrong, and the exit code for it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: Self::RUN_TIME, error }
    }
}

impl Failure {
    const RUN_TIME: u8 = 1;
    pub(crate) const USAGE: u8 = 2;

    /// The command line or the configuration is at fault.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::USAGE, error: error.into() }
    }

    /// What went wrong.
    pub(crate) fn error(&self) -> &anyhow::Error {
        &self.error
    }

    /// Standard output was closed by whoever read it, which is their right.
    fn is_broken_pipe(&self) -> bool {
        let cause = self.error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// One line for the error, its causes indented below.
    pub(crate) fn report(&self) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let mut causes = self.error.chain();
        say(&format!("error: {}", causes.next().map(ToString::to_string).unwrap_or_default()));
        causes.for_each(|cause| say(&format!("  {cause}")));
        ExitCode::from(self.code)
    }
}

/// A line for people, on standard error.
pub(crate) fn say(text: &str) {
    let _nobody_listens = writeln!(io::stderr().lock(), "{text}");
}
