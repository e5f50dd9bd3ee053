//! The root, and the directories below it that survive a power cut.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use less_sync_storage::BlobError;
use parking_lot::Mutex;

use super::error::blob_error;
use crate::object_name::ObjectName;

/// Readable for the owner alone.
const MODE: u32 = 0o700;

/// How many directories are remembered, some 100 bytes each.
const REMEMBERED: usize = 10_000;

/// Directories below a root.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    /// Those that this process has seen reach the disk.
    durable: Mutex<HashSet<String>>,
}

impl Directories {
    /// Makes the root and its parents where they are missing, durably. What was there already is left alone: we may not even
    /// read it.
    pub(super) fn open(root: PathBuf) -> Result<Self, BlobError> {
        let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
        let missing = root.ancestors().take_while(is_missing).count();
        make(&root).map_err(blob_error)?;
        let root = fs::canonicalize(root).map_err(blob_error)?;
        root.ancestors().skip(1).take(missing).try_for_each(synchronise).map_err(blob_error)?;
        Ok(Self { root, durable: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &ObjectName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Makes the directory of an object. When this returns, the next power cut does not take it away.
    ///
    /// That a directory exists does not say that it is durable: whoever made it may not have come that far.
    pub(super) fn prepare(&self, name: &ObjectName) -> io::Result<()> {
        if self.durable.lock().contains(name.parent()) {
            return Ok(());
        }
        let directory = self.root.join(name.parent());
        make(&directory)?;
        directory.ancestors().take_while(|above| above.starts_with(&self.root)).try_for_each(synchronise)?;
        self.remember(name.parent());
        Ok(())
    }

    /// Forgets about the directory of an object, which somebody has removed.
    pub(super) fn forget(&self, name: &ObjectName) {
        self.durable.lock().remove(name.parent());
    }

    /// Makes what happened to the names in the directory of an object durable.
    pub(super) fn synchronise(&self, name: &ObjectName) -> io::Result<()> {
        synchronise(&self.root.join(name.parent()))
    }

    fn remember(&self, directory: &str) {
        let mut durable = self.durable.lock();
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.insert(directory.to_owned());
    }
}

fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(MODE).create(directory)
}

fn synchronise(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::parse(text).unwrap()
    }

    #[test]
    fn directories_are_for_their_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directories = Directories::open(parent.path().join("a/b")).unwrap();
        directories.prepare(&name("spaces/s/files/f")).unwrap();
        for made in ["a", "a/b", "a/b/spaces", "a/b/spaces/s", "a/b/spaces/s/files"] {
            let mode = fs::metadata(parent.path().join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{made}");
        }
    }

    #[test]
    fn root_that_exists_keeps_its_mode() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o750)).unwrap();
        Directories::open(root.path().to_owned()).unwrap();
        assert_eq!(fs::metadata(root.path()).unwrap().permissions().mode() & 0o777, 0o750);
    }

    #[test]
    fn forgotten_directory_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::open(root.path().to_owned()).unwrap();
        let name = name("spaces/s/files/f");
        directories.prepare(&name).unwrap();
        fs::remove_dir_all(root.path().join("spaces")).unwrap();
        directories.forget(&name);
        directories.prepare(&name).unwrap();
        assert!(root.path().join("spaces/s/files").is_dir());
    }

    #[test]
    fn memory_of_directories_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::open(root.path().to_owned()).unwrap();
        for number in 0..=REMEMBERED {
            directories.remember(&number.to_string());
        }
        assert_eq!(directories.durable.lock().len(), 1);
    }
}
