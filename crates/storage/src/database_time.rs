//! Times that rows carry.

/// An instant on the clock of the database, in microseconds since 1970, UTC. Storage makes these and nobody else: the
/// clock of a process says nothing about rows (storage §1.1).
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
