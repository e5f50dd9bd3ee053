//! Logins at issuers of access tokens, one per server.

use less_sync_core::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use crate::directory::KeyDirectory;
use crate::error::KeystoreError;

const FILE: &str = "logins.json";
const VERSION: u32 = 1;

/// Login at an issuer, for one server. `Debug` shows no token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredLogin {
    /// Base URL of the server that accepts the tokens.
    pub server: String,
    /// URL of the issuer.
    pub issuer: String,
    /// Client id of the tokens.
    pub client: String,
    /// Access token.
    pub access_token: String,
    /// Expiry of the access token, as Unix time.
    pub expires_at: i64,
    /// Refresh token, if the issuer gave one.
    pub refresh_token: Option<String>,
}

impl StoredLogin {
    /// Expiry of the access token.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.expires_at)
    }
}

impl Drop for StoredLogin {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
    }
}

impl std::fmt::Debug for StoredLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredLogin").field("server", &self.server).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginsFile {
    version: u32,
    logins: Vec<StoredLogin>,
}

impl KeyDirectory {
    /// Login for the server with this base URL; `None` without one.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn login(&self, server: &str) -> Result<Option<StoredLogin>, KeystoreError> {
        Ok(self.logins()?.into_iter().find(|login| login.server == server))
    }

    /// Stores a login, in place of that for the same server.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn save_login(&self, login: StoredLogin) -> Result<(), KeystoreError> {
        self.create_directory(self.path())?;
        let _lock = self.lock()?;
        let mut logins = self.logins()?;
        logins.retain(|other| other.server != login.server);
        logins.push(login);
        self.write_logins(logins)
    }

    /// Removes the login for a server; returns false if there was none.
    ///
    /// # Errors
    /// See [`KeystoreError`].
    pub fn remove_login(&self, server: &str) -> Result<bool, KeystoreError> {
        if self.login(server)?.is_none() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let mut logins = self.logins()?;
        logins.retain(|login| login.server != server);
        self.write_logins(logins).map(|()| true)
    }

    fn logins(&self) -> Result<Vec<StoredLogin>, KeystoreError> {
        let path = self.path().join(FILE);
        let Some(text) = self.read(&path)? else { return Ok(Vec::new()) };
        let file = serde_json::from_str::<LoginsFile>(&text).ok().filter(|file| file.version == VERSION);
        file.map(|file| file.logins).ok_or_else(|| KeystoreError::invalid(&path, "logins"))
    }

    fn write_logins(&self, logins: Vec<StoredLogin>) -> Result<(), KeystoreError> {
        self.replace(&self.path().join(FILE), &LoginsFile { version: VERSION, logins })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use less_sync_disk::DirectorySync;

    use super::*;

    #[test]
    fn login_is_stored_per_server_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(folder.path().join("keys"), DirectorySync::required());
        let login = |server: &str, token: &str| StoredLogin {
            server: server.to_owned(),
            issuer: "https://id.example".to_owned(),
            client: "less-sync".to_owned(),
            access_token: token.to_owned(),
            expires_at: 1,
            refresh_token: None,
        };
        assert!(keys.login("a").unwrap().is_none() && !keys.remove_login("a").unwrap());
        for (server, token) in [("a", "1"), ("b", "2"), ("a", "3")] {
            keys.save_login(login(server, token)).unwrap();
        }
        let token = |server: &str| keys.login(server).unwrap().map(|login| login.access_token.clone());
        assert_eq!((token("a").as_deref(), token("b").as_deref(), token("c")), (Some("3"), Some("2"), None));
        let mode = std::fs::metadata(keys.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(keys.remove_login("a").unwrap());
        assert_eq!(token("a"), None);
        assert!(!format!("{:?}", login("a", "secret")).contains("secret"));
    }
}
