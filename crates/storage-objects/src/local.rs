//! Objects as files below a directory (storage §4.8).
//!
//! Nothing here goes through `object_store`: what it would do for a directory is less than what is asked for
//! (docs/decisions/0010).

mod directories;
mod error;
mod fate;
mod listing;
mod pool;
mod probe;
mod reader;
mod room;
mod staged;
mod writer;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use less_sync_storage::{BlobError, BlobReader, BlobWriter, Blobs, ListedBlob, ObjectKey};

use crate::object_name::ObjectName;
use directories::Directories;
pub use room::{Room, Volume};
use writer::LocalWriter;

/// Objects in a directory.
///
/// An object is written beside its place, under its name and `#1`, and renamed when it is complete; the file and its
/// directory are synchronised before a writer says that it has finished. A process that is killed leaves the `#1` behind:
/// [`Blobs::delete`] of the object removes it too, and [`Blobs::list`] shows it.
#[derive(Clone, Debug)]
pub struct LocalBlobs {
    store: Arc<Store>,
}

/// What writers, readers and listings share.
#[derive(Debug)]
struct Store {
    directories: Directories,
    volume: Arc<dyn Volume>,
}

impl LocalBlobs {
    /// Opens a directory, creates it if it is missing (readable for its owner alone), and writes, reads and removes a file
    /// in it.
    ///
    /// # Errors
    /// [`BlobError`] when the directory cannot be made or written (storage §4.8).
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        let volume = Arc::new(room::Mounted::at(&root));
        Self::open_on(root, volume).await
    }

    /// The same, with the word of another about the space that is left.
    ///
    /// # Errors
    /// As [`LocalBlobs::open`].
    pub async fn open_on(root: impl Into<PathBuf>, volume: Arc<dyn Volume>) -> Result<Self, BlobError> {
        let root = root.into();
        let directories = pool::run(move || Directories::open(root)).await?;
        let blobs = Self { store: Arc::new(Store { directories, volume }) };
        blobs.probe().await?;
        Ok(blobs)
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let writer = LocalWriter::create(Arc::clone(&self.store), ObjectName::from(key), size).await?;
        Ok(Box::new(writer))
    }

    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
        let path = self.store.directories.path(&ObjectName::from(key));
        reader::open(path, range).await
    }

    async fn delete(&self, name: &str) -> Result<(), BlobError> {
        let name = ObjectName::parse(name)?;
        let store = Arc::clone(&self.store);
        pool::run(move || staged::delete(&store.directories, &name)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        listing::list(self.store.directories.root().to_owned(), prefix)
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let store = Arc::clone(&self.store);
        pool::run(move || probe::probe(&store.directories)).await
    }
}
