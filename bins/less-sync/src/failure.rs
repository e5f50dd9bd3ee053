//! Failures of commands: exit codes, and messages on standard error (operations §1).

use std::process::ExitCode;

use less_sync_client::{DevTokenError, ServerUrl};
use less_sync_keystore::KeystoreError;

use crate::advice;
use crate::output::message;

/// Error with the exit code of the process.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Exit code of a failure at run time.
    const RUN_TIME: u8 = 1;
    /// Exit code of an error in the command line or the environment.
    pub(crate) const USAGE: u8 = 2;
    /// Exit code of a command that completed and found a violation, such as content that cannot be decrypted.
    const FOUND: u8 = 3;

    /// Violation found by a command that otherwise succeeded.
    pub(crate) fn found(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::FOUND, error: error.into() }
    }

    /// Error in the command line or the environment.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { code: Self::USAGE, error: error.into() }
    }

    /// Adds a context to the error, with the same exit code.
    pub(crate) fn context(self, context: String) -> Self {
        Self { error: self.error.context(context), ..self }
    }

    /// Returns whether this is a violation that was found, rather than a failed operation.
    pub(crate) fn is_found(&self) -> bool {
        self.code == Self::FOUND
    }

    /// Error without the exit code.
    pub(crate) fn into_error(self) -> anyhow::Error {
        self.error
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: Self::RUN_TIME, error }
    }
}

impl From<DevTokenError> for Failure {
    fn from(error: DevTokenError) -> Self {
        Self { code: Self::RUN_TIME, error: error.into() }
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        let is_usage = error.is_usage();
        let error = match error {
            KeystoreError::SeveralSpaces { count, .. } => {
                anyhow::anyhow!("{count} shared spaces: --space is required")
            }
            other @ (KeystoreError::Exposed { .. }
            | KeystoreError::Io { .. }
            | KeystoreError::Invalid { .. }
            | KeystoreError::NoSpace { .. }
            | KeystoreError::NotAKey
            | KeystoreError::OtherKey { .. }
            | KeystoreError::UnknownSpace { .. }) => anyhow::Error::new(other),
        };
        if is_usage { Self::usage(error) } else { error.into() }
    }
}

/// Prints an error, with its causes indented below, and returns the exit code.
pub(crate) fn print_failure(failure: &Failure) -> ExitCode {
    message(&format!("error: {}", failure.error));
    for cause in failure.error.chain().skip(1) {
        message(&format!("  {cause}"));
    }
    ExitCode::from(failure.code)
}

/// Prints the error of a command, with its causes and the next step indented below, and returns the exit code.
pub(crate) fn print_outcome(outcome: Result<(), Failure>, url: &ServerUrl) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    if let Some(rejection) = advice::rejected_token(&failure.error) {
        // The reason first: what the command was about to do does not matter.
        message(&format!("error: {rejection}"));
    } else {
        print_failure(&failure);
    }
    if let Some(step) = advice::next_step(&failure.error, url) {
        message(&format!("  {step}"));
    }
    ExitCode::from(failure.code)
}
