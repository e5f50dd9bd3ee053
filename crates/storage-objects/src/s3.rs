//! Objects in a bucket of S3, or of something that speaks like it (storage §4.4, §4.8).

mod error;
mod http;
mod multipart;
mod options;
mod reader;
mod single;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use less_sync_storage::{BlobError, BlobReader, BlobWriter, Blobs, ListedBlob, ObjectKey};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio_util::task::TaskTracker;

use crate::Violation;
use crate::object_name::ObjectName;
use crate::probe::{CONTENT, probe_name};
use error::{blob_error, open_error};
use multipart::MultipartWriter;
pub use options::{InvalidS3Options, Patience, S3Options};
use single::SingleWriter;

/// The smallest part that S3 takes, and what is sent in one request at most.
const PART: usize = 5 << 20;

/// Objects in a bucket.
///
/// Objects of up to 5 MiB are sent when they are complete, larger ones in parts of 5 MiB with two on their way at most.
/// What a killed process leaves of a multipart upload has no name here; the bucket should have a lifecycle rule that aborts
/// such uploads after a day.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    store: Arc<AmazonS3>,
    patience: Patience,
    /// Begins and aborts of uploads, which come to their end whoever is dropped.
    aborts: TaskTracker,
}

impl S3Blobs {
    /// A client for a bucket. Says nothing to it yet: see [`Blobs::probe`]. Nothing is read from the environment.
    ///
    /// # Errors
    /// [`InvalidS3Options`].
    pub fn new(options: &S3Options) -> Result<Self, InvalidS3Options> {
        let (store, patience) = (Arc::new(options.connect()?), options.patience);
        Ok(Self { store, patience, aborts: TaskTracker::new() })
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let (store, path) = (Arc::clone(&self.store), path(&ObjectName::from(key))?);
        if let Some(size) = usize::try_from(size).ok().filter(|size| *size <= PART) {
            return Ok(Box::new(SingleWriter::create(store, path, size)));
        }
        let upload = multipart::begin(store, path, &self.aborts).await?;
        Ok(Box::new(MultipartWriter::create(upload, size, self.aborts.clone())))
    }

    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
        reader::open(&self.store, &path(&ObjectName::from(key))?, range, self.patience.stall).await
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let path = path(&ObjectName::parse(name)?)?;
        match self.store.delete(&path).await.map_err(open_error) {
            Err(BlobError::NotFound) => Ok(()),
            deleted => deleted,
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        let parsed = prefix.strip_suffix('/').ok_or(Violation::Name).and_then(ObjectName::parse);
        match parsed.map_err(BlobError::from).and_then(|name| path(&name)) {
            Ok(prefix) => self.store.list(Some(&prefix)).map_ok(listed).map_err(blob_error).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Waits until the uploads whose writers were dropped so far are aborted, as far as that can be done.
    async fn close(&self) {
        self.aborts.close();
        self.aborts.wait().await;
        self.aborts.reopen();
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, BlobError> {
        let head = self.store.head(&path(&ObjectName::from(key))?).await.map_err(open_error)?;
        Ok(head.size)
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let path = path(&probe_name())?;
        self.store.put(&path, CONTENT.into()).await.map_err(blob_error)?;
        let read = async { self.store.get(&path).await?.bytes().await }.await;
        self.store.delete(&path).await.map_err(blob_error)?;
        if read.map_err(blob_error)? == CONTENT { Ok(()) } else { Err(Violation::EndedEarly.into()) }
    }
}

fn path(name: &ObjectName) -> Result<Path, BlobError> {
    Path::parse(name.as_str()).map_err(|_| Violation::Name.into())
}

fn listed(object: ObjectMeta) -> ListedBlob {
    let written = std::time::SystemTime::from(object.last_modified);
    let age = written.elapsed().unwrap_or_default();
    ListedBlob { name: object.location.into(), size: object.size, age }
}
