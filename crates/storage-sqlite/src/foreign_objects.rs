//! Uses of objects in a database that this process does not write: one of a running server, or of a snapshot.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{
    ClaimDue, DueObject, LiveObject, ObjectKey, ObjectQueueState, ObjectUse, Objects, StorageError, UploadId,
};
use parking_lot::Mutex;

use crate::error::unavailable;
use crate::foreign_database::ForeignDatabase;
use crate::objects::{Walk, due, uses};
use crate::{OpenError, migrate};

/// Read-only adapter for tools. Each call blocks for one read; operations that change the queue fail as `Unavailable`.
pub struct ForeignObjects {
    db: Mutex<ForeignDatabase>,
}

impl ForeignObjects {
    /// Opens the database at `path`. Neither creates nor migrates it, and takes no lock, so that a server may write
    /// meanwhile.
    ///
    /// # Errors
    /// See [`OpenError`]; in particular a missing database, and one whose schema is outdated.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let found = path.try_exists().map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
        if !found {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let db = ForeignDatabase::open(path)?;
        migrate::require_current(&db)?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Checks after the last read that no process wrote what was read without locks, as from a snapshot of a file system.
    ///
    /// # Errors
    /// [`OpenError::InUse`]: what was read may be mixed from several states.
    pub fn require_quiet(&self) -> Result<(), OpenError> {
        self.db.lock().require_quiet()
    }
}

#[async_trait]
impl Objects for ForeignObjects {
    async fn claim_due_objects(&self, _claim: ClaimDue) -> Result<Vec<DueObject>, StorageError> {
        Err(unavailable(OpenedToRead))
    }

    async fn forget_object(&self, _space: SpaceId, _entry: UploadId) -> Result<(), StorageError> {
        Err(unavailable(OpenedToRead))
    }

    async fn postpone_object(
        &self,
        _space: SpaceId,
        _entry: UploadId,
        _delay: Duration,
    ) -> Result<(), StorageError> {
        Err(unavailable(OpenedToRead))
    }

    async fn object_uses(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError> {
        let db = self.db.lock();
        uses::snapshot(&db, keys)
    }

    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError> {
        let (db, mut walk, mut live) = (self.db.lock(), Walk::new(only, after), Vec::new());
        while live.len() < limit && !walk.is_over() {
            let (next, found) = walk.step(&db, limit - live.len())?;
            live.extend(found);
            walk = next;
        }
        live.truncate(limit);
        Ok(live)
    }

    async fn mark_orphan_for_deletion(&self, _key: &ObjectKey) -> Result<bool, StorageError> {
        Err(unavailable(OpenedToRead))
    }

    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError> {
        due::state(&self.db.lock(), grace)
    }
}

impl fmt::Debug for ForeignObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignObjects").finish_non_exhaustive()
    }
}

/// A change was asked for.
#[derive(Debug, thiserror::Error)]
#[error("database was opened to be read only")]
struct OpenedToRead;
