//! Files: encrypted objects that belong to records, sent and fetched as streams (http §7, storage §4).
//!
//! An upload is written down, streamed into the object store under a name of its own, and becomes the file in one
//! commit. Whatever happens before that commit leaves an object that is removed again; nothing ever makes a file out of
//! an object alone.

mod delete;
mod download;
mod error;
mod metrics;
mod room;
mod sweep;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use less_sync_auth::Caller;
use less_sync_auth::rights::{self, Scope};
use less_sync_core::SpaceId;
use less_sync_storage::{Blobs, ReadGrant, WriteGrant};

use crate::{Credentials, Engine, Spawner};
pub use download::Download;
pub use error::FileError;
use metrics::Metrics;
pub use metrics::Sample;
use room::Room;
pub use sweep::Swept;
pub use upload::{Begun, Finished, UploadInProgress};

/// Bounds of files.
#[derive(Clone, Copy, Debug)]
pub struct FileSettings {
    /// Ciphertext of one file, in bytes (`MAX_FILE_SIZE`).
    pub max_size: u64,
    /// Uploads at once (`FILE_UPLOAD_CONCURRENCY`).
    pub uploads: usize,
    /// Downloads at once (`FILE_DOWNLOAD_CONCURRENCY`).
    pub downloads: usize,
    /// How long a transfer may stand still (`FILE_IDLE_TIMEOUT_SECS`).
    pub idle_timeout: Duration,
    /// How long objects of deleted files are kept (`BLOB_DELETE_GRACE_SECS`).
    pub delete_grace: Duration,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            max_size: 104_857_600,
            uploads: 32,
            downloads: 256,
            idle_timeout: Duration::from_secs(30),
            delete_grace: Duration::from_mins(1),
        }
    }
}

/// The use cases of files, over an engine and an object store. Clones share everything.
#[derive(Clone)]
pub struct Files(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    blobs: Arc<dyn Blobs>,
    spawner: Arc<dyn Spawner>,
    uploads: Room,
    downloads: Room,
    settings: FileSettings,
    metrics: Metrics,
}

impl Files {
    /// Files whose bytes are in `blobs`. Work that must outlive its request is given to `spawner`.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        blobs: Arc<dyn Blobs>,
        spawner: Arc<dyn Spawner>,
        settings: FileSettings,
    ) -> Self {
        let (uploads, downloads) = (Room::new(settings.uploads), Room::new(settings.downloads));
        let metrics = Metrics::default();
        Self(Arc::new(Shared { engine, blobs, spawner, uploads, downloads, settings, metrics }))
    }

    /// Their bounds.
    #[must_use]
    pub fn settings(&self) -> FileSettings {
        self.0.settings
    }

    /// Whether the object store works, found out by using it (storage §4.8).
    ///
    /// # Errors
    /// What went wrong.
    pub async fn probe(&self) -> Result<(), less_sync_storage::BlobError> {
        self.0.blobs.probe().await
    }

    /// Checks that `caller` may use files at all (http §7.2 row 1).
    ///
    /// # Errors
    /// [`FileError::ScopeMissing`].
    pub fn check_scope(&self, caller: &Caller) -> Result<(), FileError> {
        if caller.scopes.contains(Scope::Files.as_str()) { Ok(()) } else { Err(FileError::ScopeMissing) }
    }

    /// The right to upload to `space` and to delete there.
    ///
    /// # Errors
    /// As rows 5 to 9 of http §7.2 say.
    pub async fn authorize_write(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<WriteGrant, FileError> {
        let authorizer = &self.0.engine.authorizer;
        let admission = authorizer.admit_to_files(rights::UPLOAD, credentials, space).await?;
        Ok(admission.writing()?)
    }

    /// The right to download from `space`.
    ///
    /// # Errors
    /// As rows 5 to 9 of http §7.2 say.
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
