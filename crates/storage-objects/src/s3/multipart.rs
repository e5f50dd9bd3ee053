//! Multipart upload of an object larger than one part.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{BlobError, BlobWriter};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio_util::task::TaskTracker;

use super::completions::Completions;
use super::error::blob_error;
use crate::Violation;

/// Minimum part of a multipart upload in S3, and the maximum body of one request, in bytes.
pub(super) const PART: usize = 5 << 20;

/// Maximum parts in flight. With the one that is being filled, 15 MiB of memory per upload (storage §4.4).
const MAX_IN_FLIGHT: usize = 2;

/// Writer that sends parts concurrently. The upload is aborted on drop unless its completion has begun.
pub(super) struct MultipartWriter {
    /// `None` once the upload is aborted or its completion has begun.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    buffer: Vec<u8>,
    /// Announced bytes that have not been written yet.
    left: u64,
    path: Path,
    completions: Completions,
    background: TaskTracker,
}

impl MultipartWriter {
    pub(super) fn create(
        upload: Box<dyn MultipartUpload>,
        (completions, background): (Completions, TaskTracker),
        path: Path,
        size: u64,
    ) -> Self {
        let buffer = Vec::with_capacity(PART);
        Self {
            upload: Some(upload),
            parts: JoinSet::new(),
            buffer,
            left: size,
            path,
            completions,
            background,
        }
    }

    /// Sends the buffer as a part, once fewer than the maximum are in flight.
    async fn send_part(&mut self) -> Result<(), BlobError> {
        while self.parts.len() >= MAX_IN_FLIGHT {
            self.wait_for_part().await?;
        }
        let upload = self.upload.as_mut().ok_or(Violation::Aborted)?;
        self.parts.spawn(upload.put_part(mem::take(&mut self.buffer).into()));
        Ok(())
    }

    /// Waits for any part in flight. A failure aborts the upload.
    async fn wait_for_part(&mut self) -> Result<(), BlobError> {
        let sent = self.parts.join_next().await.map_or(Ok(()), part);
        if sent.is_err() {
            self.abort_in_background();
        }
        sent
    }

    /// Sends the last part and completes the upload.
    async fn complete(&mut self) -> Result<(), BlobError> {
        self.send_part().await?;
        while !self.parts.is_empty() {
            self.wait_for_part().await?;
        }
        // Completing with a part in flight would make an object without that part, so all parts are awaited first.
        let mut upload = self.upload.take().ok_or(Violation::Aborted)?;
        let background = self.background.clone();
        let complete = async move {
            let completed = upload.complete().await;
            if completed.is_err() {
                background.spawn(abort(upload, JoinSet::new()));
            }
            completed
        };
        self.completions
            .run(self.path.clone(), &self.background, complete)
            .await?
            .map(drop)
            .map_err(blob_error)
    }

    /// Aborts the upload in the background; outside of a runtime, the lifecycle rule of the bucket has to.
    fn abort_in_background(&mut self) {
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) {
            self.background.spawn_on(abort(upload, mem::take(&mut self.parts)), &runtime);
        }
    }
}

#[async_trait]
impl BlobWriter for MultipartWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() as u64 > self.left {
            self.abort_in_background();
            return Err(Violation::TooLong.into());
        }
        while !bytes.is_empty() {
            if self.buffer.len() == PART {
                self.send_part().await?;
            }
            self.buffer.reserve_exact(PART - self.buffer.len());
            let piece = bytes.split_to(bytes.len().min(PART - self.buffer.len()));
            self.buffer.extend_from_slice(&piece);
            self.left -= piece.len() as u64;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        if self.left > 0 {
            return Err(Violation::TooShort.into());
        }
        self.complete().await
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(upload) = self.upload.take() {
            abort(upload, mem::take(&mut self.parts)).await;
        }
    }
}

impl Drop for MultipartWriter {
    fn drop(&mut self) {
        self.abort_in_background();
    }
}

/// Starts a multipart upload, as a task of its own: if the caller is cancelled before the response, only this task learns
/// the upload id, and aborts the upload.
pub(super) async fn start(
    store: Arc<AmazonS3>,
    path: Path,
    tasks: &TaskTracker,
) -> Result<Box<dyn MultipartUpload>, BlobError> {
    let (sender, response) = oneshot::channel();
    tasks.spawn(async move {
        let started = store.put_multipart(&path).await;
        if let Err(Ok(orphan)) = sender.send(started) {
            abort(orphan, JoinSet::new()).await;
        }
    });
    let started = response.await.map_err(|ended| BlobError::Failed(Box::new(ended)))?;
    started.map_err(blob_error)
}

fn part(joined: Result<object_store::Result<()>, JoinError>) -> Result<(), BlobError> {
    joined.map_err(|ended| BlobError::Failed(Box::new(ended)))?.map_err(blob_error)
}

/// Aborts an upload after its parts in flight were cancelled: S3 keeps a part that arrives after the abort, and bills it.
async fn abort(mut upload: Box<dyn MultipartUpload>, mut parts: JoinSet<object_store::Result<()>>) {
    parts.shutdown().await;
    if let Err(error) = upload.abort().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "failed to abort a multipart upload; it stays in the object store"
        );
    }
}
