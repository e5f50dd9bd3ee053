//! Deletion of one file (newer-clients §7).

use less_sync_core::FileId;
use less_sync_storage::{FileChange, FileEntry, FileState, WriteGrant};

use super::{FileError, Files};
use crate::{FileEvent, SpaceEvent};

impl Files {
    /// Deletes `file` and publishes the deletion; its object is deleted after the grace period. Idempotent: a file that is
    /// deleted already, or never existed, is no error.
    ///
    /// # Errors
    /// As [`less_sync_storage::Files::delete_file`].
    pub async fn delete(&self, grant: &WriteGrant, file: FileId) -> Result<(), FileError> {
        // Detached: if the client disconnects during the commit, the event must still be published.
        let (this, grant) = (self.clone(), grant.clone());
        self.detached("file deletion", async move {
            let deleted = this.0.engine.storage.delete_file(&grant, file).await?;
            if let Some(change) = deleted {
                this.publish(&grant, file, change, FileState::Tombstone);
            }
            Ok(())
        })
        .await
    }

    /// Publishes the new state of a file to the subscribers of its space.
    pub(super) fn publish(&self, grant: &WriteGrant, id: FileId, change: FileChange, state: FileState) {
        let FileChange { prev, cursor, key_generation, rewrap_epoch, record } = change;
        let file = FileEntry { id, record, cursor, state };
        let event = FileEvent { space: grant.space(), prev, key_generation, rewrap_epoch, file };
        self.0.engine.events.publish(SpaceEvent::FileChanged(event));
    }
}
