//! Test fixture: a store of its own, and shorthands for operations on it.

use std::ops::Range;

use bytes::Bytes;
use futures_util::TryStreamExt;
use less_sync_core::{FileId, SpaceId};

use super::BlobsBackend;
use super::sizes::{PIECE, pieces};
use less_sync_storage::{BlobError, Blobs, ListedBlob, ObjectKey, UploadId};

pub(super) struct Fixture<B: BlobsBackend> {
    pub(super) backend: B,
    pub(super) store: B::Store,
}

impl<B: BlobsBackend> Fixture<B> {
    pub(super) async fn new() -> Self {
        let backend = B::create().await;
        let store = backend.open().await;
        Self { backend, store }
    }

    /// Uploads an object in pieces of 256 KiB.
    pub(super) async fn put(&self, key: &ObjectKey, bytes: &Bytes) {
        write(&self.store, key, bytes).await.unwrap();
    }

    pub(super) async fn read(&self, key: &ObjectKey) -> Bytes {
        self.read_part(key, None).await.unwrap().1
    }

    /// The size of the object, and the bytes that were asked for.
    pub(super) async fn read_part(
        &self,
        key: &ObjectKey,
        range: Option<Range<u64>>,
    ) -> Result<(u64, Bytes), BlobError> {
        let reader = self.store.open(key, range).await?;
        let bytes = reader.bytes.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        Ok((reader.size, bytes.await?.into()))
    }

    pub(super) async fn is_missing(&self, key: &ObjectKey) -> bool {
        matches!(self.store.open(key, None).await, Err(BlobError::NotFound))
    }

    pub(super) async fn list(&self, prefix: &str) -> Vec<ListedBlob> {
        self.store.list(prefix).try_collect().await.unwrap()
    }

    pub(super) async fn names(&self) -> Vec<String> {
        self.list("spaces/").await.into_iter().map(|listed| listed.name.to_string()).collect()
    }
}

/// Uploads an object, pieces of 256 KiB each.
pub(super) async fn write(store: &dyn Blobs, key: &ObjectKey, bytes: &Bytes) -> Result<(), BlobError> {
    let mut writer = store.create(key, bytes.len() as u64).await?;
    for piece in pieces(bytes, PIECE) {
        writer.write(piece).await?;
    }
    writer.finish().await
}

/// The key of an attempt, by small numbers.
pub(super) fn key(space: u8, file: u8, upload: u8) -> ObjectKey {
    let (space, file) = (SpaceId::from_bytes([space; 16]), FileId::from_bytes([file; 16]));
    ObjectKey::attempt(space, file, UploadId::from_bytes([upload; 16]))
}
