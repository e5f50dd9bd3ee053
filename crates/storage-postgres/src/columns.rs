//! Decoders of rows of `spaces` and of hashes, beside those of `less_sync_storage::stored`.

use less_sync_storage::stored::{CorruptRow, cursor, epoch};
use less_sync_storage::{Space, SpaceKind};
use uuid::Uuid;

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

/// A stored SHA-256.
pub(crate) fn hash(bytes: Vec<u8>) -> Result<[u8; 32], CorruptRow> {
    bytes.try_into().map_err(|_| CorruptRow("hash"))
}
