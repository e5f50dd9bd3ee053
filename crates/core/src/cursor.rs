//! Cursor of a space: its position in the sequence of committed mutations.

use std::fmt;

/// Number outside the range of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("number out of range")]
pub struct OutOfRange;

/// Position in the history of a space: 0 at first, incremented by one for every committed mutation.
///
/// At most 2^53 − 1, so that a JavaScript number can represent it (protocol §0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor(u64);

impl Cursor {
    /// Cursor of a space without any mutation.
    pub const ZERO: Self = Self(0);
    /// Maximum cursor of a space, inclusive.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Checks the range and wraps the number.
    ///
    /// # Errors
    /// [`OutOfRange`] when the number is above [`Cursor::MAX`].
    pub const fn new(number: u64) -> Result<Self, OutOfRange> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// Numeric value.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Numeric value as a signed integer, the form in databases.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// Cursor of the next mutation; `None` at [`Cursor::MAX`].
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.0 < Self::MAX.0 { Some(Self(self.0 + 1)) } else { None }
    }
}

impl TryFrom<i64> for Cursor {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, OutOfRange> {
        Self::new(u64::try_from(number).map_err(|_| OutOfRange)?)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
