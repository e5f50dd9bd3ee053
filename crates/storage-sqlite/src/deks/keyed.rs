//! The two things that have a data key.

use less_sync_core::{FileId, RecordId};
use less_sync_storage::StorageError;

/// Where the keys of one kind of thing are.
pub(super) trait Keyed: Copy + Send + 'static {
    /// The table, which has a column `wrapped_dek`.
    const TABLE: &'static str;
    /// A page of live keys: space, position (cursor, id), bound, limit.
    const PAGE: &'static str;
    /// Row id, cursor and key of one row: space, id.
    const FIND: &'static str;

    fn from_bytes(bytes: [u8; 16]) -> Self;
    fn bytes(&self) -> [u8; 16];
    /// There is no such row.
    fn not_found() -> StorageError;
}

impl Keyed for RecordId {
    const TABLE: &'static str = "records";
    const PAGE: &'static str = "\
        SELECT id, cursor, wrapped_dek FROM records
        WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4 AND deleted = 0
            AND wrapped_dek IS NOT NULL
        ORDER BY cursor, id LIMIT ?5";
    const FIND: &'static str =
        "SELECT rowid, cursor, wrapped_dek FROM records WHERE space_id = ?1 AND id = ?2";

    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }

    fn bytes(&self) -> [u8; 16] {
        *self.as_bytes()
    }

    fn not_found() -> StorageError {
        StorageError::DekRecordNotFound
    }
}

impl Keyed for FileId {
    const TABLE: &'static str = "files";
    const PAGE: &'static str = "\
        SELECT id, cursor, wrapped_dek FROM files
        WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4 AND deleted = 0
        ORDER BY cursor, id LIMIT ?5";
    const FIND: &'static str = "SELECT rowid, cursor, wrapped_dek FROM files WHERE space_id = ?1 AND id = ?2";

    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }

    fn bytes(&self) -> [u8; 16] {
        *self.as_bytes()
    }

    fn not_found() -> StorageError {
        StorageError::FileDekNotFound
    }
}
