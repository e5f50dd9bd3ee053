//! Staging file of an upload, renamed to its final path when it is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use less_sync_disk::create_private;
use less_sync_storage::BlobError;
use rustix::fs::FallocateFlags;

use super::directories::Directories;
use super::error::{blob_error, is_missing};
use super::upload_state::UploadState;
use crate::Violation;
use crate::object_path::ObjectPath;

/// Suffix of a staging file (storage §4.7).
const SUFFIX: &str = "#1";

/// Staging file of an incomplete object. Dropping it removes the file unless it was published.
#[derive(Debug)]
pub(super) struct Staged {
    file: File,
    path: PathBuf,
    size: u64,
    written: AtomicU64,
    state: UploadState,
}

impl Staged {
    /// Creates the staging file. Fails if it exists: two writers never share one.
    pub(super) fn create(
        directories: &Directories,
        name: &ObjectPath,
        size: u64,
        state: UploadState,
    ) -> Result<Self, BlobError> {
        let path = staging(&directories.path(name));
        prepare(directories, name).map_err(blob_error)?;
        let file = state.run_step(|| create_private(&path))?;
        Ok(Self { file, path, size, written: AtomicU64::new(0), state })
    }

    /// Allocates the disk space of the whole object, so that a full disk is reported before the body is read. Best effort:
    /// on a file system without `fallocate`, a full disk is reported by the writes.
    pub(super) fn reserve(&self) -> Result<(), BlobError> {
        let allocated = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, self.size);
        match allocated.map_err(|error| blob_error(error.into())) {
            Err(full @ BlobError::Full(_)) => Err(full),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Appends bytes. Called by one thread at a time.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), BlobError> {
        (&self.file).write_all(bytes).map_err(blob_error)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// A second handle of the open file, for a concurrent synchronisation.
    pub(super) fn handle(&self) -> Result<File, BlobError> {
        self.file.try_clone().map_err(blob_error)
    }

    /// Renames the complete file to its final path. Durable when this returns.
    pub(super) fn publish(&self, directories: &Directories, name: &ObjectPath) -> Result<(), BlobError> {
        if self.written.load(Ordering::Relaxed) != self.size {
            return Err(Violation::TooShort.into());
        }
        // Content before name: after a power failure between the two, the final path must not hold an incomplete object.
        self.file.sync_all().map_err(blob_error)?;
        self.state.publish(|| fs::rename(&self.path, directories.path(name)))?;
        // The rename itself is durable only once the directory is.
        directories.synchronise(name).map_err(blob_error)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.state.is_published() {
            // A file that cannot be removed stays visible in listings as unfinished, and fsck reports it.
            let _ignored = fs::remove_file(&self.path);
        }
    }
}

/// Removes an object and its staging file. Durable when this returns.
pub(super) fn delete(directories: &Directories, name: &ObjectPath) -> Result<(), BlobError> {
    let path = directories.path(name);
    let (object, upload) = (remove(&path)?, remove(&staging(&path))?);
    if object || upload {
        directories.synchronise(name).map_err(blob_error)?;
    }
    Ok(())
}

/// Removes a file; false if it did not exist.
fn remove(path: &Path) -> Result<bool, BlobError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(blob_error(error)),
    }
}

/// Splits the name of a staging file from its suffix: the name of its object, and whether there was a suffix. Takes any
/// number after `#`, as left by other versions of this store (storage §4.7).
pub(super) fn object_of(name: &str) -> (&str, bool) {
    name.split_once('#').map_or((name, false), |(object, _number)| (object, true))
}

fn staging(path: &Path) -> PathBuf {
    let mut marked = path.as_os_str().to_owned();
    marked.push(SUFFIX);
    marked.into()
}

/// Creates the directory of an object, also if it was removed from outside since this process created it.
fn prepare(directories: &Directories, name: &ObjectPath) -> io::Result<()> {
    if !directories.path(name).parent().is_some_and(Path::is_dir) {
        directories.forget(name);
    }
    directories.prepare(name)
}
