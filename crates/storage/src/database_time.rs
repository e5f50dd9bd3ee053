//! Times of rows.

/// An instant on the clock of the database, in microseconds since 1970, UTC. Only adapters create values: the
/// clock of a process cannot be compared with stored times (storage §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseTime(i64);

impl DatabaseTime {
    /// The instant `micros` microseconds after the beginning of 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the beginning of 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}
