//! Numbers that only grow: cursors and epochs.

use std::fmt;

/// A number outside the range of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("number out of range")]
pub struct OutOfRange;

/// Position in the history of a space: 0 at first, one more for every committed mutation.
///
/// At most 2^53 − 1, so that a JavaScript number holds it (protocol §0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first mutation.
    pub const ZERO: Self = Self(0);
    /// The last cursor a space can have.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The cursor with this number.
    ///
    /// # Errors
    /// The number is above [`Cursor::MAX`].
    pub const fn new(number: u64) -> Result<Self, OutOfRange> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as databases hold it.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// The cursor of the next mutation; `None` when the space has used them all.
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

/// Key generation of a space, 1 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(i32);

impl Epoch {
    /// The epoch of a new space.
    pub const FIRST: Self = Self(1);

    /// The epoch with this number.
    ///
    /// # Errors
    /// The number is below 1.
    pub const fn new(number: i32) -> Result<Self, OutOfRange> {
        if number >= 1 { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
