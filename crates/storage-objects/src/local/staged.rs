//! A file beside the place where it will be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use less_sync_storage::BlobError;
use rustix::fs::FallocateFlags;

use super::directories::Directories;
use super::error::{blob_error, is_missing};
use super::fate::Fate;
use crate::Violation;
use crate::object_name::ObjectName;

/// What a name has at its end until the object is complete (storage §4.7).
const MARK: &str = "#1";

/// Readable for the owner alone.
const MODE: u32 = 0o600;

/// An object that is not complete. Dropping it removes the file, unless it was published.
#[derive(Debug)]
pub(super) struct Staged {
    file: File,
    path: PathBuf,
    size: u64,
    written: AtomicU64,
    fate: Fate,
}

impl Staged {
    /// Makes the file. The name must be new: what is there already is left alone.
    pub(super) fn create(
        directories: &Directories,
        name: &ObjectName,
        size: u64,
        fate: Fate,
    ) -> Result<Self, BlobError> {
        let path = staging(&directories.path(name));
        prepare(directories, name).map_err(blob_error)?;
        let file = fate.proceed(|| open_new(&path))?;
        Ok(Self { file, path, size, written: AtomicU64::new(0), fate })
    }

    /// Takes the space for all of it, so that a full disk is known before the bytes are here. Where the file system cannot
    /// do that, it is known when they are.
    pub(super) fn reserve(&self) -> Result<(), BlobError> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, self.size) {
            Err(error) if matches!(blob_error(error.into()), BlobError::Full) => Err(BlobError::Full),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Adds bytes. Called by one thread at a time.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), BlobError> {
        (&self.file).write_all(bytes).map_err(blob_error)?;
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The open file, to be synchronised by somebody else.
    pub(super) fn handle(&self) -> Result<File, BlobError> {
        self.file.try_clone().map_err(blob_error)
    }

    /// Puts the file into its place. Durable when this returns.
    pub(super) fn publish(&self, directories: &Directories, name: &ObjectName) -> Result<(), BlobError> {
        if self.written.load(Ordering::Relaxed) != self.size {
            return Err(Violation::TooShort.into());
        }
        self.file.sync_all().map_err(blob_error)?;
        self.fate.publish(|| fs::rename(&self.path, directories.path(name)))?;
        directories.synchronise(name).map_err(blob_error)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.fate.is_published() {
            // Whoever misses it here finds it in a listing.
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

/// Removes an object and what is left of its upload. Durable when this returns.
pub(super) fn delete(directories: &Directories, name: &ObjectName) -> Result<(), BlobError> {
    let path = directories.path(name);
    let (object, upload) = (remove(&path)?, remove(&staging(&path))?);
    if object || upload {
        directories.synchronise(name).map_err(blob_error)?;
    }
    Ok(())
}

/// Whether there was something.
fn remove(path: &Path) -> Result<bool, BlobError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(blob_error(error)),
    }
}

fn staging(path: &Path) -> PathBuf {
    let mut marked = path.as_os_str().to_owned();
    marked.push(MARK);
    marked.into()
}

/// Makes the directory, also where somebody has removed it meanwhile.
fn prepare(directories: &Directories, name: &ObjectName) -> io::Result<()> {
    if !directories.path(name).parent().is_some_and(Path::is_dir) {
        directories.forget(name);
    }
    directories.prepare(name)
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}
