//! Consistency check of object store and database; queues unreferenced objects for deletion (storage §4.7).
//!
//! Both sides change during the check: uploads write objects before they commit, and the sweeper deletes objects that the
//! listing still shows. So every mismatch is looked up again on the other side before it is reported.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use less_sync_core::SpaceId;
use less_sync_storage::{
    BlobError, Blobs, ListedBlob, LiveObject, ObjectKey, ObjectName, ObjectUse, Objects, StorageError,
};

/// Objects or files compared per database query.
const BATCH: usize = 1000;
/// Concurrent lookups in the object store.
const CONCURRENT_LOOKUPS: usize = 16;

/// Scope and actions of a check.
#[derive(Clone, Copy, Debug)]
pub struct FsckOptions {
    /// The only space to check; all spaces if `None`.
    pub only: Option<SpaceId>,
    /// Minimum age of an object; younger ones may belong to uploads in progress and are not reported.
    pub min_age: Duration,
    /// Queues orphans for deletion if true.
    pub delete: bool,
}

/// Inconsistency between object store and database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Object that no file and no queue entry refers to.
    Orphan {
        /// Name in the object store.
        name: ObjectName,
        /// Size in bytes.
        size: u64,
    },
    /// Remains of an upload whose process died.
    UnfinishedUpload {
        /// Name in the object store.
        name: ObjectName,
    },
    /// Object whose name is not a key of this server.
    UnknownName {
        /// Name in the object store.
        name: ObjectName,
    },
    /// Live file without an object.
    Missing {
        /// Name of the missing object.
        name: ObjectName,
    },
    /// Object with another size than its file.
    SizeMismatch {
        /// Name in the object store.
        name: ObjectName,
        /// Size in the database, in bytes.
        expected: u64,
        /// Size in the object store, in bytes.
        actual: u64,
    },
}

/// Totals of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsckSummary {
    /// Objects listed.
    pub objects: u64,
    /// Live files checked.
    pub files: u64,
    /// Findings reported.
    pub findings: u64,
    /// Orphans queued for deletion.
    pub pending_delete: u64,
}

/// Failure that ended a check early.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// Failure of the database.
    #[error("database operation failed")]
    Storage(#[from] StorageError),
    /// Failure of the object store.
    #[error("object store operation failed")]
    Blobs(#[from] BlobError),
}

/// A check of the object store against the database, in bounded memory.
pub struct Fsck {
    objects: Arc<dyn Objects>,
    blobs: Arc<dyn Blobs>,
    options: FsckOptions,
    summary: FsckSummary,
}

impl Fsck {
    /// A check of `blobs` against `objects`.
    #[must_use]
    pub fn new(objects: Arc<dyn Objects>, blobs: Arc<dyn Blobs>, options: FsckOptions) -> Self {
        Self { objects, blobs, options, summary: FsckSummary::default() }
    }

    /// Runs the check and passes each finding to `report` at once.
    ///
    /// # Errors
    /// [`FsckError`]; findings reported before it are valid.
    pub async fn run(mut self, mut report: impl FnMut(Finding)) -> Result<FsckSummary, FsckError> {
        let prefix = self.options.only.map_or("spaces/".to_owned(), |space| format!("spaces/{space}/"));
        let mut listing = self.blobs.list(&prefix).try_chunks(BATCH);
        while let Some(batch) = listing.next().await {
            let batch = batch.map_err(|stream::TryChunksError(_, error)| error)?;
            self.compare_objects(batch, &mut report).await?;
        }
        self.compare_files(&mut report).await?;
        Ok(self.summary)
    }

    async fn compare_objects(
        &mut self,
        mut batch: Vec<ListedBlob>,
        report: &mut impl FnMut(Finding),
    ) -> Result<(), FsckError> {
        self.summary.objects += batch.len() as u64;
        batch.retain(|blob| blob.age >= self.options.min_age);
        let (mut keys, mut listed) = (Vec::new(), Vec::new());
        for mut blob in batch {
            match blob.key.take() {
                Some(key) => {
                    keys.push(key);
                    listed.push(blob);
                }
                None => self.found(Finding::UnknownName { name: blob.name }, report),
            }
        }
        let uses = self.objects.object_uses(&keys).await?;
        for ((key, blob), used) in keys.iter().zip(listed).zip(uses) {
            if let Some(finding) = self.examine(key, blob, used).await? {
                self.found(finding, report);
            }
        }
        Ok(())
    }

    async fn examine(
        &mut self,
        key: &ObjectKey,
        blob: ListedBlob,
        used: ObjectUse,
    ) -> Result<Option<Finding>, FsckError> {
        let ListedBlob { name, size, unfinished, .. } = blob;
        Ok(match used {
            // The upload was repeated under the same key and succeeded; the remains of the first attempt are beside it.
            ObjectUse::Live { .. } if unfinished => Some(Finding::UnfinishedUpload { name }),
            ObjectUse::Live { size: expected } if expected != size => {
                Some(Finding::SizeMismatch { name, expected, actual: size })
            }
            ObjectUse::Queued | ObjectUse::Live { .. } => None,
            ObjectUse::Orphan => {
                // The sweeper deletes the object before its queue entry, so an object that was listed before and looked
                // up after that is in neither: not an orphan.
                if !unfinished && self.is_missing(key).await? {
                    return Ok(None);
                }
                if self.options.delete && self.objects.mark_orphan_for_deletion(key).await? {
                    self.summary.pending_delete += 1;
                }
                Some(if unfinished {
                    Finding::UnfinishedUpload { name }
                } else {
                    Finding::Orphan { name, size }
                })
            }
        })
    }

    async fn compare_files(&mut self, report: &mut impl FnMut(Finding)) -> Result<(), FsckError> {
        let mut after = None;
        loop {
            let files = self.objects.live_objects(self.options.only, after, BATCH).await?;
            let Some(last) = files.last() else { return Ok(()) };
            after = Some((last.space, last.file));
            self.summary.files += files.len() as u64;
            let lookups = files.into_iter().map(|file| self.missing(file));
            let missing: Vec<Option<ObjectName>> =
                stream::iter(lookups.collect::<Vec<_>>()).buffered(CONCURRENT_LOOKUPS).try_collect().await?;
            for name in missing.into_iter().flatten() {
                self.found(Finding::Missing { name }, report);
            }
        }
    }

    /// Name of the object of `file`, if it is missing and the file is still live.
    async fn missing(&self, file: LiveObject) -> Result<Option<ObjectName>, FsckError> {
        let Some(key) = file.name.key() else { return Ok(Some(file.name)) };
        if !self.is_missing(&key).await? {
            return Ok(None);
        }
        // The file may have been deleted, and its object with it, since the page was read.
        let used = self.objects.object_uses(std::slice::from_ref(&key)).await?;
        Ok(matches!(used.first(), Some(ObjectUse::Live { .. })).then_some(file.name))
    }

    async fn is_missing(&self, key: &ObjectKey) -> Result<bool, FsckError> {
        match self.blobs.size(key).await {
            Ok(_) => Ok(false),
            Err(BlobError::NotFound) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn found(&mut self, finding: Finding, report: &mut impl FnMut(Finding)) {
        self.summary.findings += 1;
        report(finding);
    }
}

impl std::fmt::Debug for Fsck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fsck").field("options", &self.options).finish_non_exhaustive()
    }
}
