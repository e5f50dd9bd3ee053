//! Decoders of stored columns and rows. A value out of its range is a corrupt row: no statement of this adapter writes
//! one.

use less_sync_core::{ChainSeq, Cursor, Dek, Epoch, MetadataVersion};
use less_sync_storage::{Space, SpaceKind};
use uuid::Uuid;

use crate::error::CorruptRow;

/// A row of `spaces`.
pub(crate) struct SpaceRow {
    pub(crate) id: Uuid,
    pub(crate) client_id: String,
    pub(crate) root_public_key: Option<Vec<u8>>,
    pub(crate) cursor: i64,
    pub(crate) key_generation: i32,
    pub(crate) min_key_generation: i32,
    pub(crate) rewrap_epoch: Option<i32>,
    pub(crate) home_server: Option<String>,
}

impl SpaceRow {
    pub(crate) fn read(self) -> Result<Space, CorruptRow> {
        Ok(Space {
            id: self.id.into(),
            client_id: self.client_id,
            kind: self.root_public_key.map_or(Ok(SpaceKind::Personal), shared)?,
            cursor: cursor(self.cursor)?,
            key_generation: epoch(self.key_generation)?,
            min_key_generation: epoch(self.min_key_generation)?,
            rewrap_epoch: self.rewrap_epoch.map(epoch).transpose()?,
            home_server: self.home_server,
        })
    }
}

fn shared(root: Vec<u8>) -> Result<SpaceKind, CorruptRow> {
    let root_public_key = root.try_into().map_err(|_| CorruptRow("root public key"))?;
    Ok(SpaceKind::Shared { root_public_key })
}

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

/// A stored SHA-256.
pub(crate) fn hash(bytes: Vec<u8>) -> Result<[u8; 32], CorruptRow> {
    bytes.try_into().map_err(|_| CorruptRow("hash"))
}
