//! Directory with one file per record.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use less_sync_client::RecordRow;
use tempfile::NamedTempFile;

/// Directory with one file per live record, named by its id.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// Opens the directory, creating it if needed.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// Replaces the file of a record atomically and returns its path; removes the file of a deleted record.
    pub(super) fn write(&self, row: &RecordRow) -> anyhow::Result<Option<PathBuf>> {
        let path = self.0.join(row.id.to_string());
        let Some(blob) = &row.blob else {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("cannot remove {}", path.display()))
                }
                Ok(()) | Err(_) => Ok(None),
            };
        };
        self.replace(&path, blob).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Some(path))
    }

    fn replace(&self, path: &Path, blob: &[u8]) -> anyhow::Result<()> {
        // A link, a pipe or a device with the name of a record is not ours.
        ensure!(!path.symlink_metadata().is_ok_and(|found| !found.is_file()), "not a regular file");
        let mut file = NamedTempFile::new_in(&self.0)?;
        file.write_all(blob)?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use less_sync_client::RecordRow;
    use less_sync_core::{Cursor, RecordId};

    use super::Directory;

    fn row(blob: Option<&'static str>) -> RecordRow {
        let id = RecordId::from_bytes([1; 16]);
        RecordRow { id, cursor: Cursor::ZERO, blob: blob.map(Into::into), dek: None }
    }

    #[test]
    fn records_are_written_replaced_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(&parent.path().join("a/b")).unwrap();
        let path = directory.write(&row(Some("one"))).unwrap().unwrap();
        assert_eq!(directory.write(&row(Some("two"))).unwrap().as_deref(), Some(&*path));
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(directory.write(&row(None)).unwrap(), None);
        assert_eq!(directory.write(&row(None)).unwrap(), None);
        assert_eq!(std::fs::read_dir(parent.path().join("a/b")).unwrap().count(), 0);
    }

    #[test]
    fn only_regular_files_are_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let path = parent.path().join(row(None).id.to_string());
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        let error = format!("{:#}", directory.write(&row(Some("one"))).unwrap_err());
        assert!(error.ends_with("not a regular file"), "{error}");
        assert!(path.symlink_metadata().unwrap().is_symlink());
    }
}
