//! Pushes of a history, with their outcomes.

use crate::Change;

/// Outcome of a push, as known to its writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Sent, without an outcome so far.
    Open,
    Acknowledged,
    Rejected,
    /// Sent on a connection that was lost.
    Unknown,
}

/// Push of a history.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) op: u64,
    pub(super) line: usize,
    pub(super) changes: Vec<Change>,
    pub(super) outcome: Outcome,
    /// Cursor of the push, from its response or from rows that others saw; `None` while unknown.
    pub(super) cursor: Option<u64>,
    /// Newest cursor that any client had seen when the push was sent.
    pub(super) after: u64,
}

impl Push {
    /// Returns whether the push may have taken effect without an acknowledgement.
    pub(super) fn is_unresolved(&self) -> bool {
        matches!(self.outcome, Outcome::Open | Outcome::Unknown)
    }

    /// Returns whether the push deletes `record`.
    pub(super) fn deletes(&self, record: &str) -> bool {
        self.changes.iter().any(|change| change.record == record && change.value.is_none())
    }
}
