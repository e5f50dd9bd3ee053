//! Uploads: intent, object, commit (storage §4.3).
//!
//! The order is what makes a crash harmless. The *intent* is committed first and names the object, so an object without a
//! file is always found by the sweeper. The *object* is complete and durable before the *commit*, so a file never refers to
//! missing bytes. The commit deletes the intent in the same transaction that creates the file.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::ErrorChain;
use less_sync_storage::{BlobWriter, Claim, Claimed, Content, FileCommit, FileState, Upload, WriteGrant};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::transfer_limiter::TransferPermit;
use super::transfer_rate::TransferRate;
use super::{FileError, Files};
use crate::Presenter;

/// Minimum lifetime of an upload intent.
const MIN_LIFETIME: Duration = Duration::from_hours(1);
/// Maximum lifetime of an upload intent, which bounds an upload.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 30);
/// Rate in bytes per second that sets the lifetime of the intent of a large file, unless uploads may be slower.
const LIFETIME_RATE: u64 = 4 * 1024;

/// Result of the start of an upload.
#[derive(Debug)]
pub enum UploadStart {
    /// The file exists; the body need not be read.
    Exists,
    /// The upload has started; write the body to it.
    Started(Box<UploadInProgress>),
}

/// Result of a finished upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadResult {
    /// The file was created and the event published.
    Created {
        /// SHA-256 of the ciphertext.
        sha256: [u8; 32],
    },
    /// Another upload of the same file was committed first; its bytes stay.
    Exists,
}

/// Upload in progress. Dropping it abandons the upload and deletes its object in the background.
pub struct UploadInProgress {
    files: Files,
    grant: WriteGrant,
    claim: Claim,
    size: u64,
    received: u64,
    digest: Sha256,
    /// Taken by the commit, or by `Drop`, which abandons the upload.
    object: Option<Object>,
    _permit: TransferPermit,
}

/// Intent and writer of an object, to be committed or abandoned.
struct Object {
    upload: Upload,
    writer: Box<dyn BlobWriter>,
}

impl Files {
    /// Starts an upload of `size` bytes for `claim` by `presenter`, before any byte of the body is read. It takes a place of the
    /// presenter's share of all places.
    ///
    /// # Errors
    /// [`FileError::TooLarge`]; as [`less_sync_storage::Files::claim_file`]; [`FileError::TooManyUploads`];
    /// [`FileError::StorageFull`]; [`FileError::Blobs`].
    pub async fn begin_upload(
        &self,
        grant: &WriteGrant,
        presenter: Presenter<'_>,
        claim: Claim,
        size: u64,
    ) -> Result<UploadStart, FileError> {
        if size > self.0.settings.max_size {
            return Err(FileError::TooLarge);
        }
        let storage = &self.0.engine.storage;
        let claimed = storage.claim_file(grant, &claim, size).await;
        self.0.engine.quota_rejections.count_file(&claimed);
        if claimed? == Claimed::Exists {
            self.0.metrics.repeated.inc();
            return Ok(UploadStart::Exists);
        }
        let permit = self.0.uploads.try_acquire(presenter).ok_or(FileError::TooManyUploads)?;
        // The intent is durable before the first byte is stored: whatever happens to this process, the object is found.
        let upload = storage.begin_upload(grant, claim.file, self.lifetime(size)).await?;
        let writer = match self.0.blobs.create(&upload.object, size).await {
            Ok(writer) => writer,
            Err(error) => {
                self.abandon(upload);
                return Err(error.into());
            }
        };
        Ok(UploadStart::Started(Box::new(UploadInProgress {
            files: self.clone(),
            grant: grant.clone(),
            claim,
            size,
            received: 0,
            digest: Sha256::new(),
            object: Some(Object { upload, writer }),
            _permit: permit,
        })))
    }

    /// Lifetime of the intent. Longer than any transfer that makes progress, since a sweeper that runs too early would
    /// delete the object of a live upload.
    fn lifetime(&self, size: u64) -> Duration {
        let settings = &self.0.settings;
        let rate = if settings.min_rate == 0 { LIFETIME_RATE } else { settings.min_rate.min(LIFETIME_RATE) };
        let slow = Duration::from_secs(size / rate).min(MAX_LIFETIME);
        MIN_LIFETIME.max(4 * settings.idle_timeout).max(slow)
    }

    /// Queues the object of an upload for deletion, in the background. If that fails, the intent expires instead.
    fn abandon(&self, upload: Upload) {
        let storage = self.0.engine.storage.clone();
        self.0.spawner.spawn_to_completion(
            "abandoned upload",
            Box::pin(async move { abort(&*storage, &upload).await }),
        );
    }

    /// Runs `work` as a task of its own, to completion even if the caller is cancelled, or the process stops meanwhile.
    pub(super) async fn detached<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, FileError>> + Send + 'static,
    ) -> Result<T, FileError> {
        let (sender, result) = oneshot::channel();
        let job = async move {
            // Fails if the caller was cancelled; the work is done all the same.
            let _cancelled = sender.send(work.await);
        };
        self.0.spawner.spawn_to_completion(name, Box::pin(job));
        result.await.unwrap_or(Err(FileError::Stopping))
    }
}

impl UploadInProgress {
    /// Timeout of the wait for the next bytes of the body.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.files.0.settings.idle_timeout
    }

    /// Account of the rate at which the body has to arrive.
    #[must_use]
    pub fn rate(&self) -> TransferRate {
        TransferRate::at_least(self.files.0.settings.min_rate)
    }

    /// Appends bytes of the body. After an error the upload must be dropped.
    ///
    /// # Errors
    /// [`FileError::LengthMismatch`] for more bytes than announced; [`FileError::StorageFull`]; [`FileError::Blobs`].
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), FileError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.size {
            return Err(FileError::LengthMismatch);
        }
        self.digest.update(&bytes);
        self.files.0.metrics.bytes_up.inc_by(bytes.len() as u64);
        let object = self.object.as_mut().ok_or(FileError::Stopping)?;
        Ok(object.writer.write(bytes).await?)
    }

    /// Completes the upload: checks length and digest, makes the object durable, commits the file and publishes the
    /// event. Continues in the background if the caller is cancelled.
    ///
    /// # Errors
    /// [`FileError::LengthMismatch`], [`FileError::DigestMismatch`]; [`FileError::Blobs`]; as
    /// [`less_sync_storage::Files::commit_file`].
    pub async fn finish(mut self, expected: Option<[u8; 32]>) -> Result<UploadResult, FileError> {
        if self.received != self.size {
            return Err(FileError::LengthMismatch);
        }
        let sha256: [u8; 32] = std::mem::take(&mut self.digest).finalize().into();
        if expected.is_some_and(|expected| expected != sha256) {
            return Err(FileError::DigestMismatch);
        }
        let files = self.files.clone();
        // Detached: a client that disconnects now must not leave a committed file without its event.
        files.detached("file commit", self.commit(sha256)).await
    }

    async fn commit(mut self, sha256: [u8; 32]) -> Result<UploadResult, FileError> {
        let Object { upload, writer } = self.object.take().ok_or(FileError::Stopping)?;
        let content = Content { size: self.size, sha256 };
        let (files, grant, claim) = (self.files.clone(), self.grant.clone(), self.claim);
        let committed = match writer.finish().await {
            Ok(()) => files.commit_upload(&grant, &upload, &claim, content).await,
            Err(error) => Err(error.into()),
        };
        match committed {
            Ok(finished @ UploadResult::Created { .. }) => Ok(finished),
            // The commit may have succeeded, or may still run, although its response was lost. Aborting could fail a commit
            // in flight; so the intent is left alone, and expires if the file was not created.
            Err(error) if error.is_indeterminate() => Err(error),
            other => {
                abort(&*files.0.engine.storage, &upload).await;
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
    ) -> Result<UploadResult, FileError> {
        let engine = &self.0.engine;
        let committed = engine.storage.commit_file(grant, upload, claim, content).await;
        engine.quota_rejections.count_file(&committed);
        match committed? {
            FileCommit::Created(change) => {
                self.0.metrics.uploads.inc();
                let state = FileState::Live { size: content.size, dek: claim.dek };
                self.publish(grant, claim.file, change, state);
                Ok(UploadResult::Created { sha256: content.sha256 })
            }
            FileCommit::Exists => {
                self.0.metrics.repeated.inc();
                Ok(UploadResult::Exists)
            }
        }
    }
}

impl FileError {
    /// Returns true if the commit may have succeeded in spite of this error.
    fn is_indeterminate(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

/// Marks the object of an upload for deletion.
async fn abort(storage: &dyn less_sync_storage::Storage, upload: &Upload) {
    if let Err(error) = storage.abort_upload(upload).await {
        tracing::warn!(error = %ErrorChain(&error), "failed to abort an upload; its intent will expire");
    }
}

impl Drop for UploadInProgress {
    fn drop(&mut self) {
        let Some(Object { upload, writer }) = self.object.take() else { return };
        self.files.0.metrics.abandoned.inc();
        let storage = self.files.0.engine.storage.clone();
        let job = async move {
            // The writer first, so that the sweeper does not meet a file that is still being written.
            writer.abort().await;
            abort(&*storage, &upload).await;
        };
        self.files.0.spawner.spawn_to_completion("abandoned upload", Box::pin(job));
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
