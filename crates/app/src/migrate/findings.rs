//! Findings about files: a line each on standard output.

use std::fmt;
use std::process::ExitCode;

use super::output;
use crate::exit_error::ExitError;

/// Kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// No such file.
    Missing,
    /// A file with another size or hash than it should have.
    Damaged,
}

/// Counter of findings, which prints each at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    count: u64,
    write_error: Option<ExitError>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding, name: &dyn fmt::Display) {
        self.count += 1;
        let kind = match finding {
            Finding::Missing => "missing",
            Finding::Damaged => "damaged",
        };
        if let Err(error) = output::print(&format!("{kind} {name}")) {
            self.write_error.get_or_insert(error);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Exit code, which findings decide even if they could not be printed.
    pub(super) fn exit_code(self) -> Result<ExitCode, ExitError> {
        match (self.count, self.write_error) {
            (0, None) => Ok(ExitCode::SUCCESS),
            (0, Some(error)) => Err(error),
            (_, error) => {
                if let Some(error) = error {
                    error.print();
                }
                Ok(ExitCode::from(ExitError::ACTION_NEEDED))
            }
        }
    }
}
