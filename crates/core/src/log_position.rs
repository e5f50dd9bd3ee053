//! Positions in a membership log: the place of an entry, and the version of the log.

use crate::ordinal::ordinal;

ordinal! {
    /// Place of an entry in its membership log, starting at 1, without gaps.
    ChainSeq, from 1
}

impl ChainSeq {
    /// Place of the first entry.
    pub const FIRST: Self = Self(1);

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

ordinal! {
    /// Version of a membership log: the number of its entries, 0 for an empty log.
    #[derive(Default)]
    MetadataVersion, from 0
}

impl MetadataVersion {
    /// Version of an empty log.
    pub const ZERO: Self = Self(0);

    /// Place of the next entry; `None` at [`MetadataVersion::MAX`].
    #[must_use]
    pub const fn next_seq(self) -> Option<ChainSeq> {
        match self.0.checked_add(1) {
            Some(next) => Some(ChainSeq(next)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::OutOfRange;

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
