//! Object queue: upload attempts, and objects pending deletion (storage §4.6, §4.7).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{FileId, SpaceId};

use crate::{ObjectKey, ObjectName, StorageError, UploadId};

/// Shortest delay between the deletion of a file and the removal of its object, for the sake of running downloads (storage §4.6).
pub const OBJECT_GRACE: Duration = Duration::from_mins(1);

/// An object that is to be removed now, claimed by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueObject {
    /// The space of its file.
    pub space: SpaceId,
    /// Id of the entry in the queue; for an upload attempt, the id of the attempt.
    pub entry: UploadId,
    /// Name of the object.
    pub name: ObjectName,
    /// Failed deletion attempts so far.
    pub attempts: u32,
}

/// Selection of objects to remove.
#[derive(Clone, Copy, Debug)]
pub struct ClaimDue {
    /// Maximum number of objects.
    pub limit: usize,
    /// Lease: time during which no other caller can claim the same objects.
    pub lease: Duration,
    /// Grace period of objects after the deletion of their files (`BLOB_DELETE_GRACE_SECS`); less than
    /// [`OBJECT_GRACE`] counts as that.
    pub grace: Duration,
}

/// State of an object in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectUse {
    /// Content of a live file.
    Live {
        /// Recorded size in bytes.
        size: u64,
    },
    /// Upload in progress, or object pending delete.
    Queued,
    /// Unreferenced object.
    Orphan,
}

/// A live file and the key of its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    /// Name of the object.
    pub name: ObjectName,
    /// The space of the file.
    pub space: SpaceId,
    /// The file.
    pub file: FileId,
    /// Length of the object, in bytes.
    pub size: u64,
}

/// Fill level of the queue of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectQueueState {
    /// Uploads within their lifetime.
    pub uploads: u64,
    /// Objects that are to be removed, now or when their grace is over.
    pub pending_delete: u64,
    /// Age of the oldest due entry, counted from its due time.
    pub oldest_due: Option<Duration>,
}

/// The queue of objects: attempts to upload, and objects that must go. What an entry is due for follows from the entry:
///
/// - An attempt is due when its lifetime is over. Being aborted ends it, and an orphan is written down like that.
/// - An object of a deleted file is due when its grace is over, reckoned from the deletion.
/// - An entry that was claimed before is due when its lease, or the delay of its postponement, is over; its grace is over.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Claims due objects, the longest due first: attempts whose lifetime is over, which can no longer be committed, and
    /// objects of deleted files. Concurrent claims never return the same object; one that is not reported back within the
    /// lease is due again. No lock is held while the caller removes the objects.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn claim_due_objects(&self, claim: ClaimDue) -> Result<Vec<DueObject>, StorageError>;

    /// Removes the entry of a deleted object. Idempotent. Changes nothing for an entry that was never claimed and is no
    /// object of a deleted file, so an upload in progress is not affected.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn forget_object(&self, space: SpaceId, entry: UploadId) -> Result<(), StorageError>;

    /// Records a failed deletion; the object is due again after `delay`. Changes nothing where
    /// [`Objects::forget_object`] changes nothing.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn postpone_object(
        &self,
        space: SpaceId,
        entry: UploadId,
        delay: Duration,
    ) -> Result<(), StorageError>;

    /// Looks up the state of each of these objects, at most 1 000, in their order. One read.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn object_uses(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, StorageError>;

    /// Live files in ascending order of (space, file), after a given one, of one space or of all; at most `limit`.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn live_objects(
        &self,
        only: Option<SpaceId>,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, StorageError>;

    /// Marks an unreferenced object for deletion at once; the reference is looked up in the same transaction. Returns true if
    /// the object will be removed, also when it was pending deletion already.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn mark_orphan_for_deletion(&self, key: &ObjectKey) -> Result<bool, StorageError>;

    /// Fill level of the queue, when objects of deleted files are kept for `grace` (see [`ClaimDue::grace`]). One read.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn object_queue(&self, grace: Duration) -> Result<ObjectQueueState, StorageError>;
}
