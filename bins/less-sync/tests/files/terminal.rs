//! A terminal in which alice works.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use less_sync_client::{AccessToken, FileClient};
use less_sync_core::{FileId, SpaceId};
use less_sync_test_support::{TestServer, within};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Runs, Tail, program};

/// A terminal with a folder and a key directory.
pub(crate) struct Terminal {
    url: String,
    token: String,
    pub(crate) space: String,
    folder: TempDir,
    keys: PathBuf,
}

/// A server that keeps files.
pub(crate) async fn server() -> TestServer {
    TestServer::builder().files().start().await
}

/// Bytes that differ from place to place.
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

    /// Another terminal of alice: the same keys, another folder.
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

    /// One that reaches the server by way of this address.
    pub(crate) fn by_way_of(&self, proxy: SocketAddr) -> Self {
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

    /// Names of all files here, in order; the keys excepted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "keys");
        names.sort();
        names
    }

    /// Puts a file of this name and answers its id.
    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> String {
        self.write(name, content);
        self.result(&["file", "put", name]).await["file"].as_str().unwrap().to_owned()
    }

    /// Deletes a file behind the back of its record.
    pub(crate) async fn delete_object(&self, id: &str) {
        let files = FileClient::new(&format!("{}/api/v1", self.url)).unwrap();
        let (token, space): (_, SpaceId) =
            (AccessToken::from(self.token.as_str()), self.space.parse().unwrap());
        let id: FileId = id.parse().unwrap();
        within("an answer", files.file(&token, space.into(), id).delete()).await.unwrap();
    }

    /// Returns when the file of this name has so many bytes.
    pub(crate) async fn until_there_are(&self, bytes: u64, name: &str) {
        let path = self.path(name);
        let grown = async {
            while std::fs::metadata(&path).map_or(0, |metadata| metadata.len()) < bytes {
                tokio::task::yield_now().await;
            }
        };
        within("a part of the file", grown).await;
    }
}

impl Runs for Terminal {
    fn command(&self, arguments: &[&str]) -> Command {
        let keys = self.keys.to_str().unwrap();
        let environment = [
            ("LESS_SYNC_URL", self.url.as_str()),
            ("LESS_SYNC_TOKEN", &self.token),
            ("LESS_SYNC_KEYS", keys),
        ];
        let mut command = program(arguments, environment);
        command.current_dir(self.folder.path());
        command
    }
}

/// Where the server keeps the one object that it has.
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
    /// The next word about a file.
    pub(crate) async fn file(&mut self) -> Value {
        self.until(|line| line["kind"] == "file").await
    }

    /// The next push.
    pub(crate) async fn record(&mut self) -> Value {
        self.until(|line| line["method"] == "sync").await
    }
}
