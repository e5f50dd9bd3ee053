//! Uploads, from the intent to the commit (storage §4.3).

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::ErrorChain;
use less_sync_storage::{BlobWriter, Claim, Claimed, Content, FileCommit, FileState, Upload, WriteGrant};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::room::Place;
use super::{FileError, Files};

/// The least that an attempt may take before its object is given up.
const SHORTEST_LIFETIME: Duration = Duration::from_hours(1);
/// The slowest upload that is waited for, in bytes per second.
const SLOWEST: u64 = 64 * 1024;

/// Whether there is anything to upload.
#[derive(Debug)]
pub enum Begun {
    /// The file is there already; its body need not be read.
    Exists,
    /// Send the bytes.
    Upload(Box<UploadInProgress>),
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The file exists from now on, and every watcher of the space was told.
    Created {
        /// SHA-256 of the ciphertext.
        sha256: [u8; 32],
    },
    /// Another upload of the same file was first; what it stored stays.
    Exists,
}

/// An upload whose bytes are on their way. Dropping it gives it up: its object is removed.
pub struct UploadInProgress {
    files: Files,
    grant: WriteGrant,
    claim: Claim,
    size: u64,
    received: u64,
    digest: Sha256,
    /// Taken when the upload ends, one way or the other.
    object: Option<Object>,
    _place: Place,
}

/// What has been begun and must be ended.
struct Object {
    upload: Upload,
    writer: Box<dyn BlobWriter>,
}

impl Files {
    /// Begins the upload of `size` bytes that `claim` says. Nothing of the body is needed yet.
    ///
    /// # Errors
    /// [`FileError::TooLarge`]; as [`less_sync_storage::Files::claim_file`]; [`FileError::TooManyUploads`];
    /// [`FileError::StorageFull`]; [`FileError::Blobs`].
    pub async fn begin_upload(
        &self,
        grant: &WriteGrant,
        claim: Claim,
        size: u64,
    ) -> Result<Begun, FileError> {
        if size > self.0.settings.max_size {
            return Err(FileError::TooLarge);
        }
        let storage = &self.0.engine.storage;
        if storage.claim_file(grant, &claim).await? == Claimed::Exists {
            self.0.metrics.repeated.increment();
            return Ok(Begun::Exists);
        }
        let place = self.0.uploads.take().ok_or(FileError::TooManyUploads)?;
        let upload = storage.begin_upload(grant, claim.file, self.lifetime(size)).await?;
        let writer = match self.0.blobs.create(&upload.object, size).await {
            Ok(writer) => writer,
            Err(error) => {
                self.forsake(upload);
                return Err(error.into());
            }
        };
        Ok(Begun::Upload(Box::new(UploadInProgress {
            files: self.clone(),
            grant: grant.clone(),
            claim,
            size,
            received: 0,
            digest: Sha256::new(),
            object: Some(Object { upload, writer }),
            _place: place,
        })))
    }

    fn lifetime(&self, size: u64) -> Duration {
        let slow = Duration::from_secs(size / SLOWEST);
        SHORTEST_LIFETIME.max(4 * self.0.settings.idle_timeout).max(slow)
    }

    /// Has the object of an attempt removed, in the background. When that fails, its lifetime does it.
    fn forsake(&self, upload: Upload) {
        let storage = self.0.engine.storage.clone();
        self.0.spawner.spawn("abandoned upload", Box::pin(async move { doom(&*storage, &upload).await }));
    }

    /// Runs `work` to its end, even when nobody waits for it any more.
    pub(super) async fn detached<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, FileError>> + Send + 'static,
    ) -> Result<T, FileError> {
        let (done, outcome) = oneshot::channel();
        let job = async move {
            let _nobody_waits = done.send(work.await);
        };
        self.0.spawner.spawn(name, Box::pin(job));
        outcome.await.unwrap_or(Err(FileError::Stopping))
    }
}

impl UploadInProgress {
    /// How long to wait for the next bytes.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.files.0.settings.idle_timeout
    }

    /// Adds bytes of the body.
    ///
    /// # Errors
    /// [`FileError::LengthMismatch`] when there are more than announced; [`FileError::StorageFull`],
    /// [`FileError::Blobs`]. The upload is to be dropped then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), FileError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.size {
            return Err(FileError::LengthMismatch);
        }
        self.digest.update(&bytes);
        self.files.0.metrics.bytes_up.add(bytes.len() as u64);
        let object = self.object.as_mut().ok_or(FileError::Stopping)?;
        Ok(object.writer.write(bytes).await?)
    }

    /// The body is complete: checks it, stores it, commits, and tells the watchers. Goes on to the end when the caller
    /// does not wait for it.
    ///
    /// # Errors
    /// [`FileError::LengthMismatch`], [`FileError::DigestMismatch`]; [`FileError::Blobs`]; as
    /// [`less_sync_storage::Files::commit_file`].
    pub async fn finish(mut self, expected: Option<[u8; 32]>) -> Result<Finished, FileError> {
        if self.received != self.size {
            return Err(FileError::LengthMismatch);
        }
        let sha256: [u8; 32] = std::mem::take(&mut self.digest).finalize().into();
        if expected.is_some_and(|expected| expected != sha256) {
            return Err(FileError::DigestMismatch);
        }
        let files = self.files.clone();
        files.detached("file commit", self.commit(sha256)).await
    }

    async fn commit(mut self, sha256: [u8; 32]) -> Result<Finished, FileError> {
        let Object { upload, writer } = self.object.take().ok_or(FileError::Stopping)?;
        let content = Content { size: self.size, sha256 };
        let (files, grant, claim) = (self.files.clone(), self.grant.clone(), self.claim);
        let committed = match writer.finish().await {
            Ok(()) => files.commit_upload(&grant, &upload, &claim, content).await,
            Err(error) => Err(error.into()),
        };
        match committed {
            Ok(finished @ Finished::Created { .. }) => Ok(finished),
            // Whether it was committed is not known: its lifetime decides.
            Err(error) if error.is_doubtful() => Err(error),
            other => {
                doom(&*files.0.engine.storage, &upload).await;
                other
            }
        }
    }
}

impl Files {
    async fn commit_upload(
        &self,
        grant: &WriteGrant,
        upload: &Upload,
        claim: &Claim,
        content: Content,
    ) -> Result<Finished, FileError> {
        match self.0.engine.storage.commit_file(grant, upload, claim, content).await? {
            FileCommit::Created(change) => {
                self.0.metrics.uploads.increment();
                let state = FileState::Live { size: content.size, dek: claim.dek };
                self.announce(grant, claim.file, change, state);
                Ok(Finished::Created { sha256: content.sha256 })
            }
            FileCommit::Exists => {
                self.0.metrics.repeated.increment();
                Ok(Finished::Exists)
            }
        }
    }
}

impl FileError {
    /// Whether a commit may have taken place all the same.
    fn is_doubtful(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

async fn doom(storage: &dyn less_sync_storage::Storage, upload: &Upload) {
    if let Err(error) = storage.abort_upload(upload).await {
        tracing::warn!(error = %ErrorChain(&error), "an abandoned object is left to its lifetime");
    }
}

impl Drop for UploadInProgress {
    fn drop(&mut self) {
        let Some(Object { upload, writer }) = self.object.take() else { return };
        self.files.0.metrics.abandoned.increment();
        let storage = self.files.0.engine.storage.clone();
        let job = async move {
            writer.abort().await;
            doom(&*storage, &upload).await;
        };
        self.files.0.spawner.spawn("abandoned upload", Box::pin(job));
    }
}

impl std::fmt::Debug for UploadInProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UploadInProgress")
            .field("size", &self.size)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
