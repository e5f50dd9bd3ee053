//! Keys of personal spaces, one per space, shared by all devices of the user.

use std::io;
use std::path::PathBuf;

use less_sync_client::crypto::{KeyRing, Secret, SpaceKey};
use less_sync_core::{Epoch, SpaceId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::directory::KeyDirectory;
use crate::error::KeystoreError;

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
        self.create_directory(self.path())?;
        let _lock = self.lock()?;
        // Read under the lock: another process may have created the key in the meantime.
        let ring = self.personal_keys(space)?;
        if ring.newest().is_some() {
            return Ok(ring);
        }
        self.create_directory(&self.path().join(FOLDER))?;
        let file = PersonalFile { version: VERSION, space: space.to_string(), key: Secret::random() };
        self.replace(&self.personal_path(space), &file)?;
        self.personal_keys(space)
    }

    /// Key of a personal space as a text for the key directory of another device; `None` before the key was created.
    ///
    /// The text is the key itself: it must be protected as the directory is.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn export_personal(&self, space: SpaceId) -> Result<Option<Zeroizing<String>>, KeystoreError> {
        let ring = self.personal_keys(space)?;
        let Some(key) = ring.newest() else { return Ok(None) };
        let file = PersonalFile { version: VERSION, space: space.to_string(), key: key.secret().clone() };
        let text = serde_json::to_string(&file).map_err(io::Error::from);
        text.map(|text| Some(text.into())).map_err(KeystoreError::io("read", &self.personal_path(space)))
    }

    /// Stores the key of [`KeyDirectory::export_personal`]; returns its space. A stored key of the same space stays: the import of
    /// an equal one changes nothing.
    ///
    /// # Errors
    /// [`KeystoreError::NotAKey`] for another text, [`KeystoreError::OtherKey`] if the space has another key here; see
    /// [`KeystoreError`].
    pub fn import_personal(&self, text: &str) -> Result<SpaceId, KeystoreError> {
        let file = serde_json::from_str::<PersonalFile>(text.trim_start_matches('\u{feff}'));
        let file = file.ok().filter(|file| file.version == VERSION).ok_or(KeystoreError::NotAKey)?;
        let space: SpaceId = file.space.parse().map_err(|_| KeystoreError::NotAKey)?;
        self.create_directory(self.path())?;
        let _lock = self.lock()?;
        let path = self.personal_path(space);
        match self.personal_keys(space)?.newest() {
            Some(stored) if stored.secret().expose() == file.key.expose() => Ok(space),
            Some(_) => Err(KeystoreError::OtherKey { space, path }),
            None => {
                self.create_directory(&self.path().join(FOLDER))?;
                // Written anew: the text may spell the id of the space in another way.
                self.replace(&path, &PersonalFile { space: space.to_string(), ..file })?;
                Ok(space)
            }
        }
    }

    fn personal_path(&self, space: SpaceId) -> PathBuf {
        self.path().join(FOLDER).join(format!("{space}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use less_sync_disk::DirectorySync;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    fn keys_at(path: PathBuf) -> KeyDirectory {
        KeyDirectory::new(path, DirectorySync::required())
    }

    #[test]
    fn key_is_created_once_for_its_owner_only_and_is_no_shared_space() {
        let parent = tempfile::tempdir().unwrap();
        let keys = keys_at(parent.path().join("keys"));
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
    fn exported_key_is_imported_once_and_never_replaces_another() {
        let parent = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| keys_at(parent.path().join(name)));
        assert!(one.export_personal(SPACE).unwrap().is_none());
        one.personal_keys_or_create(SPACE).unwrap();
        let text = one.export_personal(SPACE).unwrap().unwrap();
        for _ in 0..2 {
            assert_eq!(two.import_personal(&format!("\u{feff}{}\n", *text)).unwrap(), SPACE);
        }
        assert_eq!(two.export_personal(SPACE).unwrap(), Some(text.clone()));

        let other = keys_at(parent.path().join("other"));
        other.personal_keys_or_create(SPACE).unwrap();
        assert!(matches!(other.import_personal(&text), Err(KeystoreError::OtherKey { space: SPACE, .. })));
        assert_ne!(other.export_personal(SPACE).unwrap(), Some(text.clone()));
        for invalid in ["", "{}", &text.replace("\"version\":1", "\"version\":2"), &text.replace("0101", "x")]
        {
            assert!(matches!(two.import_personal(invalid), Err(KeystoreError::NotAKey)), "{invalid}");
        }
    }

    #[test]
    fn exposed_and_invalid_files_are_rejected_and_left_unchanged() {
        let parent = tempfile::tempdir().unwrap();
        let keys = keys_at(parent.path().join("keys"));
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
