//! Epoch of a space: its key generation number.

use crate::ordinal::ordinal;

ordinal! {
    /// Key generation of a space, starting at 1.
    Epoch, from 1
}

impl Epoch {
    /// Epoch of a new space.
    pub const FIRST: Self = Self(1);

    /// Epoch after this one; `None` at the maximum.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}
