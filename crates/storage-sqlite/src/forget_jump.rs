//! Removal of the record of a complete restore jump (operations §12).

use less_sync_storage::{Flow, JUMP_SETTING, StorageError};
use rusqlite::{Connection, OptionalExtension};

use crate::SqliteStorage;
use crate::cursor_jump::RECORDED;
use crate::error::storage_error;

impl SqliteStorage {
    /// Removes the record of a complete restore jump, so that the next `after-restore` jumps again. For servers.
    ///
    /// # Errors
    /// Failures of the database only.
    pub async fn forget_jump(&self) -> Result<(), StorageError> {
        let is_recorded = self.readers.read(Flow::SERVER, |db| {
            let recorded = db.query_row(RECORDED, [JUMP_SETTING], |_row| Ok(())).optional();
            recorded.map(|row| row.is_some()).map_err(storage_error)
        });
        if !is_recorded.await? {
            return Ok(());
        }
        let delete = |db: &Connection| {
            let deleted = db.execute("DELETE FROM server_settings WHERE name = ?1", [JUMP_SETTING]);
            deleted.map(drop).map_err(storage_error)
        };
        self.writer.write(JUMP_SETTING.len(), delete).await
    }
}
