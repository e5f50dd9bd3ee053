//! Positions in a membership log: the place of an entry, and the version of the log.

use std::fmt;

use crate::OutOfRange;

/// Place of an entry in its membership log, starting at 1, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainSeq(i32);

impl ChainSeq {
    /// Place of the first entry.
    pub const FIRST: Self = Self(1);
    /// Maximum place, inclusive.
    pub const MAX: Self = Self(i32::MAX);

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

    /// Version of the log that ends with this entry.
    #[must_use]
    pub const fn version(self) -> MetadataVersion {
        MetadataVersion(self.0)
    }

    /// Version of the log that ends before this entry.
    #[must_use]
    pub const fn version_before(self) -> MetadataVersion {
        MetadataVersion(self.0 - 1)
    }
}

impl fmt::Display for ChainSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Version of a membership log: the number of its entries, 0 for an empty log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetadataVersion(i32);

impl MetadataVersion {
    /// Version of an empty log.
    pub const ZERO: Self = Self(0);
    /// Maximum version of a log, inclusive.
    pub const MAX: Self = Self(i32::MAX);

    /// Checks the range and wraps the number.
    ///
    /// # Errors
    /// [`OutOfRange`] when the number is below 0.
    pub const fn new(number: i32) -> Result<Self, OutOfRange> {
        if number >= 0 { Ok(Self(number)) } else { Err(OutOfRange) }
    }

    /// Numeric value.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Place of the next entry; `None` at [`MetadataVersion::MAX`].
    #[must_use]
    pub const fn next_seq(self) -> Option<ChainSeq> {
        match self.0.checked_add(1) {
            Some(next) => Some(ChainSeq(next)),
            None => None,
        }
    }
}

impl TryFrom<i32> for MetadataVersion {
    type Error = OutOfRange;

    fn try_from(number: i32) -> Result<Self, OutOfRange> {
        Self::new(number)
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_start_at_zero_and_places_at_one() {
        assert_eq!((MetadataVersion::new(-1), ChainSeq::new(0)), (Err(OutOfRange), Err(OutOfRange)));
        assert_eq!(MetadataVersion::new(0), Ok(MetadataVersion::ZERO));
        assert_eq!(MetadataVersion::ZERO.next_seq(), Some(ChainSeq::FIRST));
        assert_eq!(MetadataVersion::MAX.next_seq(), None);
    }

    #[test]
    fn entry_lies_between_the_version_before_it_and_its_own() {
        let fifth = ChainSeq::new(5).unwrap();
        assert_eq!((fifth.version_before().get(), fifth.version().get()), (4, 5));
        assert_eq!(fifth.version_before().next_seq(), Some(fifth));
    }
}
