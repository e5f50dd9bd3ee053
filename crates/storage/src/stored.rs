//! Decoders of stored values, for adapters. A value out of its range is a corrupt row: no statement of an adapter writes one.

use less_sync_core::{ChainSeq, Cursor, Dek, Epoch, MetadataVersion, PeerId};

use crate::{HomeHint, StorageError};

/// A stored value out of its range, named by what it is.
#[derive(Debug, thiserror::Error)]
#[error("stored {0} is out of its range")]
pub struct CorruptRow(pub &'static str);

impl<R> From<CorruptRow> for StorageError<R> {
    fn from(corrupt: CorruptRow) -> Self {
        Self::Database(corrupt.into())
    }
}

/// A stored cursor.
///
/// # Errors
/// [`CorruptRow`], as for all decoders.
pub fn cursor(number: i64) -> Result<Cursor, CorruptRow> {
    Cursor::try_from(number).map_err(|_| CorruptRow("cursor"))
}

/// A stored name of a peer.
///
/// # Errors
/// [`CorruptRow`].
pub fn peer_id(name: &str) -> Result<PeerId, CorruptRow> {
    name.parse().map_err(|_| CorruptRow("name of a peer"))
}

/// A stored home hint; an empty tag is none.
///
/// # Errors
/// [`CorruptRow`].
pub fn home_hint(peer: &str, tag: Option<&[u8]>) -> Result<HomeHint, CorruptRow> {
    let tag = tag.filter(|tag| !tag.is_empty()).map(<[u8; crate::HINT_TAG]>::try_from).transpose();
    Ok(HomeHint { peer: peer_id(peer)?, tag: tag.map_err(|_| CorruptRow("tag of a home hint"))? })
}

/// A stored epoch.
///
/// # Errors
/// [`CorruptRow`].
pub fn epoch(number: i32) -> Result<Epoch, CorruptRow> {
    Epoch::new(number).map_err(|_| CorruptRow("epoch"))
}

/// A stored position of an entry in its membership log.
///
/// # Errors
/// [`CorruptRow`].
pub fn chain_seq(number: i32) -> Result<ChainSeq, CorruptRow> {
    ChainSeq::new(number).map_err(|_| CorruptRow("position in a membership log"))
}

/// A stored version of a membership log.
///
/// # Errors
/// [`CorruptRow`].
pub fn metadata_version(number: i32) -> Result<MetadataVersion, CorruptRow> {
    MetadataVersion::new(number).map_err(|_| CorruptRow("metadata version"))
}

/// The stored size of a file, in bytes.
///
/// # Errors
/// [`CorruptRow`].
pub fn size(bytes: i64) -> Result<u64, CorruptRow> {
    u64::try_from(bytes).map_err(|_| CorruptRow("size of a file"))
}

/// A stored wrapped key.
///
/// # Errors
/// [`CorruptRow`].
pub fn dek(bytes: &[u8]) -> Result<Dek, CorruptRow> {
    Dek::try_from(bytes).map_err(|_| CorruptRow("wrapped key"))
}
