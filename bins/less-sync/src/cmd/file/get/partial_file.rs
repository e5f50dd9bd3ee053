//! Partial download `NAME.part` beside the destination.
//!
//! The part contains decrypted, authenticated content from the beginning of the file. A resumed download keeps its whole segments
//! and fetches the rest.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use less_sync_client::crypto::FILE_SEGMENT;
use less_sync_disk::DirectorySync;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

/// Locked partial file.
#[derive(Debug)]
pub(super) struct PartialFile {
    path: PathBuf,
    file: File,
    size: u64,
    hasher: Sha256,
}

impl PartialFile {
    /// Opens or creates the partial file of a destination, and locks it against concurrent downloads.
    pub(super) fn open(destination: &Path) -> anyhow::Result<Self> {
        let mut path = OsString::from(destination);
        path.push(".part");
        let path = PathBuf::from(path);
        let cannot = || format!("cannot write {}", path.display());
        loop {
            // A link would lead elsewhere, and the open of a pipe would wait.
            if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
                return Err(anyhow!("{} is not a regular file", path.display()));
            }
            let mut file = OpenOptions::new();
            let file = file.create(true).truncate(false).read(true).write(true).open(&path);
            let file = file.with_context(cannot)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).with_context(cannot)? => {
                    let size = file.metadata().with_context(cannot)?.len();
                    return Ok(Self { path, file, size, hasher: Sha256::new() });
                }
                // Between open and lock another download renamed the file to its destination: retry with a new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(anyhow!("another download to {} is in progress", destination.display()));
                }
                Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
            }
        }
    }

    /// Size of the content in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the content.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// Truncates to whole segments, at most `max`; returns their number.
    pub(super) fn truncate_to_segments(&mut self, max: u64) -> anyhow::Result<u64> {
        let number = (self.size / FILE_SEGMENT as u64).min(max);
        self.truncate(number * FILE_SEGMENT as u64).with_context(|| self.cannot())?;
        Ok(number)
    }

    /// Truncates to nothing.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.truncate(0).with_context(|| self.cannot())
    }

    /// Appends content.
    pub(super) fn append(&mut self, content: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(content).with_context(|| self.cannot())?;
        self.hasher.update(content);
        self.size += content.len() as u64;
        Ok(())
    }

    /// Renames the file to its destination, durably.
    pub(super) fn complete(self, destination: &Path, replaces: bool, sync: &DirectorySync) -> io::Result<()> {
        self.file.sync_all()?;
        if replaces {
            std::fs::rename(&self.path, destination)?;
        } else if let Err(failed) = TempPath::try_from_path(&self.path)?.persist_noclobber(destination) {
            failed.path.keep().map_err(|failed| failed.error)?;
            return Err(failed.error);
        }
        sync.synchronise_parent(destination)
    }

    /// Removes the file.
    pub(super) fn discard(self) {
        // A leftover is harmless: a later download verifies the content against its hash.
        let _leftover = std::fs::remove_file(&self.path);
    }

    /// Truncates to `size` bytes and hashes them.
    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Sha256::new();
        let mut buffer = vec![0; FILE_SEGMENT];
        loop {
            let read = self.file.read(&mut buffer)?;
            let Some(bytes @ [_, ..]) = buffer.get(..read) else { break };
            self.hasher.update(bytes);
        }
        self.size = size;
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

/// Returns whether the opened file is still the one at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((opened.dev(), opened.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const SEGMENT: u64 = FILE_SEGMENT as u64;

    fn digest(content: &[u8]) -> [u8; 32] {
        Sha256::digest(content).into()
    }

    #[test]
    fn only_whole_segments_survive_an_interruption() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        let content = vec![7; 2 * FILE_SEGMENT + 5];
        let mut partial = PartialFile::open(&destination).unwrap();
        assert_eq!(partial.truncate_to_segments(9).unwrap(), 0);
        partial.append(&content).unwrap();
        assert_eq!((partial.size(), partial.sha256()), (2 * SEGMENT + 5, digest(&content)));
        drop(partial);

        let mut partial = PartialFile::open(&destination).unwrap();
        assert_eq!(partial.truncate_to_segments(9).unwrap(), 2);
        assert_eq!((partial.size(), partial.sha256()), (2 * SEGMENT, digest(&content[..2 * FILE_SEGMENT])));
        assert_eq!(partial.truncate_to_segments(1).unwrap(), 1);
        partial.append(b"end").unwrap();
        partial.complete(&destination, false, &DirectorySync::required()).unwrap();
        let written = std::fs::read(&destination).unwrap();
        assert!(written == [&content[..FILE_SEGMENT], b"end"].concat());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn file_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        std::fs::write(&destination, "old").unwrap();
        let partial = || {
            let mut partial = PartialFile::open(&destination).unwrap();
            partial.restart().unwrap();
            partial.append(b"new").unwrap();
            partial
        };
        assert!(partial().complete(&destination, false, &DirectorySync::required()).is_err());
        assert_eq!(std::fs::read(&destination).unwrap(), b"old");
        assert!(folder.path().join("file.part").exists());
        partial().complete(&destination, true, &DirectorySync::required()).unwrap();
        assert_eq!(std::fs::read(&destination).unwrap(), b"new");
    }

    #[test]
    fn file_is_completed_where_directories_cannot_be_synchronised() {
        let unsupported = |_: &Path| Err(io::ErrorKind::Unsupported.into());
        let folder = tempfile::tempdir().unwrap();
        for (name, sync) in [("a", DirectorySync::best_effort(|_| ())), ("b", DirectorySync::required())] {
            let destination = folder.path().join(name);
            let mut partial = PartialFile::open(&destination).unwrap();
            partial.append(b"new").unwrap();
            let completed = partial.complete(&destination, false, &sync.with_operation(unsupported));
            assert_eq!(completed.is_ok(), name == "a");
            assert_eq!(std::fs::read(&destination).unwrap(), b"new");
        }
    }

    #[test]
    fn concurrent_downloads_to_one_destination_are_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        let first = PartialFile::open(&destination).unwrap();
        let second = PartialFile::open(&destination).unwrap_err().to_string();
        assert!(second.ends_with("file is in progress"), "{second}");
        first.discard();
        PartialFile::open(&destination).unwrap();
    }
}
