//! The key directory: an identity, and what it knows of its shared spaces.
//!
//! ```text
//! identity.json          the private key
//! spaces/<space>.json    rights, keys, and a rotation that is under way
//! personal/<space>.json  the key of a personal space
//! lock                   held while a file is changed
//! ```
//!
//! Everything is readable by its owner only, is replaced as a whole, and is rejected when others can read it.

mod personal;
mod private_file;
mod stored_space;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use less_sync_client::crypto::{Identity, Secret};
use less_sync_core::SpaceId;
use serde::{Deserialize, Serialize};

use crate::report::Failure;
pub(crate) use stored_space::{Rotation, StoredSpace};

const IDENTITY: &str = "identity.json";
const SPACES: &str = "spaces";
const LOCK: &str = "lock";

/// A directory with an identity and its spaces. It need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct KeyDirectory(PathBuf);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityFile {
    version: u32,
    secret: Secret,
}

const VERSION: u32 = 1;

impl KeyDirectory {
    /// The one that was asked for, or else the usual one of this user.
    ///
    /// # Errors
    /// There is no home directory.
    pub(crate) fn choose(asked: Option<&Path>) -> Result<Self, Failure> {
        let usual = || {
            let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
            let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")))?;
            Some(data.join("less-sync/keys"))
        };
        let path = asked.map(Path::to_owned).or_else(usual);
        path.map(Self).ok_or_else(|| Failure::usage(anyhow!("no place for keys: give --keys DIR")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Who we are; `None` when nobody has been made yet.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Failure> {
        let path = self.0.join(IDENTITY);
        let Some(text) = self.read(&path)? else { return Ok(None) };
        let identity =
            serde_json::from_str::<IdentityFile>(&text).ok().filter(|file| file.version == VERSION);
        let identity = identity.and_then(|file| Identity::from_secret(file.secret).ok());
        let broken = || anyhow!("{} holds no identity of this version of the tool", path.display());
        Ok(Some(identity.ok_or_else(broken)?))
    }

    /// Who we are; somebody new the first time.
    pub(crate) fn identity_or_new(&self) -> Result<Identity, Failure> {
        private_file::make_directory(&self.0)?;
        let _lock = self.lock()?;
        if let Some(identity) = self.identity()? {
            return Ok(identity);
        }
        let identity = Identity::random();
        let file = IdentityFile { version: VERSION, secret: identity.secret().clone() };
        private_file::replace(&self.0.join(IDENTITY), &file)?;
        Ok(identity)
    }

    /// What we know of a space.
    pub(crate) fn space(&self, space: SpaceId) -> Result<Option<StoredSpace>, Failure> {
        let path = self.space_path(space);
        let Some(text) = self.read(&path)? else { return Ok(None) };
        let stored = StoredSpace::from_json(&text).filter(|stored| stored.membership.space() == space);
        let broken = || anyhow!("{} holds no space of this version of the tool", path.display());
        Ok(Some(stored.ok_or_else(broken)?))
    }

    /// Ids of all spaces that we know.
    pub(crate) fn spaces(&self) -> Result<Vec<SpaceId>, Failure> {
        let folder = self.0.join(SPACES);
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let names =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let id = |name: PathBuf| name.file_stem()?.to_str()?.parse::<SpaceId>().ok();
        let mut spaces: Vec<SpaceId> = names.filter_map(|name| id(name.ok()?.path())).collect();
        spaces.sort_unstable();
        Ok(spaces)
    }

    /// The space that was asked for, or the only one.
    pub(crate) fn known_space(&self, asked: Option<SpaceId>) -> Result<StoredSpace, Failure> {
        let space = match (asked, self.spaces()?.as_slice()) {
            (Some(space), _) => space,
            (None, [only]) => *only,
            (None, []) => {
                return Err(Failure::usage(anyhow!("there is no shared space in {}", self.0.display())));
            }
            (None, several) => {
                return Err(Failure::usage(anyhow!("you share {} spaces: give --space", several.len())));
            }
        };
        let unknown = || anyhow!("the space {space} is not among the keys in {}", self.0.display());
        self.space(space)?.ok_or_else(|| Failure::usage(unknown()))
    }

    /// Keeps a space, in the place of what was known of it.
    pub(crate) fn keep(&self, stored: &StoredSpace) -> Result<(), Failure> {
        private_file::make_directory(&self.0)?;
        let _lock = self.lock()?;
        self.write(stored)
    }

    /// Changes what is known of a space, whoever else changes it at the same time; answers what is known then.
    pub(crate) fn update(
        &self,
        space: SpaceId,
        change: impl FnOnce(&mut StoredSpace),
    ) -> Result<StoredSpace, Failure> {
        let _lock = self.lock()?;
        let mut stored = self.known_space(Some(space))?;
        change(&mut stored);
        self.write(&stored)?;
        Ok(stored)
    }

    /// Forgets a space.
    pub(crate) fn forget(&self, space: SpaceId) -> Result<(), Failure> {
        let path = self.space_path(space);
        Ok(std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?)
    }

    fn write(&self, stored: &StoredSpace) -> Result<(), Failure> {
        private_file::make_directory(&self.0.join(SPACES))?;
        let path = self.space_path(stored.membership.space());
        Ok(private_file::replace(&path, &stored.to_file())?)
    }

    fn read(&self, path: &Path) -> Result<Option<zeroize::Zeroizing<String>>, Failure> {
        if self.0.exists() {
            private_file::check(&self.0)?;
        }
        private_file::read(path)
    }

    fn space_path(&self, space: SpaceId) -> PathBuf {
        self.0.join(SPACES).join(format!("{space}.json"))
    }

    /// Held until it is dropped, by one process at a time.
    fn lock(&self) -> anyhow::Result<File> {
        let path = self.0.join(LOCK);
        let locked = private_file::open_lock(&path).and_then(|file| file.lock().map(|()| file));
        locked.with_context(|| format!("cannot lock {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn an_identity_is_made_once_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory(parent.path().join("a/keys"));
        assert!(keys.identity().unwrap().is_none());
        let made = keys.identity_or_new().unwrap();
        assert_eq!(keys.identity_or_new().unwrap().did(), made.did());
        assert_eq!(keys.identity().unwrap().unwrap().did(), made.did());
        let modes = [IDENTITY, LOCK, ""].map(|name| mode(&keys.0.join(name)));
        assert_eq!(modes, [0o600, 0o600, 0o700]);
    }

    #[test]
    fn what_others_can_read_or_what_is_broken_is_rejected_and_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let keys = KeyDirectory(parent.path().join("keys"));
        keys.identity_or_new().unwrap();
        for (path, open, closed) in [(keys.0.join(IDENTITY), 0o640, 0o600), (keys.0.clone(), 0o750, 0o700)] {
            set_mode(&path, open);
            assert!(keys.identity().is_err() && keys.identity_or_new().is_err());
            set_mode(&path, closed);
            assert!(keys.identity().is_ok());
        }
        std::fs::write(keys.0.join(IDENTITY), "{}").unwrap();
        assert!(keys.identity_or_new().is_err());
        assert_eq!(std::fs::read_to_string(keys.0.join(IDENTITY)).unwrap(), "{}");
    }
}
