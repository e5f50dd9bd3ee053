//! Root directory and durable creation of the directories below it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use less_sync_disk::{DirectorySync, create_private_directory};
use less_sync_storage::BlobError;
use parking_lot::Mutex;

use super::error::blob_error;
use crate::object_path::ObjectPath;

/// Maximum cached directories, some 100 bytes each.
const MAX_CACHED: usize = 10_000;

/// The directories of a store.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    sync: DirectorySync,
    /// Directories that this process has synchronised, relative to the root.
    durable: Mutex<HashSet<String>>,
}

impl Directories {
    /// Creates the root and its missing parents durably.
    pub(super) fn open(root: &Path, sync: DirectorySync) -> Result<Self, BlobError> {
        let root = sync.create(root).map_err(blob_error)?;
        Ok(Self { root, sync, durable: Mutex::default() })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, name: &ObjectPath) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Creates the directory of an object durably: it survives a power failure after this returns.
    pub(super) fn prepare(&self, name: &ObjectPath) -> io::Result<()> {
        if self.durable.lock().contains(name.parent()) {
            return Ok(());
        }
        let directory = self.root.join(name.parent());
        create_private_directory(&directory)?;
        // Also if the directory existed: another thread or a killed process may have created it without synchronising.
        // A new directory is durable once its parent is, so every level up to the root is synchronised.
        let mut levels = directory.ancestors().take_while(|above| above.starts_with(&self.root));
        levels.try_for_each(|level| self.sync.synchronise(level))?;
        self.cache(name.parent());
        Ok(())
    }

    /// Drops the directory of an object from the cache, after it was removed from outside.
    pub(super) fn forget(&self, name: &ObjectPath) {
        self.durable.lock().remove(name.parent());
    }

    /// Makes creations, renames and removals in the directory of an object durable.
    pub(super) fn synchronise(&self, name: &ObjectPath) -> io::Result<()> {
        self.sync.synchronise(&self.root.join(name.parent()))
    }

    fn cache(&self, directory: &str) {
        let mut durable = self.durable.lock();
        // A cleared cache costs one more synchronisation per directory; an eviction order is not worth its upkeep.
        if durable.len() >= MAX_CACHED {
            durable.clear();
        }
        durable.insert(directory.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open(root: impl Into<PathBuf>) -> Directories {
        Directories::open(&root.into(), DirectorySync::required()).unwrap()
    }

    fn name(text: &str) -> ObjectPath {
        ObjectPath::parse(text).unwrap()
    }

    #[test]
    fn created_directories_have_owner_only_mode() {
        let parent = tempfile::tempdir().unwrap();
        let directories = open(parent.path().join("a/b"));
        directories.prepare(&name("spaces/s/files/f")).unwrap();
        for made in ["a", "a/b", "a/b/spaces", "a/b/spaces/s", "a/b/spaces/s/files"] {
            let mode = fs::metadata(parent.path().join(made)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{made}");
        }
    }

    #[test]
    fn existing_root_keeps_its_mode() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o750)).unwrap();
        open(root.path());
        assert_eq!(fs::metadata(root.path()).unwrap().permissions().mode() & 0o777, 0o750);
    }

    #[test]
    fn forgotten_directory_is_created_again() {
        let root = tempfile::tempdir().unwrap();
        let directories = open(root.path());
        let name = name("spaces/s/files/f");
        directories.prepare(&name).unwrap();
        fs::remove_dir_all(root.path().join("spaces")).unwrap();
        directories.forget(&name);
        directories.prepare(&name).unwrap();
        assert!(root.path().join("spaces/s/files").is_dir());
    }

    #[test]
    fn cache_of_directories_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        let directories = open(root.path());
        for number in 0..=MAX_CACHED {
            directories.cache(&number.to_string());
        }
        assert_eq!(directories.durable.lock().len(), 1);
    }
}
