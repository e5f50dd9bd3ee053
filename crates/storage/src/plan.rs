//! Result of a check of query plans, for diagnostics.

/// Statement that the database would not run with the index made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusedIndex {
    /// Purpose of the statement.
    pub statement: &'static str,
    /// Name of the index.
    pub index: &'static str,
}
