//! Files: encrypted objects that belong to records, uploaded and downloaded as streams (http §7, storage §4).
//!
//! An upload first stores an intent in the database, then streams into the object store under a key of its own, and becomes
//! the file by one commit. If it ends before that commit, the intent leads the sweeper to the object, which is deleted. No
//! object becomes a file without a commit.

mod delete;
mod download;
pub(crate) mod error;
mod metrics;
mod sweep;
mod transfer_limiter;
mod transfer_rate;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::Caller;
use less_sync_auth::rights::{self, Scope};
use less_sync_core::SpaceId;
use less_sync_metrics::Registry;
use less_sync_storage::{Blobs, ReadGrant, WriteGrant};

use crate::{Credentials, Engine, Spawner};
pub use download::Download;
pub use error::FileError;
use metrics::Metrics;
pub use sweep::Swept;
use transfer_limiter::TransferLimiter;
pub use transfer_rate::{RATE_WINDOW, TransferRate};
pub use upload::{UploadInProgress, UploadResult, UploadStart};

/// Limits of files.
#[derive(Clone, Copy, Debug)]
pub struct FileSettings {
    /// Maximum ciphertext of one file, in bytes, inclusive; 100 MiB by default (`MAX_FILE_SIZE`).
    pub max_size: u64,
    /// Maximum concurrent uploads; 32 by default (`FILE_UPLOAD_CONCURRENCY`).
    pub uploads: usize,
    /// Maximum concurrent downloads; 256 by default (`FILE_DOWNLOAD_CONCURRENCY`).
    pub downloads: usize,
    /// Maximum time without progress of a transfer; 30 s by default (`FILE_IDLE_TIMEOUT_SECS`).
    pub idle_timeout: Duration,
    /// Minimum rate of a transfer in bytes per second, inclusive, averaged over [`RATE_WINDOW`]; 4 KiB/s by default, 0 turns
    /// the check off (`FILE_MIN_RATE`).
    pub min_rate: u64,
    /// Time between the deletion of a file and that of its object, for downloads in progress; 1 min by default
    /// (`BLOB_DELETE_GRACE_SECS`).
    pub delete_grace: Duration,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            max_size: 104_857_600,
            uploads: 32,
            downloads: 256,
            idle_timeout: Duration::from_secs(30),
            min_rate: 4096,
            delete_grace: Duration::from_mins(1),
        }
    }
}

/// The use cases of files, over an engine and an object store. Clones share their state.
#[derive(Clone)]
pub struct Files(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    blobs: Arc<dyn Blobs>,
    spawner: Arc<dyn Spawner>,
    uploads: Arc<TransferLimiter>,
    downloads: Arc<TransferLimiter>,
    settings: FileSettings,
    metrics: Metrics,
}

impl Files {
    /// Files with objects in `blobs`. Work that must outlive its request runs on `spawner`.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        blobs: Arc<dyn Blobs>,
        spawner: Arc<dyn Spawner>,
        settings: FileSettings,
    ) -> Self {
        let uploads = TransferLimiter::new(settings.uploads, engine.nodes.clone());
        let downloads = TransferLimiter::new(settings.downloads, engine.nodes.clone());
        let metrics = Metrics::default();
        Self(Arc::new(Shared { engine, blobs, spawner, uploads, downloads, settings, metrics }))
    }

    /// Limits of files.
    #[must_use]
    pub fn settings(&self) -> FileSettings {
        self.0.settings
    }

    /// Registers all metrics of files.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let Shared { metrics, uploads, downloads, .. } = &*self.0;
        metrics.register(registry, uploads, downloads);
    }

    /// Writes, reads and deletes a probe object (storage §4.8).
    ///
    /// # Errors
    /// Failures of the object store.
    pub async fn probe(&self) -> Result<(), less_sync_storage::BlobError> {
        self.0.blobs.probe().await
    }

    /// Checks the scope of `caller` for files (http §7.2 row 1).
    ///
    /// # Errors
    /// [`FileError::ScopeMissing`].
    pub fn check_scope(&self, caller: &Caller) -> Result<(), FileError> {
        if caller.scopes.contains(Scope::Files.as_str()) { Ok(()) } else { Err(FileError::ScopeMissing) }
    }

    /// Authorizes uploads to `space` and deletions in it.
    ///
    /// # Errors
    /// Rejections of http §7.2 rows 5 to 9; failures of the database.
    pub async fn authorize_write(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<WriteGrant, FileError> {
        let authorizer = &self.0.engine.authorizer;
        let admission = authorizer.admit_to_files(rights::UPLOAD, credentials, space).await?;
        Ok(admission.writing()?)
    }

    /// Authorizes downloads from `space`.
    ///
    /// # Errors
    /// Rejections of http §7.2 rows 5 to 9; failures of the database.
    pub async fn authorize_read(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<ReadGrant, FileError> {
        let authorizer = &self.0.engine.authorizer;
        let admission = authorizer.admit_to_files(rights::DOWNLOAD, credentials, space).await?;
        Ok(admission.reading()?)
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
