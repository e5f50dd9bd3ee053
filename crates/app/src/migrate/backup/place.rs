//! Place of a backup: a directory, or a prefix in an S3 bucket.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures_util::StreamExt as _;
use less_sync_core::hex;
use less_sync_disk::DirectorySync;
use less_sync_engine::Random as _;
use less_sync_storage::{BlobError, ObjectName};
use less_sync_storage_objects::{LocalBlobs, LocalOptions, NamedObjects, S3Blobs};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::manifest::{FileEntry, InvalidManifest, MANIFEST, MAX_MANIFEST, Manifest};
use crate::clock::SystemRandom;
use crate::config::{Config, FileStore, FilesConfig, Sources};
use crate::migrate::copying::{Copied, copy, hash};
use crate::migrate::database::directory_sync;

/// Mark of a place that belongs to backups.
const MARK: &str = "less-sync-backup";

/// Prefix of the files of one run: database and list of objects.
pub(super) const SNAPSHOTS: &str = "snapshots/";

/// Prefix of objects.
pub(super) const OBJECTS: &str = "spaces/";

/// Place of a backup.
pub(super) struct Place {
    pub(super) objects: Arc<dyn NamedObjects>,
    /// Directory; `None` for a bucket.
    directory: Option<PathBuf>,
    sync: DirectorySync,
    /// Lock of the directory.
    _lock: Option<File>,
}

/// Use of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Place {
    /// Opens a place: a path, or `s3://BUCKET/PREFIX` with the credentials of `FILE_S3_*`.
    pub(super) async fn open(target: &str, sources: &Sources, access: Access) -> anyhow::Result<Self> {
        let sync = directory_sync(sources)?;
        match target.strip_prefix("s3://") {
            Some(bucket) => Self::bucket(bucket, sources, sync),
            None => Self::directory(Path::new(target), access, sync).await,
        }
    }

    async fn directory(path: &Path, access: Access, sync: DirectorySync) -> anyhow::Result<Self> {
        let shown = path.display();
        let exists = path.try_exists().with_context(|| format!("cannot read {shown}"))?;
        if access == Access::Read && !exists {
            return Err(anyhow!("no backup at {shown}"));
        }
        let objects = match access {
            Access::Read => LocalBlobs::existing(path, instance()).await,
            Access::Write => {
                let options = LocalOptions { directory_sync: sync.clone(), ..LocalOptions::new(path) };
                LocalBlobs::open_with(options, instance()).await
            }
        };
        let objects = objects.with_context(|| format!("cannot open {shown}"))?;
        let directory = fs::canonicalize(path).with_context(|| format!("cannot open {shown}"))?;
        let lock = lock(&directory.join(".lock"), access).with_context(|| format!("cannot lock {shown}"))?;
        if access == Access::Read {
            return Ok(Self { objects: Arc::new(objects), directory: Some(directory), sync, _lock: lock });
        }
        // Rest of a run that was killed while it wrote one.
        for name in [MANIFEST, MARK] {
            let _missing = fs::remove_file(directory.join(format!("{name}#1")));
        }
        Ok(Self { objects: Arc::new(objects), directory: Some(directory), sync, _lock: lock })
    }

    fn bucket(bucket_and_prefix: &str, sources: &Sources, sync: DirectorySync) -> anyhow::Result<Self> {
        let (bucket, prefix) = bucket_and_prefix.split_once('/').unwrap_or((bucket_and_prefix, ""));
        let mut sources = sources.clone();
        for (name, value) in [("FILE_STORAGE_BACKEND", "s3"), ("FILE_S3_BUCKET", bucket)] {
            sources.flags.insert(name.to_owned(), value.to_owned());
        }
        let files = Config::read_files(&sources)?;
        let Some(FileStore::S3(options)) = files.store else { return Err(anyhow!("no bucket in s3://")) };
        let store =
            S3Blobs::new(&options, instance()).context("cannot open the bucket at FILE_S3_ENDPOINT")?;
        let store = store.below(prefix).context("invalid prefix")?;
        Ok(Self { objects: Arc::new(store), directory: None, sync, _lock: None })
    }

    /// Rejects a place that is the file storage of the server.
    pub(super) fn require_other_than(&self, files: &FilesConfig, target: &str) -> anyhow::Result<()> {
        let is_same = match (&files.store, &self.directory) {
            (Some(FileStore::Local(path)), Some(directory)) => {
                let storage = fs::canonicalize(path).unwrap_or_else(|_missing| path.clone());
                directory.starts_with(&storage) || storage.starts_with(directory)
            }
            (Some(FileStore::S3(options)), None) => {
                target.trim_end_matches('/') == format!("s3://{}", options.bucket)
            }
            _ => false,
        };
        if is_same { Err(anyhow!("{target} overlaps the file storage of the server")) } else { Ok(()) }
    }

    /// Marks the place as one of backups. One that holds objects of something else is rejected: backups remove objects
    /// that they do not need any more.
    pub(super) async fn claim(&self, target: &str) -> anyhow::Result<()> {
        let mark = ObjectName::from(MARK.to_owned());
        match self.objects.open_named(&mark).await {
            Ok(_) => return Ok(()),
            Err(BlobError::NotFound) => {}
            Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot read {target}"))),
        }
        if let Some(found) = self.objects.list(OBJECTS).next().await {
            found.with_context(|| format!("cannot read {target}"))?;
            return Err(anyhow!("{target} holds objects that are not of a backup"));
        }
        self.put(MARK, b"This place belongs to backups of less-sync.\n").await.map(drop)
    }

    /// The manifest; `None` if there is none.
    pub(super) async fn manifest(&self) -> anyhow::Result<Option<Result<Manifest, InvalidManifest>>> {
        const FAILED: &str = "cannot read the manifest";
        let mut reader = match self.objects.open_named(&ObjectName::from(MANIFEST.to_owned())).await {
            Err(BlobError::NotFound) => return Ok(None),
            opened => opened.context(FAILED)?,
        };
        if reader.size > MAX_MANIFEST {
            return Ok(Some(Err(InvalidManifest::Damaged)));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = reader.bytes.next().await {
            bytes.extend_from_slice(&piece.context(FAILED)?);
        }
        Ok(Some(Manifest::parse(&bytes)))
    }

    /// Writes a short file at once, replacing one of the same name.
    pub(super) async fn put(&self, name: &str, content: &[u8]) -> anyhow::Result<FileEntry> {
        let size = content.len() as u64;
        let writing = async {
            let mut writer = self.objects.create_named(&ObjectName::from(name.to_owned()), size).await?;
            writer.write(Bytes::copy_from_slice(content)).await?;
            writer.finish().await
        };
        writing.await.with_context(|| format!("cannot write {name}"))?;
        Ok(FileEntry { name: name.to_owned(), size, sha256: hex::encode(&Sha256::digest(content)) })
    }

    /// True if the file has the size and the hash of its entry; `None` if it does not exist.
    pub(super) async fn is_whole(&self, entry: &FileEntry) -> anyhow::Result<Option<bool>> {
        let reading = async {
            let reader = self.objects.open_named(&ObjectName::from(entry.name.clone())).await?;
            Ok(reader.size == entry.size && hash(reader).await? == entry.sha256)
        };
        match reading.await {
            Err(BlobError::NotFound) => Ok(None),
            read => read.map(Some).with_context(|| format!("cannot read {}", entry.name)),
        }
    }

    /// Local file for something of a run: its final place in a directory, a temporary file for a bucket.
    pub(super) fn stage(&self, run: &str, name: &str) -> anyhow::Result<Staged> {
        let name = format!("{SNAPSHOTS}{run}/{name}");
        let (path, is_final) = if let Some(directory) = &self.directory {
            (directory.join(&name), true)
        } else {
            // A directory of its own: its files must be private.
            let directory = format!("less-sync-{}", name.replace('/', "-"));
            (std::env::temp_dir().join(directory).join("file"), false)
        };
        let parent = path.parent().unwrap_or(&path);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.with_context(|| format!("cannot create {}", parent.display()))?;
        Ok(Staged { path, name, is_final })
    }

    /// Makes a staged file durable in its final place.
    pub(super) async fn store(&self, staged: &Staged) -> anyhow::Result<FileEntry> {
        let Staged { path, name, is_final } = staged;
        let failed = || format!("cannot write {name}");
        if *is_final {
            let mut directories = path.ancestors().skip(1).take(3);
            File::open(path).and_then(|file| file.sync_all()).with_context(failed)?;
            directories.try_for_each(|directory| self.sync.synchronise(directory)).with_context(failed)?;
        }
        let named = ObjectName::from(name.clone());
        let (size, sha256) = if *is_final {
            let reader = self.objects.open_named(&named).await.with_context(failed)?;
            (reader.size, hash(reader).await.with_context(failed)?)
        } else {
            let local = LocalBlobs::existing(path.parent().unwrap_or(path), instance()).await;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let reader = local.with_context(failed)?.open_named(&ObjectName::from(file)).await;
            let reader = reader.with_context(failed)?;
            let size = reader.size;
            let writer = self.objects.create_named(&named, size).await;
            match copy(reader, writer.with_context(failed)?, None).await.with_context(failed)? {
                Copied::Whole(sha256) => (size, sha256),
                Copied::Mismatch => return Err(anyhow!(failed())),
            }
        };
        Ok(FileEntry { name: name.clone(), size, sha256 })
    }

    /// Removes a file of a backup, and its directory if nothing else is in it.
    pub(super) async fn remove(&self, name: &ObjectName) -> Result<(), BlobError> {
        self.objects.delete(name).await?;
        let directory = self.local_path(name.as_str()).and_then(|path| path.parent().map(Path::to_owned));
        let _not_empty = directory.map(fs::remove_dir);
        Ok(())
    }

    /// Local path of a file of the backup; `None` in a bucket.
    pub(super) fn local_path(&self, name: &str) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.join(name))
    }
}

/// A local file; a temporary one is removed when the value is dropped.
pub(super) struct Staged {
    pub(super) path: PathBuf,
    name: String,
    is_final: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_final {
            let _missing = self.path.parent().map(fs::remove_dir_all);
        }
    }
}

/// Locks a directory: for itself to write, shared to read. A directory without a lock file may be read without.
fn lock(path: &Path, access: Access) -> anyhow::Result<Option<File>> {
    let (file, locked) = match access {
        Access::Write => {
            let file = File::create(path)?;
            let locked = file.try_lock();
            (file, locked)
        }
        Access::Read => {
            let Ok(file) = File::open(path) else { return Ok(None) };
            let locked = file.try_lock_shared();
            (file, locked)
        }
    };
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(anyhow!("in use by another backup or restore")),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Random id of this process in a store.
pub(super) fn instance() -> Uuid {
    Uuid::from_bytes(SystemRandom.uuid())
}
