//! An object that needs more than one request.

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

use super::PART;
use super::error::blob_error;
use crate::Violation;

/// How many parts are on their way at most. With the one that is being filled they make 15 MiB (storage §4.4).
const IN_FLIGHT: usize = 2;

/// Sends parts while others are being written. The upload is aborted unless it was completed.
pub(super) struct MultipartWriter {
    /// None once it is completed, or someone aborts it.
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    buffer: Vec<u8>,
    /// Bytes that have not been written yet.
    left: u64,
    aborts: TaskTracker,
}

impl MultipartWriter {
    pub(super) fn create(upload: Box<dyn MultipartUpload>, size: u64, aborts: TaskTracker) -> Self {
        let buffer = Vec::with_capacity(PART);
        Self { upload: Some(upload), parts: JoinSet::new(), buffer, left: size, aborts }
    }

    /// Sends the buffer as soon as there is room for it on the way.
    async fn send_part(&mut self) -> Result<(), BlobError> {
        while self.parts.len() >= IN_FLIGHT {
            self.arrived().await?;
        }
        let upload = self.upload.as_mut().ok_or(Violation::GivenUp)?;
        self.parts.spawn(upload.put_part(mem::take(&mut self.buffer).into()));
        Ok(())
    }

    /// Waits for a part. After a failure nothing more can be sent.
    async fn arrived(&mut self) -> Result<(), BlobError> {
        let arrived = self.parts.join_next().await.map_or(Ok(()), part);
        if arrived.is_err() {
            self.give_up();
        }
        arrived
    }

    /// Sends what is left and completes the upload.
    async fn complete(&mut self) -> Result<(), BlobError> {
        self.send_part().await?;
        while !self.parts.is_empty() {
            self.arrived().await?;
        }
        let upload = self.upload.as_mut().ok_or(Violation::GivenUp)?;
        upload.complete().await.map_err(blob_error)?;
        self.upload = None;
        Ok(())
    }

    /// Aborts the upload behind the writer's back.
    fn give_up(&mut self) {
        if let (Some(upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) {
            self.aborts.spawn_on(abort(upload, mem::take(&mut self.parts)), &runtime);
        }
    }
}

#[async_trait]
impl BlobWriter for MultipartWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() as u64 > self.left {
            self.give_up();
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
        self.give_up();
    }
}

/// Begins an upload. One whose caller is gone when the store answers is aborted: nobody else knows its name.
pub(super) async fn begin(
    store: Arc<AmazonS3>,
    path: Path,
    tasks: &TaskTracker,
) -> Result<Box<dyn MultipartUpload>, BlobError> {
    let (answer, answered) = oneshot::channel();
    tasks.spawn(async move {
        let begun = store.put_multipart(&path).await;
        if let Err(Ok(unwanted)) = answer.send(begun) {
            abort(unwanted, JoinSet::new()).await;
        }
    });
    let begun = answered.await.map_err(|ended| BlobError::Failed(Box::new(ended)))?;
    begun.map_err(blob_error)
}

fn part(joined: Result<object_store::Result<()>, JoinError>) -> Result<(), BlobError> {
    joined.map_err(|ended| BlobError::Failed(Box::new(ended)))?.map_err(blob_error)
}

/// A part that arrives after the abort would stay in the bucket, so the parts go first.
async fn abort(mut upload: Box<dyn MultipartUpload>, mut parts: JoinSet<object_store::Result<()>>) {
    parts.shutdown().await;
    if let Err(error) = upload.abort().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "unfinished upload stays in the object store"
        );
    }
}
