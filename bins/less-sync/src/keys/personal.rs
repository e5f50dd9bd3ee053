//! The key of a personal space: one for all devices, and for nobody else.

use anyhow::anyhow;
use less_sync_client::crypto::{KeyRing, Secret, SpaceKey};
use less_sync_core::{Epoch, SpaceId};
use serde::{Deserialize, Serialize};

use super::{KeyDirectory, private_file};
use crate::report::Failure;

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
    /// The key of this personal space, alone in a ring; none in it when none has been made here.
    pub(crate) fn personal(&self, space: SpaceId) -> Result<KeyRing, Failure> {
        let path = self.personal_path(space);
        let mut ring = KeyRing::new(space);
        let Some(text) = self.read(&path)? else { return Ok(ring) };
        let file = serde_json::from_str::<PersonalFile>(&text).ok();
        let file = file.filter(|file| file.version == VERSION && file.space == space.to_string());
        let broken = || anyhow!("{} holds no key of this version of the tool", path.display());
        ring.insert(SpaceKey::new(space, Epoch::FIRST, file.ok_or_else(broken)?.key));
        Ok(ring)
    }

    /// The same; with a new key the first time.
    pub(crate) fn personal_or_new(&self, space: SpaceId) -> Result<KeyRing, Failure> {
        private_file::make_directory(&self.0)?;
        let _lock = self.lock()?;
        let ring = self.personal(space)?;
        if ring.newest().is_some() {
            return Ok(ring);
        }
        private_file::make_directory(&self.0.join(FOLDER))?;
        let file = PersonalFile { version: VERSION, space: space.to_string(), key: Secret::random() };
        private_file::replace(&self.personal_path(space), &file)?;
        self.personal(space)
    }

    fn personal_path(&self, space: SpaceId) -> std::path::PathBuf {
        self.0.join(FOLDER).join(format!("{space}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_is_no_shared_space() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory(parent.path().join("keys"));
        assert!(keys.personal(SPACE).unwrap().newest().is_none());
        let made = keys.personal_or_new(SPACE).unwrap().newest().unwrap().secret().clone();
        for again in [keys.personal(SPACE), keys.personal_or_new(SPACE)] {
            assert_eq!(again.unwrap().newest().unwrap().secret().expose(), made.expose());
        }
        let other = keys.personal_or_new(SpaceId::from_bytes([2; 16])).unwrap();
        assert_ne!(other.newest().unwrap().secret().expose(), made.expose());
        let rights = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((rights(keys.personal_path(SPACE)), rights(keys.0.join(FOLDER))), (0o600, 0o700));
        assert!(keys.spaces().unwrap().is_empty());
    }

    #[test]
    fn what_others_can_read_or_what_is_broken_is_rejected_and_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory(parent.path().join("keys"));
        keys.personal_or_new(SPACE).unwrap();
        let path = keys.personal_path(SPACE);
        let set_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        set_mode(0o640);
        assert!(keys.personal(SPACE).is_err() && keys.personal_or_new(SPACE).is_err());
        set_mode(0o600);
        std::fs::write(&path, "{}").unwrap();
        assert!(keys.personal_or_new(SPACE).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
