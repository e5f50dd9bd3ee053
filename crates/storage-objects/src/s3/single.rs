//! Upload of an object in one request.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{BlobError, BlobWriter};
use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use tokio_util::task::TaskTracker;

use super::completions::Completions;
use super::error::blob_error;
use crate::Violation;

/// Writer that buffers the object and sends it when it is complete.
pub(super) struct SingleWriter {
    store: Arc<AmazonS3>,
    completions: Completions,
    background: TaskTracker,
    path: Path,
    size: usize,
    /// `None` after more bytes were written than announced.
    buffer: Option<Vec<u8>>,
}

impl SingleWriter {
    pub(super) fn create(
        store: Arc<AmazonS3>,
        (completions, background): (Completions, TaskTracker),
        path: Path,
        size: usize,
    ) -> Self {
        Self { store, completions, background, path, size, buffer: Some(Vec::with_capacity(size)) }
    }
}

#[async_trait]
impl BlobWriter for SingleWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        let Some(buffer) = &mut self.buffer else { return Err(Violation::TooLong.into()) };
        if bytes.len() > self.size - buffer.len() {
            self.buffer = None;
            return Err(Violation::TooLong.into());
        }
        buffer.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        let buffer = self.buffer.take().ok_or(Violation::TooLong)?;
        if buffer.len() < self.size {
            return Err(Violation::TooShort.into());
        }
        let (store, path) = (self.store, self.path.clone());
        let put = async move { store.put(&path, buffer.into()).await.map_err(blob_error) };
        self.completions.run(self.path, &self.background, put).await?.map(drop)
    }

    async fn abort(self: Box<Self>) {}
}
