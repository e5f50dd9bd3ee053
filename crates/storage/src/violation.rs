//! Violations of invariants (storage §5), as the checkers of the adapters report them.

use std::fmt;

use less_sync_core::SpaceId;
use uuid::Uuid;

/// Violations of one space that are reported at most.
pub const MAX_VIOLATIONS: usize = 1000;

/// A row, or a space, that breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The space; `None` for a violation of the whole database.
    pub space: Option<SpaceId>,
    /// The invariant and what breaks it.
    pub text: String,
    /// Id of the row, if it has one.
    pub row: Option<Uuid>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(space) = self.space {
            write!(f, "space {space}: ")?;
        }
        f.write_str(&self.text)?;
        self.row.map_or(Ok(()), |row| write!(f, " {row}"))
    }
}

/// Totals of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Spaces checked.
    pub spaces: u64,
    /// Violations reported.
    pub violations: u64,
}

/// Receiver of the violations and the progress of a check.
pub trait VerifyReport {
    /// Reports a violation.
    fn violation(&mut self, violation: Violation);

    /// Reports that a space was checked, as were all with a lower id from the start of the check on.
    fn checked(&mut self, space: SpaceId, so_far: Verified);
}
