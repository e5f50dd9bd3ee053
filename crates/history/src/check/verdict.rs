//! Result of a check: counts, and consistency violations.

use std::io;

/// Result of checking a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged pushes.
    pub acknowledged: u64,
    /// Pushes whose outcome is unknown to their writer.
    pub unknown: u64,
    /// Pushes of unknown outcome that other clients have seen.
    pub unknown_seen: u64,
    /// Rejected pushes.
    pub rejected: u64,
    /// Completed pulls.
    pub pulls: u64,
    /// Live events.
    pub events: u64,
    /// Violations, in the order of their lines.
    pub violations: Vec<Violation>,
}

/// Consistency violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Line that reveals the violation, from 1.
    pub line: usize,
    /// Description of the violation.
    pub what: String,
}

/// File that is not a history.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Read failure.
    #[error("cannot read the history")]
    Read(#[from] io::Error),
    /// Line that is not an event.
    #[error("line {line} is not an event")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Parse failure.
        #[source]
        cause: serde_json::Error,
    },
    /// Line that contradicts earlier lines.
    #[error("line {line}: {what}")]
    Sense {
        /// Number of the line, from 1.
        line: usize,
        /// Description of the contradiction.
        what: String,
    },
}
