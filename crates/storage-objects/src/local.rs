//! Object store in a local directory (storage §4.8).
//!
//! Not built on `object_store`, whose local store does not synchronise files and directories (docs/decisions/0010).

mod blocking;
mod directories;
mod error;
mod listing;
mod probe;
mod reader;
mod staged;
mod store;
mod upload_state;
mod writer;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use less_sync_disk::DirectorySync;
use less_sync_storage::{
    BlobError, BlobReader, BlobWriter, Blobs, ListedBlob, MountedVolume, ObjectKey, ObjectName, Volume,
};
use uuid::Uuid;

use crate::NamedObjects;
use crate::object_path::ObjectPath;
use crate::probe::ProbeNames;
use directories::Directories;
use store::Store;
use writer::LocalWriter;

/// Directory of an object store, and its file system.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Path of the directory.
    pub root: PathBuf,
    /// Source of the free space.
    pub volume: Arc<dyn Volume>,
    /// Synchronisation of directories, and the policy for file systems without it.
    pub directory_sync: DirectorySync,
}

impl LocalOptions {
    /// The directory at `root`, on a file system that must synchronise directories.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let volume = Arc::new(MountedVolume::of(&root));
        Self { root, volume, directory_sync: DirectorySync::required() }
    }
}

/// Object store in a directory.
///
/// An object is written to a staging file beside its final path, named with the suffix `#1`, and renamed when it is
/// complete; file and directory are synchronised before [`BlobWriter::finish`] returns. A killed process leaves the staging
/// file behind: [`Blobs::delete`] of the object removes it too, and [`Blobs::list`] lists it as unfinished.
#[derive(Clone, Debug)]
pub struct LocalBlobs {
    store: Arc<Store>,
    probes: ProbeNames,
}

impl LocalBlobs {
    /// Opens a directory, creates it with mode 0700 if it is missing, and probes it. `instance` is a random id of this
    /// process, for the names of probe objects.
    ///
    /// # Errors
    /// [`BlobError`] if the directory cannot be created, written or read (storage §4.8). A full disk is no error: objects can be
    /// read and deleted.
    pub async fn open(root: impl Into<PathBuf>, instance: Uuid) -> Result<Self, BlobError> {
        Self::open_with(LocalOptions::new(root), instance).await
    }

    /// Opens a directory that exists, to read it: writes nothing, not even a probe.
    ///
    /// # Errors
    /// [`BlobError`] if the directory cannot be opened.
    pub async fn existing(root: impl Into<PathBuf>, instance: Uuid) -> Result<Self, BlobError> {
        let LocalOptions { root, volume, directory_sync } = LocalOptions::new(root);
        let directories = blocking::run(move || Directories::open(&root, directory_sync)).await?;
        Ok(Self { store: Arc::new(Store { directories, volume }), probes: ProbeNames::new(instance) })
    }

    /// Opens a directory as [`LocalBlobs::open`] does, with other options.
    ///
    /// # Errors
    /// As [`LocalBlobs::open`].
    pub async fn open_with(options: LocalOptions, instance: Uuid) -> Result<Self, BlobError> {
        let LocalOptions { root, volume, directory_sync } = options;
        let directories = blocking::run(move || Directories::open(&root, directory_sync)).await?;
        let store = Arc::new(Store { directories, volume });
        let blobs = Self { store, probes: ProbeNames::new(instance) };
        match blobs.probe().await {
            Err(error) if !error.is_full() => Err(error),
            _ => Ok(blobs),
        }
    }
}

#[async_trait]
impl NamedObjects for LocalBlobs {
    async fn create_named(&self, name: &ObjectName, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let name = ObjectPath::parse(name.as_str())?;
        Ok(Box::new(LocalWriter::create(Arc::clone(&self.store), name, size).await?))
    }

    async fn open_named(&self, name: &ObjectName) -> Result<BlobReader, BlobError> {
        let path = self.store.directories.path(&ObjectPath::parse(name.as_str())?);
        reader::open(path, None).await
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn create(&self, key: &ObjectKey, size: u64) -> Result<Box<dyn BlobWriter>, BlobError> {
        let writer = LocalWriter::create(Arc::clone(&self.store), ObjectPath::from(key), size).await?;
        Ok(Box::new(writer))
    }

    async fn open(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<BlobReader, BlobError> {
        let path = self.store.directories.path(&ObjectPath::from(key));
        reader::open(path, range).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), BlobError> {
        let path = ObjectPath::parse(name.as_str())?;
        let store = Arc::clone(&self.store);
        blocking::run(move || staged::delete(&store.directories, &path)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ListedBlob, BlobError>> {
        listing::list(self.store.directories.root().to_owned(), prefix)
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let (store, name) = (Arc::clone(&self.store), self.probes.next());
        blocking::run(move || probe::probe(&store.directories, &name)).await
    }
}
