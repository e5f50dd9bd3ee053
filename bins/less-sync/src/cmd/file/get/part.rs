//! What has come of a file so far: `NAME.part` beside it. It holds content that was decrypted and verified, from the
//! beginning on; so whole segments of it are what an interrupted download need not fetch again.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use less_sync_client::crypto::FILE_SEGMENT;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

/// An open part, of which we are the only user.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    size: u64,
    hasher: Sha256,
}

impl Part {
    /// The part of this destination, with whatever is in it.
    pub(super) fn open(destination: &Path) -> anyhow::Result<Self> {
        let mut path = OsString::from(destination);
        path.push(".part");
        let path = PathBuf::from(path);
        let cannot = || format!("cannot write {}", path.display());
        loop {
            let mut file = OpenOptions::new();
            let file = file.create(true).truncate(false).read(true).write(true).open(&path);
            let file = file.with_context(cannot)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).with_context(cannot)? => {
                    let size = file.metadata().with_context(cannot)?.len();
                    return Ok(Self { path, file, size, hasher: Sha256::new() });
                }
                // Another download was just completed, and this is its file by now.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(anyhow!("another download to {} is under way", destination.display()));
                }
                Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
            }
        }
    }

    /// Bytes of content.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Of the content.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// Keeps whole segments only, `most` of them at most, and answers how many these are.
    pub(super) fn keep_segments(&mut self, most: u64) -> anyhow::Result<u64> {
        let number = (self.size / FILE_SEGMENT as u64).min(most);
        self.keep(number * FILE_SEGMENT as u64).with_context(|| self.cannot())?;
        Ok(number)
    }

    /// Forgets everything.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.keep(0).with_context(|| self.cannot())
    }

    pub(super) fn append(&mut self, content: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(content).with_context(|| self.cannot())?;
        self.hasher.update(content);
        self.size += content.len() as u64;
        Ok(())
    }

    /// Makes it the file that it is a part of, so that it outlives a power cut.
    pub(super) fn become_file(self, destination: &Path, replaces: bool) -> io::Result<()> {
        self.file.sync_all()?;
        if replaces {
            std::fs::rename(&self.path, destination)?;
        } else if let Err(failed) = TempPath::try_from_path(&self.path)?.persist_noclobber(destination) {
            failed.path.keep().map_err(|failed| failed.error)?;
            return Err(failed.error);
        }
        let folder = destination.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Removes it.
    pub(super) fn discard(self) {
        // Whatever is left is verified by whoever finds it.
        let _left_over = std::fs::remove_file(&self.path);
    }

    /// Keeps the first bytes, and reads them.
    fn keep(&mut self, size: u64) -> io::Result<()> {
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

/// Whether the file that was opened is the one that is there.
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
    fn whole_segments_outlive_an_interruption_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        let content = vec![7; 2 * FILE_SEGMENT + 5];
        let mut part = Part::open(&destination).unwrap();
        assert_eq!(part.keep_segments(9).unwrap(), 0);
        part.append(&content).unwrap();
        assert_eq!((part.size(), part.sha256()), (2 * SEGMENT + 5, digest(&content)));
        drop(part);

        let mut part = Part::open(&destination).unwrap();
        assert_eq!(part.keep_segments(9).unwrap(), 2);
        assert_eq!((part.size(), part.sha256()), (2 * SEGMENT, digest(&content[..2 * FILE_SEGMENT])));
        assert_eq!(part.keep_segments(1).unwrap(), 1);
        part.append(b"end").unwrap();
        part.become_file(&destination, false).unwrap();
        let written = std::fs::read(&destination).unwrap();
        assert!(written == [&content[..FILE_SEGMENT], b"end"].concat());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_replaced_only_when_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        std::fs::write(&destination, "old").unwrap();
        let part = || {
            let mut part = Part::open(&destination).unwrap();
            part.restart().unwrap();
            part.append(b"new").unwrap();
            part
        };
        assert!(part().become_file(&destination, false).is_err());
        assert_eq!(std::fs::read(&destination).unwrap(), b"old");
        assert!(folder.path().join("file.part").exists());
        part().become_file(&destination, true).unwrap();
        assert_eq!(std::fs::read(&destination).unwrap(), b"new");
    }

    #[test]
    fn two_downloads_to_one_place_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("file");
        let first = Part::open(&destination).unwrap();
        let second = Part::open(&destination).unwrap_err().to_string();
        assert!(second.ends_with("file is under way"), "{second}");
        first.discard();
        Part::open(&destination).unwrap();
    }
}
