//! Epoch of a space: its key generation number.

use std::fmt;

use crate::OutOfRange;

/// Key generation of a space, starting at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(i32);

impl Epoch {
    /// Epoch of a new space.
    pub const FIRST: Self = Self(1);

    /// Checks the range and wraps the number.
    ///
    /// # Errors
    /// [`OutOfRange`] when the number is below 1.
    pub const fn new(number: i32) -> Result<Self, OutOfRange> {
        if number >= 1 { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// Numeric value.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Epoch after this one; `None` at the maximum.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl TryFrom<i32> for Epoch {
    type Error = OutOfRange;

    fn try_from(number: i32) -> Result<Self, OutOfRange> {
        Self::new(number)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
