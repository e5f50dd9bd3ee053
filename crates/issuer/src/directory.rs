//! Directory of an issuer: keys and users, changed by one process at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use less_sync_core::{ClientId, MailboxId, Timestamp};
use less_sync_disk::{DirectorySync, open_private};

use crate::keys::{KeyDocument, KeyEntry, MAX_KEYS, SigningKeys};
use crate::password::{InvalidPassword, Password};
use crate::private_json::{self, FileError};
use crate::users::{MAX_MAILBOXES, User, UserName, UserSummary, Users};
use crate::watched::Watched;

const USERS: &str = "users.json";
const KEYS: &str = "keys.json";
const LOCK: &str = "lock";

/// Directory with `users.json` and `keys.json`. A process may read them while another one changes them: each change replaces
/// a file as a whole, under a lock.
pub struct Directory {
    path: PathBuf,
    sync: DirectorySync,
    users: Watched<Users>,
    keys: Watched<SigningKeys>,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySummary {
    /// Key id.
    pub kid: String,
    /// Time of its creation.
    pub created: Timestamp,
    /// True for the key that signs.
    pub signs: bool,
}

/// Change of the directory that was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The password is not acceptable.
    #[error(transparent)]
    Password(#[from] InvalidPassword),
    /// Another user has the name or the id.
    #[error("the name or the id is taken")]
    Taken,
    /// The id of a user is empty, too long, or contains a NUL.
    #[error("an id has 1 to 255 bytes without NUL")]
    UserId,
    /// No user has this name.
    #[error("no such user")]
    NoUser,
    /// No key has this id.
    #[error("no such key")]
    NoKey,
    /// The key signs.
    #[error("the key signs: let another key sign first")]
    Signing,
    /// As many keys as the file may have.
    #[error("there are {MAX_KEYS} keys: remove one first")]
    TooManyKeys,
    /// Another user has registered the mailbox, or the user has too many.
    #[error("the mailbox is that of another user, or one too many")]
    Mailbox,
}

impl Directory {
    /// Directory at `path`, which need not exist: the first change creates it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, sync: DirectorySync) -> Self {
        let path = path.into();
        Self {
            users: Watched::new(path.join(USERS), Users::parse),
            keys: Watched::new(path.join(KEYS), SigningKeys::parse),
            path,
            sync,
        }
    }

    /// Path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Users of the current file; none without one.
    pub(crate) fn users(&self) -> Result<Arc<Users>, FileError> {
        Ok(self.users.current()?.unwrap_or_default())
    }

    /// Keys of the current file; `None` before [`Directory::create_key`].
    pub(crate) fn signing_keys(&self) -> Result<Option<Arc<SigningKeys>>, FileError> {
        self.keys.current()
    }

    /// Creates the first key, unless there is one.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn create_key(&self, now: Timestamp) -> Result<(), ChangeError> {
        let _lock = self.lock()?;
        if private_json::read(self.keys.path())?.is_none() {
            let document = KeyDocument::with(KeyEntry::random(now));
            private_json::replace(self.keys.path(), &document, &self.sync)?;
        }
        Ok(())
    }

    /// All users, in the order of the file.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn list_users(&self) -> Result<Vec<UserSummary>, FileError> {
        let summary = |user: &User| UserSummary {
            name: user.name.clone(),
            id: user.id.clone(),
            mailboxes: user.mailboxes.len(),
        };
        Ok(self.users()?.list.iter().map(summary).collect())
    }

    /// Adds a user; `id` becomes the `sub` of their tokens.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_user(&self, name: UserName, id: String, password: &Password) -> Result<(), ChangeError> {
        if id.parse::<ClientId>().is_err() {
            return Err(ChangeError::UserId);
        }
        let password = password.hash()?;
        self.change_users(|users| {
            if users.named(&name).is_some() || users.with_id(&id).is_some() {
                return Err(ChangeError::Taken);
            }
            users.list.push(User { name, id, password, mailboxes: Vec::new() });
            Ok(())
        })
    }

    /// Removes a user. Access tokens stay valid until they expire; refresh tokens end at once.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn remove_user(&self, name: &UserName) -> Result<(), ChangeError> {
        self.change_users(|users| {
            let at = users.list.iter().position(|user| user.name == *name).ok_or(ChangeError::NoUser)?;
            users.list.remove(at);
            Ok(())
        })
    }

    /// Replaces the password of a user, which also ends their refresh tokens.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn set_password(&self, name: &UserName, password: &Password) -> Result<(), ChangeError> {
        let password = password.hash()?;
        self.change_users(|users| {
            let user = users.list.iter_mut().find(|user| user.name == *name).ok_or(ChangeError::NoUser)?;
            user.password = password;
            Ok(())
        })
    }

    /// Registers a mailbox of the user with this id; repeating it has no effect.
    pub(crate) fn register_mailbox(&self, id: &str, mailbox: MailboxId) -> Result<(), ChangeError> {
        if self.users()?.owner_of(&mailbox).is_some_and(|owner| owner.id == id) {
            return Ok(());
        }
        self.change_users(|users| {
            if let Some(owner) = users.owner_of(&mailbox) {
                return if owner.id == id { Ok(()) } else { Err(ChangeError::Mailbox) };
            }
            let user = users.list.iter_mut().find(|user| user.id == id).ok_or(ChangeError::NoUser)?;
            if user.mailboxes.len() >= MAX_MAILBOXES {
                return Err(ChangeError::Mailbox);
            }
            user.mailboxes.push(mailbox);
            Ok(())
        })
    }

    /// All keys, in the order of their creation; none before [`Directory::create_key`].
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn list_keys(&self) -> Result<Vec<KeySummary>, FileError> {
        let Some(document) = self.key_document()? else { return Ok(Vec::new()) };
        let summary = |entry: &KeyEntry| KeySummary {
            kid: entry.kid.clone(),
            created: Timestamp::from_seconds(entry.created),
            signs: entry.kid == document.signing,
        };
        Ok(document.keys.iter().map(summary).collect())
    }

    /// Adds a key, which is published and does not sign yet. Returns its id.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_key(&self, now: Timestamp) -> Result<String, ChangeError> {
        self.change_keys(|document| {
            if document.keys.len() >= MAX_KEYS {
                return Err(ChangeError::TooManyKeys);
            }
            let entry = KeyEntry::random(now);
            let kid = entry.kid.clone();
            document.keys.push(entry);
            Ok(kid)
        })
    }

    /// Lets the key `kid` sign from now on.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn use_key(&self, kid: &str) -> Result<(), ChangeError> {
        self.change_keys(|document| {
            if !document.keys.iter().any(|entry| entry.kid == kid) {
                return Err(ChangeError::NoKey);
            }
            kid.clone_into(&mut document.signing);
            Ok(())
        })
    }

    /// Removes a key that does not sign: tokens that it signed are rejected from now on.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn remove_key(&self, kid: &str) -> Result<(), ChangeError> {
        self.change_keys(|document| {
            if document.signing == kid {
                return Err(ChangeError::Signing);
            }
            let at = document.keys.iter().position(|entry| entry.kid == kid).ok_or(ChangeError::NoKey)?;
            document.keys.remove(at);
            Ok(())
        })
    }

    fn change_users(
        &self,
        change: impl FnOnce(&mut Users) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let _lock = self.lock()?;
        let path = self.users.path();
        // Read under the lock, not from the cache: another process may have changed the file in the meantime.
        let mut users = match private_json::read(path)? {
            Some((text, _stamp)) => Users::parse(&text).map_err(|reason| invalid(path, reason))?,
            None => Users::default(),
        };
        change(&mut users)?;
        Ok(private_json::replace(path, &users.to_document(), &self.sync)?)
    }

    fn change_keys<R>(
        &self,
        change: impl FnOnce(&mut KeyDocument) -> Result<R, ChangeError>,
    ) -> Result<R, ChangeError> {
        let _lock = self.lock()?;
        let mut document = self.key_document()?.ok_or(ChangeError::NoKey)?;
        let result = change(&mut document)?;
        private_json::replace(self.keys.path(), &document, &self.sync)?;
        Ok(result)
    }

    fn key_document(&self) -> Result<Option<KeyDocument>, FileError> {
        let path = self.keys.path();
        let Some((text, _stamp)) = private_json::read(path)? else { return Ok(None) };
        KeyDocument::parse(&text).map(Some).map_err(|reason| invalid(path, reason))
    }

    /// Takes the lock of the directory, held until the file is dropped. Creates the directory.
    fn lock(&self) -> Result<File, FileError> {
        let path = self.path.join(LOCK);
        let locked = || {
            self.sync.create(&self.path)?;
            let file = open_private(&path)?;
            file.lock()?;
            Ok(file)
        };
        locked().map_err(FileError::io("lock", &path))
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("path", &self.path).finish_non_exhaustive()
    }
}

fn invalid(path: &Path, reason: String) -> FileError {
    FileError::Invalid { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use pretty_assertions::assert_eq;
    use zeroize::Zeroizing;

    use super::*;

    fn directory(folder: &Path) -> Directory {
        Directory::new(folder.join("issuer"), DirectorySync::required())
    }

    fn password(text: &str) -> Password {
        Password::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn users_are_added_changed_and_removed_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, other) = (directory(folder.path()), directory(folder.path()));
        let name = |text: &str| text.parse::<UserName>().unwrap();
        directory.add_user(name("anna"), "1".to_owned(), &password("annas password")).unwrap();
        // Another process sees the change and makes its own.
        other.add_user(name("ben"), "2".to_owned(), &password("bens password")).unwrap();
        for (taken, id) in [("anna", "3"), ("carl", "1")] {
            let error = directory.add_user(name(taken), id.to_owned(), &password("password")).unwrap_err();
            assert!(matches!(error, ChangeError::Taken));
        }
        directory.set_password(&name("anna"), &password("another password")).unwrap();
        let users = directory.users().unwrap();
        assert!(password("another password").matches(&users.named(&name("anna")).unwrap().password));
        directory.remove_user(&name("anna")).unwrap();
        assert!(matches!(directory.remove_user(&name("anna")), Err(ChangeError::NoUser)));
        let left: Vec<_> = directory.list_users().unwrap().into_iter().map(|user| user.id).collect();
        assert_eq!(left, ["2"]);
        for (file, mode) in [("issuer", 0o700), ("issuer/users.json", 0o600), ("issuer/lock", 0o600)] {
            let found = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{file}");
        }
    }

    #[test]
    fn mailbox_belongs_to_the_user_who_registered_it_first() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path());
        for (name, id) in [("anna", "1"), ("ben", "2")] {
            directory.add_user(name.parse().unwrap(), id.to_owned(), &password("password")).unwrap();
        }
        let mailbox = |number: usize| format!("{number:064x}").parse::<MailboxId>().unwrap();
        directory.register_mailbox("1", mailbox(0)).unwrap();
        directory.register_mailbox("1", mailbox(0)).unwrap();
        assert!(matches!(directory.register_mailbox("2", mailbox(0)), Err(ChangeError::Mailbox)));
        (1..MAX_MAILBOXES).for_each(|number| directory.register_mailbox("1", mailbox(number)).unwrap());
        assert!(matches!(directory.register_mailbox("1", mailbox(99)), Err(ChangeError::Mailbox)));
        assert_eq!(directory.list_users().unwrap()[0].mailboxes, MAX_MAILBOXES);
    }

    #[test]
    fn keys_are_rotated_in_three_steps() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path());
        assert!(matches!(directory.add_key(Timestamp::from_seconds(1)), Err(ChangeError::NoKey)));
        directory.create_key(Timestamp::from_seconds(1)).unwrap();
        directory.create_key(Timestamp::from_seconds(2)).unwrap();
        let [first] = &directory.list_keys().unwrap()[..] else { panic!("one key") };
        let second = directory.add_key(Timestamp::from_seconds(3)).unwrap();
        assert!(matches!(directory.remove_key(&first.kid), Err(ChangeError::Signing)));
        assert!(matches!(directory.use_key("none"), Err(ChangeError::NoKey)));
        directory.use_key(&second).unwrap();
        directory.remove_key(&first.kid).unwrap();
        let left = directory.list_keys().unwrap();
        assert_eq!(left, [KeySummary { kid: second, created: Timestamp::from_seconds(3), signs: true }]);
    }
}
