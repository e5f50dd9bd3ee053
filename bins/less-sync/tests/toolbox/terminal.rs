//! Terminal of the user alice, and a server that stores files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use less_sync_client::{AccessToken, FileClient};
use less_sync_core::{FileId, SpaceId};
use less_sync_test_support::{TestServer, within};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Shell, Tail, program};

/// Terminal with a working folder and a key directory.
pub(crate) struct Terminal {
    url: String,
    pub(crate) token: String,
    pub(crate) space: String,
    folder: TempDir,
    keys: PathBuf,
}

/// Server with file storage.
pub(crate) async fn server() -> TestServer {
    TestServer::builder().files().start().await
}

/// Bytes that differ between segments.
pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size).map(|index| u8::try_from((index ^ (index >> 8) ^ (index >> 16)) % 251).unwrap()).collect()
}

impl Terminal {
    pub(crate) fn new(server: &TestServer) -> Self {
        let (folder, space) = (tempfile::tempdir().unwrap(), server.space("alice"));
        let claims = server.issuer().claims("alice").with("personal_space_id", space.as_str());
        Self {
            url: format!("http://{}", server.address()),
            token: server.issuer().mint(&claims),
            space,
            keys: folder.path().join("keys"),
            folder,
        }
    }

    /// Another terminal of alice, with the same keys and another folder.
    pub(crate) fn another(&self) -> Self {
        let (url, token) = (self.url.clone(), self.token.clone());
        Self {
            url,
            token,
            space: self.space.clone(),
            keys: self.keys.clone(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Another terminal, with this access token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.another() }
    }

    /// Another terminal, connected through a proxy.
    pub(crate) fn through(&self, proxy: SocketAddr) -> Self {
        Self { url: format!("http://{proxy}"), ..self.another() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Sorted names of all files in the folder, except the key directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "keys");
        names.sort();
        names
    }

    /// Uploads a file of this name; returns its id.
    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> String {
        self.write(name, content);
        self.result(&["file", "put", name]).await["file"].as_str().unwrap().to_owned()
    }

    /// Deletes a file without its record.
    pub(crate) async fn delete_object(&self, id: &str) {
        let files = FileClient::new(&format!("{}/api/v1", self.url)).unwrap();
        let (token, space): (_, SpaceId) =
            (AccessToken::from(self.token.as_str()), self.space.parse().unwrap());
        let id: FileId = id.parse().unwrap();
        within("a response", files.file(&token, space.into(), id).delete()).await.unwrap();
    }

    /// Waits until the file of this name has at least `bytes` bytes.
    pub(crate) async fn until_size(&self, name: &str, bytes: u64) {
        let path = self.path(name);
        let grown = async {
            while std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) < bytes {
                tokio::task::yield_now().await;
            }
        };
        within("a part of the file", grown).await;
    }
}

impl Shell for Terminal {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("LESS_SYNC_URL", &self.url).env("LESS_SYNC_TOKEN", &self.token);
        command.env("LESS_SYNC_KEYS", &self.keys).current_dir(self.folder.path());
        command
    }
}

/// Path of the only object of the server.
pub(crate) fn object(server: &TestServer) -> PathBuf {
    let mut found = Vec::new();
    collect(&server.folder().join("files/spaces"), &mut found);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

impl Tail {
    /// The next change of a file.
    pub(crate) async fn file(&mut self) -> Value {
        self.until(|line| line["kind"] == "file").await
    }

    /// The next push.
    pub(crate) async fn record(&mut self) -> Value {
        self.until(|line| line["method"] == "sync").await
    }
}
