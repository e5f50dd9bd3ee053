//! Decoders of stored columns. A value out of its range is a corrupt row: no statement of this adapter writes one.

use less_sync_core::{ChainSeq, Cursor, Dek, Epoch, MetadataVersion};

use crate::error::CorruptRow;

/// A stored cursor.
pub(crate) fn cursor(number: i64) -> Result<Cursor, CorruptRow> {
    Cursor::try_from(number).map_err(|_| CorruptRow("cursor"))
}

/// A stored epoch.
pub(crate) fn epoch(number: i32) -> Result<Epoch, CorruptRow> {
    Epoch::new(number).map_err(|_| CorruptRow("epoch"))
}

/// A stored position of an entry in its membership log.
pub(crate) fn chain_seq(number: i32) -> Result<ChainSeq, CorruptRow> {
    ChainSeq::new(number).map_err(|_| CorruptRow("position in a membership log"))
}

/// A stored version of a membership log.
pub(crate) fn metadata_version(number: i32) -> Result<MetadataVersion, CorruptRow> {
    MetadataVersion::new(number).map_err(|_| CorruptRow("metadata version"))
}

/// The stored size of a file, in bytes.
pub(crate) fn size(bytes: i64) -> Result<u64, CorruptRow> {
    u64::try_from(bytes).map_err(|_| CorruptRow("size of a file"))
}

/// A stored wrapped key.
pub(crate) fn dek(bytes: &[u8]) -> Result<Dek, CorruptRow> {
    Dek::try_from(bytes).map_err(|_| CorruptRow("wrapped key"))
}
