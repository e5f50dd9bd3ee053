//! Files of a key directory: identity and shared spaces.

use std::fs::File;
use std::path::{Path, PathBuf};

use less_sync_client::crypto::{Identity, Secret};
use less_sync_core::SpaceId;
use less_sync_disk::{DirectorySync, open_private};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::KeystoreError;
use crate::private_file;
use crate::stored_space::StoredSpace;

const IDENTITY: &str = "identity.json";
const SPACES: &str = "spaces";
const LOCK: &str = "lock";
const VERSION: u32 = 1;

/// Directory of an identity and its spaces, created by the first write.
#[derive(Clone, Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    sync: DirectorySync,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    version: u32,
    secret: Secret,
}

impl KeyDirectory {
    /// Key directory at `path`, which need not exist. Keys are written durably as far as `sync` requires it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, sync: DirectorySync) -> Self {
        Self { path: path.into(), sync }
    }

    /// Default path of the current user: `less-sync/keys` in the XDG data directory; `None` without a home directory.
    #[must_use]
    pub fn default_path() -> Option<PathBuf> {
        let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")))?;
        Some(data.join("less-sync/keys"))
    }

    /// Path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the identity; `None` before it was created.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn identity(&self) -> Result<Option<Identity>, KeystoreError> {
        let path = self.path.join(IDENTITY);
        let Some(text) = self.read(&path)? else { return Ok(None) };
        let file = serde_json::from_str::<IdentityFile>(&text).ok().filter(|file| file.version == VERSION);
        let identity = file.and_then(|file| Identity::from_secret(file.secret).ok());
        identity.ok_or_else(|| KeystoreError::invalid(&path, "identity")).map(Some)
    }

    /// Reads the identity, or creates a random one.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn identity_or_create(&self) -> Result<Identity, KeystoreError> {
        self.create_directory(&self.path)?;
        let _lock = self.lock()?;
        // Read under the lock: another process may have created an identity in the meantime.
        if let Some(identity) = self.identity()? {
            return Ok(identity);
        }
        let identity = Identity::random();
        let file = IdentityFile { version: VERSION, secret: identity.secret().clone() };
        self.replace(&self.path.join(IDENTITY), &file)?;
        Ok(identity)
    }

    /// Reads a shared space; `None` if it is not stored.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn space(&self, space: SpaceId) -> Result<Option<StoredSpace>, KeystoreError> {
        let path = self.space_path(space);
        let Some(text) = self.read(&path)? else { return Ok(None) };
        let stored = StoredSpace::from_json(&text).filter(|stored| stored.membership.space() == space);
        stored.ok_or_else(|| KeystoreError::invalid(&path, "space")).map(Some)
    }

    /// Ids of all stored shared spaces, sorted.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn spaces(&self) -> Result<Vec<SpaceId>, KeystoreError> {
        let folder = self.path.join(SPACES);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let names = std::fs::read_dir(&folder).map_err(KeystoreError::io("read", &folder))?;
        let id = |name: PathBuf| name.file_stem()?.to_str()?.parse::<SpaceId>().ok();
        let mut spaces: Vec<SpaceId> = names.filter_map(|name| id(name.ok()?.path())).collect();
        spaces.sort_unstable();
        Ok(spaces)
    }

    /// Reads the named shared space, or the only one.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn space_or_only(&self, named: Option<SpaceId>) -> Result<StoredSpace, KeystoreError> {
        let directory = || self.path.clone();
        let space = match (named, self.spaces()?.as_slice()) {
            (Some(space), _) => space,
            (None, [only]) => *only,
            (None, []) => return Err(KeystoreError::NoSpace { directory: directory() }),
            (None, several) => {
                return Err(KeystoreError::SeveralSpaces { count: several.len(), directory: directory() });
            }
        };
        self.space(space)?.ok_or_else(|| KeystoreError::UnknownSpace { space, directory: directory() })
    }

    /// Stores a shared space, replacing its file.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn save(&self, stored: &StoredSpace) -> Result<(), KeystoreError> {
        self.create_directory(&self.path)?;
        let _lock = self.lock()?;
        self.write(stored)
    }

    /// Changes a stored space, serialized with changes by other processes; returns its new state.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn update(
        &self,
        space: SpaceId,
        change: impl FnOnce(&mut StoredSpace),
    ) -> Result<StoredSpace, KeystoreError> {
        let _lock = self.lock()?;
        let mut stored = self.space_or_only(Some(space))?;
        change(&mut stored);
        self.write(&stored)?;
        Ok(stored)
    }

    /// Removes a stored space.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn remove(&self, space: SpaceId) -> Result<(), KeystoreError> {
        let path = self.space_path(space);
        let removed = std::fs::remove_file(&path).and_then(|()| self.sync.synchronise_parent(&path));
        removed.map_err(KeystoreError::io("remove", &path))
    }

    fn write(&self, stored: &StoredSpace) -> Result<(), KeystoreError> {
        self.create_directory(&self.path.join(SPACES))?;
        let path = self.space_path(stored.membership.space());
        self.replace(&path, &stored.to_file())
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Option<Zeroizing<String>>, KeystoreError> {
        if self.path.exists() {
            private_file::check(&self.path)?;
        }
        private_file::read(path)
    }

    pub(crate) fn create_directory(&self, path: &Path) -> Result<(), KeystoreError> {
        private_file::create_directory(path, &self.sync)
    }

    pub(crate) fn replace(&self, path: &Path, content: &impl Serialize) -> Result<(), KeystoreError> {
        private_file::replace(path, content, &self.sync)
    }

    fn space_path(&self, space: SpaceId) -> PathBuf {
        self.path.join(SPACES).join(format!("{space}.json"))
    }

    /// Takes the lock of the directory, held by one process at a time until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, KeystoreError> {
        let path = self.path.join(LOCK);
        let locked = open_private(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(KeystoreError::io("lock", &path))
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn identity_is_created_once_and_readable_by_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(parent.path().join("a/keys"), DirectorySync::required());
        assert!(keys.identity().unwrap().is_none());
        let made = keys.identity_or_create().unwrap();
        assert_eq!(keys.identity_or_create().unwrap().did(), made.did());
        assert_eq!(keys.identity().unwrap().unwrap().did(), made.did());
        let modes = [IDENTITY, LOCK, ""].map(|name| mode(&keys.path.join(name)));
        assert_eq!(modes, [0o600, 0o600, 0o700]);
    }

    #[test]
    fn keys_are_written_with_one_report_where_directories_cannot_be_synchronised() {
        static REPORTS: AtomicUsize = AtomicUsize::new(0);
        let count = |_: &Path| {
            REPORTS.fetch_add(1, Ordering::Relaxed);
        };
        let unsupported = |_: &Path| Err(ErrorKind::Unsupported.into());
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/keys");
        let keys = KeyDirectory::new(&path, DirectorySync::best_effort(count).with_operation(unsupported));
        let made = keys.identity_or_create().unwrap();
        keys.personal_keys_or_create(SpaceId::from_bytes([1; 16])).unwrap();
        assert_eq!(keys.identity().unwrap().unwrap().did(), made.did());
        assert_eq!(REPORTS.load(Ordering::Relaxed), 1);
        let strict =
            KeyDirectory::new(parent.path().join("b"), DirectorySync::required().with_operation(unsupported));
        assert!(matches!(strict.identity_or_create(), Err(KeystoreError::Io { .. })));
    }

    #[test]
    fn exposed_and_invalid_files_are_rejected_and_left_unchanged() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(parent.path().join("keys"), DirectorySync::required());
        keys.identity_or_create().unwrap();
        for (path, open, closed) in
            [(keys.path.join(IDENTITY), 0o640, 0o600), (keys.path.clone(), 0o750, 0o700)]
        {
            set_mode(&path, open);
            assert!(keys.identity().is_err() && keys.identity_or_create().is_err());
            set_mode(&path, closed);
            assert!(keys.identity().is_ok());
        }
        std::fs::write(keys.path.join(IDENTITY), "{}").unwrap();
        assert!(keys.identity_or_create().is_err());
        assert_eq!(std::fs::read_to_string(keys.path.join(IDENTITY)).unwrap(), "{}");
    }
}
