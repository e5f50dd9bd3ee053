//! Object store in a bucket of S3 or a compatible service (storage §4.4, §4.8).

mod completions;
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

use crate::object_path::ObjectPath;
use crate::probe::{CONTENT, ProbeNames};
use crate::{NamedObjects, Violation};
use completions::Completions;
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
    /// Start of all names in the bucket: empty, or ends with `/`.
    prefix: String,
    /// Requests that make an object. A deletion waits for those of its name.
    completions: Completions,
    /// All requests that run to completion when their writer is dropped: also starts and aborts of multipart uploads.
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
            prefix: String::new(),
            completions: Completions::default(),
            background: TaskTracker::new(),
        })
    }

    /// The store whose names are below `prefix` in the bucket; an empty one is the whole bucket.
    ///
    /// # Errors
    /// [`BlobError::Failed`] for a prefix that is no path.
    pub fn below(mut self, prefix: &str) -> Result<Self, BlobError> {
        let prefix = prefix.trim_end_matches('/');
        self.prefix = match prefix {
            "" => String::new(),
            prefix => format!("{}/", ObjectPath::parse(prefix)?.as_str()),
        };
        Ok(self)
    }

    fn path(&self, name: &ObjectPath) -> Result<Path, BlobError> {
        Path::parse(format!("{}{}", self.prefix, name.as_str())).map_err(|_| Violation::Name.into())
    }

    async fn create_at(&self, name: &ObjectPath, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name)?);
        let tasks = (self.completions.clone(), self.background.clone());
        if let Some(size) = usize::try_from(size).ok().filter(|size| *size <= PART) {
            return Ok(Box::new(SingleWriter::create(store, tasks, path, size)));
        }
        let upload = multipart::start(store, path.clone(), &self.background).await?;
        Ok(Box::new(MultipartWriter::create(upload, tasks, path, size)))
    }
}

#[async_trait]
impl NamedObjects for S3Blobs {
    async fn create_named(&self, name: &ObjectName, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.create_at(&ObjectPath::parse(name.as_str())?, size).await
    }

    async fn open_named(&self, name: &ObjectName) -> Result<BlobReader, BlobError> {
        let path = self.path(&ObjectPath::parse(name.as_str())?)?;
        reader::open(&self.store, &path, None, self.timeouts.stall).await
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.create_at(&ObjectPath::from(key), size).await
    }

    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
        reader::open(&self.store, &self.path(&ObjectPath::from(key))?, range, self.timeouts.stall).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), BlobError> {
        let path = self.path(&ObjectPath::parse(name.as_str())?)?;
        self.completions.wait(&path).await;
        match self.store.delete(&path).await.map_err(open_error) {
            Err(BlobError::NotFound) => Ok(()),
            deleted => deleted,
        }
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        let parsed = prefix.strip_suffix('/').ok_or(Violation::Name).and_then(ObjectPath::parse);
        match parsed.map_err(BlobError::from).and_then(|name| self.path(&name)) {
            Ok(path) => {
                let prefix = self.prefix.clone();
                let listed = move |object| listed(&prefix, &object);
                self.store.list(Some(&path)).map_ok(listed).map_err(blob_error).boxed()
            }
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    /// Waits for the requests of uploads whose writers were dropped before this call.
    async fn close(&self) {
        self.background.close();
        self.background.wait().await;
        self.background.reopen();
    }

    async fn size(&self, key: &ObjectKey) -> Result<u64, BlobError> {
        let head = self.store.head(&self.path(&ObjectPath::from(key))?).await.map_err(open_error)?;
        Ok(head.size)
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let path = self.path(&self.probes.next())?;
        self.store.put(&path, CONTENT.into()).await.map_err(blob_error)?;
        let read = async { self.store.get(&path).await?.bytes().await }.await;
        self.store.delete(&path).await.map_err(blob_error)?;
        if read.map_err(blob_error)? == CONTENT { Ok(()) } else { Err(Violation::EndedEarly.into()) }
    }
}

fn listed(prefix: &str, object: &ObjectMeta) -> ListedBlob {
    let written = std::time::SystemTime::from(object.last_modified);
    let age = written.elapsed().unwrap_or_default();
    let location = object.location.as_ref();
    let name = ObjectName::from(location.strip_prefix(prefix).unwrap_or(location).to_owned());
    // Multipart uploads are invisible until they are complete, so no listed object is unfinished.
    ListedBlob { key: name.key(), unfinished: false, name, size: object.size, age }
}
