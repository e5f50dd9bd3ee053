//! Object store in a bucket of S3 or a compatible service (storage §4.4, §4.8).

mod error;
mod http;
mod multipart;
mod options;
mod reader;
mod response_body;
mod single;
mod timeouts;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use less_sync_storage::{BlobError, BlobReader, BlobWriter, Blobs, ListedBlob, ObjectKey, ObjectName};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::Violation;
use crate::object_path::ObjectPath;
use crate::probe::{CONTENT, ProbeNames};
use error::{blob_error, open_error};
use multipart::{MultipartWriter, PART};
pub use options::{InvalidS3Options, RetryPolicy, S3Options};
use single::SingleWriter;
pub use timeouts::Timeouts;

/// Object store in a bucket.
///
/// Objects of up to 5 MiB are sent in one request when they are complete, larger ones as multipart uploads with parts of
/// 5 MiB, at most two of them in flight. A multipart upload of a killed process has no object name and cannot be listed
/// here: the bucket should have a lifecycle rule that aborts incomplete uploads after a day.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    store: Arc<AmazonS3>,
    timeouts: Timeouts,
    probes: ProbeNames,
    /// Starts and aborts of multipart uploads, which run to completion when their writer is dropped.
    background: TaskTracker,
}

impl S3Blobs {
    /// A client for a bucket. Sends no request yet (see [`Blobs::probe`]), and reads nothing from the environment.
    /// `instance` is a random id of this process, for the names of probe objects.
    ///
    /// # Errors
    /// [`InvalidS3Options`].
    pub fn new(options: &S3Options, instance: Uuid) -> Result<Self, InvalidS3Options> {
        Ok(Self {
            store: Arc::new(options.connect()?),
            timeouts: options.timeouts,
            probes: ProbeNames::new(instance),
            background: TaskTracker::new(),
        })
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let (store, path) = (Arc::clone(&self.store), path(&ObjectPath::from(key))?);
        if let Some(size) = usize::try_from(size).ok().filter(|size| *size <= PART) {
            return Ok(Box::new(SingleWriter::create(store, path, size)));
        }
        let upload = multipart::start(store, path, &self.background).await?;
        Ok(Box::new(MultipartWriter::create(upload, size, self.background.clone())))
    }

    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
        reader::open(&self.store, &path(&ObjectPath::from(key))?, range, self.timeouts.stall).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), BlobError> {
        let path = path(&ObjectPath::parse(name.as_str())?)?;
        match self.store.delete(&path).await.map_err(open_error) {
            Err(BlobError::NotFound) => Ok(()),
            deleted => deleted,
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        let parsed = prefix.strip_suffix('/').ok_or(Violation::Name).and_then(ObjectPath::parse);
        match parsed.map_err(BlobError::from).and_then(|name| path(&name)) {
            Ok(prefix) => self.store.list(Some(&prefix)).map_ok(listed).map_err(blob_error).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Waits for the aborts of uploads whose writers were dropped before this call.
    async fn close(&self) {
        self.background.close();
        self.background.wait().await;
        self.background.reopen();
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, BlobError> {
        let head = self.store.head(&path(&ObjectPath::from(key))?).await.map_err(open_error)?;
        Ok(head.size)
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let path = path(&self.probes.next())?;
        self.store.put(&path, CONTENT.into()).await.map_err(blob_error)?;
        let read = async { self.store.get(&path).await?.bytes().await }.await;
        self.store.delete(&path).await.map_err(blob_error)?;
        if read.map_err(blob_error)? == CONTENT { Ok(()) } else { Err(Violation::EndedEarly.into()) }
    }
}

fn path(name: &ObjectPath) -> Result<Path, BlobError> {
    Path::parse(name.as_str()).map_err(|_| Violation::Name.into())
}

fn listed(object: ObjectMeta) -> ListedBlob {
    let written = std::time::SystemTime::from(object.last_modified);
    let age = written.elapsed().unwrap_or_default();
    let name = ObjectName::from(String::from(object.location));
    // Multipart uploads are invisible until they are complete, so no listed object is unfinished.
    ListedBlob { key: name.key(), unfinished: false, name, size: object.size, age }
}
