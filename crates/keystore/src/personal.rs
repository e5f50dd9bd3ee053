//! Keys of personal spaces, one per space, shared by all devices of the user.

use std::path::PathBuf;

use less_sync_client::crypto::{KeyRing, Secret, SpaceKey};
use less_sync_core::{Epoch, SpaceId};
use serde::{Deserialize, Serialize};

use crate::directory::KeyDirectory;
use crate::error::KeystoreError;
use crate::private_file;

const FOLDER: &str = "personal";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonalFile {
    version: u32,
    space: String,
    key: Secret,
}

impl KeyDirectory {
    /// Key ring of a personal space, with its one key; empty before the key was created.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn personal_keys(&self, space: SpaceId) -> Result<KeyRing, KeystoreError> {
        let path = self.personal_path(space);
        let mut ring = KeyRing::new(space);
        let Some(text) = self.read(&path)? else { return Ok(ring) };
        let file = serde_json::from_str::<PersonalFile>(&text).ok();
        let file = file.filter(|file| file.version == VERSION && file.space == space.to_string());
        let file = file.ok_or_else(|| KeystoreError::invalid(&path, "personal key"))?;
        ring.insert(SpaceKey::new(space, Epoch::FIRST, file.key));
        Ok(ring)
    }

    /// Key ring of a personal space; creates the key the first time.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn personal_keys_or_create(&self, space: SpaceId) -> Result<KeyRing, KeystoreError> {
        private_file::create_directory(self.path())?;
        let _lock = self.lock()?;
        // Read under the lock: another process may have created the key in the meantime.
        let ring = self.personal_keys(space)?;
        if ring.newest().is_some() {
            return Ok(ring);
        }
        private_file::create_directory(&self.path().join(FOLDER))?;
        let file = PersonalFile { version: VERSION, space: space.to_string(), key: Secret::random() };
        private_file::replace(&self.personal_path(space), &file)?;
        self.personal_keys(space)
    }

    fn personal_path(&self, space: SpaceId) -> PathBuf {
        self.path().join(FOLDER).join(format!("{space}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    #[test]
    fn key_is_created_once_for_its_owner_only_and_is_no_shared_space() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(parent.path().join("keys"));
        assert!(keys.personal_keys(SPACE).unwrap().newest().is_none());
        let made = keys.personal_keys_or_create(SPACE).unwrap().newest().unwrap().secret().clone();
        for again in [keys.personal_keys(SPACE), keys.personal_keys_or_create(SPACE)] {
            assert_eq!(again.unwrap().newest().unwrap().secret().expose(), made.expose());
        }
        let other = keys.personal_keys_or_create(SpaceId::from_bytes([2; 16])).unwrap();
        assert_ne!(other.newest().unwrap().secret().expose(), made.expose());
        let rights = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((rights(keys.personal_path(SPACE)), rights(keys.path().join(FOLDER))), (0o600, 0o700));
        assert!(keys.spaces().unwrap().is_empty());
    }

    #[test]
    fn exposed_and_invalid_files_are_rejected_and_left_unchanged() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(parent.path().join("keys"));
        keys.personal_keys_or_create(SPACE).unwrap();
        let path = keys.personal_path(SPACE);
        let set_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        set_mode(0o640);
        assert!(keys.personal_keys(SPACE).is_err() && keys.personal_keys_or_create(SPACE).is_err());
        set_mode(0o600);
        std::fs::write(&path, "{}").unwrap();
        assert!(keys.personal_keys_or_create(SPACE).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
