//! Compares the object store with the database, and has removed what nothing refers to (storage §4.7).

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use less_sync_core::SpaceId;
use less_sync_storage::{
    BlobError, Blobs, ListedBlob, LiveObject, ObjectKey, ObjectUse, Objects, StorageError,
};

/// Objects, or files, that are compared at a time.
const BATCH: usize = 1000;
/// Files whose objects are looked for at once.
const LOOKS: usize = 16;

/// What to look at, and what to do.
#[derive(Clone, Copy, Debug)]
pub struct FsckOptions {
    /// One space, or all.
    pub only: Option<SpaceId>,
    /// Younger objects are left alone, and left out.
    pub min_age: Duration,
    /// Whether to have orphans removed.
    pub delete: bool,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An object that nothing refers to.
    Orphan {
        /// Its name.
        name: String,
        /// Its size, in bytes.
        size: u64,
    },
    /// What a dead process left of an upload.
    Leftover {
        /// Its name.
        name: String,
    },
    /// An object under a name that we give to none.
    Stranger {
        /// Its name.
        name: String,
    },
    /// A live file without its object.
    Missing {
        /// The name that the object should have.
        name: String,
    },
    /// An object of another size than its file.
    WrongSize {
        /// Its name.
        name: String,
        /// Size by the row.
        expected: u64,
        /// Size by the store.
        actual: u64,
    },
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsckSummary {
    /// Objects that were looked at.
    pub objects: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Findings.
    pub findings: u64,
    /// Orphans that will be removed.
    pub doomed: u64,
}

/// The comparison could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// The database failed.
    #[error("database failed")]
    Storage(#[from] StorageError),
    /// The object store failed.
    #[error("object store failed")]
    Blobs(#[from] BlobError),
}

/// A comparison. Everything is read page by page; whatever changes meanwhile is looked at again before it is reported.
pub struct Fsck {
    objects: Arc<dyn Objects>,
    blobs: Arc<dyn Blobs>,
    options: FsckOptions,
    summary: FsckSummary,
}

impl Fsck {
    /// A comparison of `objects` with `blobs`.
    #[must_use]
    pub fn new(objects: Arc<dyn Objects>, blobs: Arc<dyn Blobs>, options: FsckOptions) -> Self {
        Self { objects, blobs, options, summary: FsckSummary::default() }
    }

    /// Compares, and reports each finding as it is made.
    ///
    /// # Errors
    /// [`FsckError`]; what was reported until then holds.
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
        let (mut keys, mut named) = (Vec::new(), Vec::new());
        for blob in batch {
            match ObjectKey::parse(blob.name.split('#').next().unwrap_or_default()) {
                Ok(key) => {
                    keys.push(key);
                    named.push(blob);
                }
                Err(_) => self.found(Finding::Stranger { name: blob.name }, report),
            }
        }
        let uses = self.objects.object_uses(&keys).await?;
        for ((key, blob), used) in keys.iter().zip(named).zip(uses) {
            if let Some(finding) = self.judge(key, blob, used).await? {
                self.found(finding, report);
            }
        }
        Ok(())
    }

    async fn judge(
        &mut self,
        key: &ObjectKey,
        blob: ListedBlob,
        used: ObjectUse,
    ) -> Result<Option<Finding>, FsckError> {
        let ListedBlob { name, size, .. } = blob;
        let is_leftover = name.contains('#');
        Ok(match used {
            ObjectUse::Live { .. } if is_leftover => Some(Finding::Leftover { name }),
            ObjectUse::Live { size: expected } if expected != size => {
                Some(Finding::WrongSize { name, expected, actual: size })
            }
            ObjectUse::Queued | ObjectUse::Live { .. } => None,
            ObjectUse::Orphan => {
                // It may have been removed since it was listed, and forgotten with that.
                if !is_leftover && self.is_gone(key).await? {
                    return Ok(None);
                }
                if self.options.delete && self.objects.doom_orphan(key).await? {
                    self.summary.doomed += 1;
                }
                Some(if is_leftover { Finding::Leftover { name } } else { Finding::Orphan { name, size } })
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
            let looks = files.into_iter().map(|file| self.missing(file));
            let missing: Vec<Option<String>> =
                stream::iter(looks.collect::<Vec<_>>()).buffered(LOOKS).try_collect().await?;
            for name in missing.into_iter().flatten() {
                self.found(Finding::Missing { name }, report);
            }
        }
    }

    /// The name of the object of `file`, if it is not there although the file still is.
    async fn missing(&self, file: LiveObject) -> Result<Option<String>, FsckError> {
        let Ok(key) = ObjectKey::parse(&file.key) else { return Ok(Some(file.key)) };
        if !self.is_gone(&key).await? {
            return Ok(None);
        }
        let used = self.objects.object_uses(std::slice::from_ref(&key)).await?;
        Ok(matches!(used.first(), Some(ObjectUse::Live { .. })).then_some(file.key))
    }

    async fn is_gone(&self, key: &ObjectKey) -> Result<bool, FsckError> {
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
