//! User of a shared space: identity, key directory and access token.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use less_sync_client::crypto::Identity;
use less_sync_client::sharing::Address;
use less_sync_client::{AccessToken, Auth, Connection, Dialer, Endpoint, Events};
use less_sync_core::SpaceId;
use less_sync_test_support::{Authority, TestServer, within};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Shell, Tail, lines, program, stderr};

/// User with an identity and a key directory.
pub(crate) struct ToolboxUser {
    pub(crate) identity: Identity,
    pub(crate) address: Address,
    url: String,
    token: String,
    /// Certificates that the program trusts; `None`: those of the system.
    trusted: Option<PathBuf>,
    folder: TempDir,
}

impl ToolboxUser {
    /// User of a server with TLS, whose certificate is one of `authority`.
    pub(crate) fn over_tls(server: &TestServer, user: &str, authority: &Authority) -> Self {
        let person = Self::new(server, user);
        let url = format!("https://{}", server.address());
        Self { url, trusted: Some(authority.certificate()), ..person }
    }

    pub(crate) fn new(server: &TestServer, user: &str) -> Self {
        let identity = Identity::random();
        let mailbox = identity.mailbox(&server.issuer().url(), user);
        let claims =
            server.issuer().claims(user).with("did", identity.did().as_str()).mailbox(&mailbox.to_hex());
        let person = Self {
            address: Address::new(identity.did(), mailbox).unwrap(),
            url: format!("http://{}", server.address()),
            token: server.issuer().mint(&claims),
            trusted: None,
            folder: tempfile::tempdir().unwrap(),
            identity,
        };
        person.write_identity();
        person
    }

    fn write_identity(&self) {
        std::fs::create_dir(self.keys()).unwrap();
        std::fs::set_permissions(self.keys(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let content = json!({ "version": 1, "secret": self.identity.secret() });
        let path = self.keys().join("identity.json");
        std::fs::write(&path, content.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub(crate) fn did(&self) -> &str {
        self.identity.did().as_str()
    }

    pub(crate) async fn create(&self, name: &str) -> String {
        self.result(&["space", "create", name]).await["space"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn invite(&self, other: &Self, right: &str) {
        self.result(&["space", "invite", &other.address.to_string(), "--as", right]).await;
    }

    pub(crate) async fn accept(&self) -> Value {
        self.result(&["space", "accept"]).await
    }

    /// Pushes `content`; returns the id of the record.
    pub(crate) async fn push(&self, space: &str, content: &str) -> String {
        let output = self.push_output(space, content).await;
        assert!(output.status.success(), "{}", stderr(&output));
        lines(&output)[0]["record"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn push_output(&self, space: &str, content: &str) -> Output {
        self.run_with_input(&["push", "--json", "--space", space], content).await
    }

    /// Contents of the records of a space, in order.
    pub(crate) async fn texts(&self, space: &str) -> Vec<String> {
        texts(&self.results(&["pull", "--space", space]).await)
    }

    /// Connection of the user, for calls that the toolbox would not make.
    pub(crate) async fn connect(&self) -> Connection {
        self.connect_with_events().await.0
    }

    /// Connection of the user, and its notifications.
    pub(crate) async fn connect_with_events(&self) -> (Connection, Events) {
        let endpoint = Endpoint::from_base(&format!("{}/api/v1", self.url)).unwrap();
        let token = AccessToken::from(self.token.as_str());
        let dialer = Dialer::new(endpoint);
        within("a connection", Box::pin(dialer.dial(Auth::Token(token)))).await.unwrap()
    }

    /// Content of the space's file in the key directory.
    pub(crate) fn stored(&self, space: &str) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.stored_path(space)).unwrap()).unwrap()
    }

    /// Path of the space's file in the key directory.
    pub(crate) fn stored_path(&self, space: &str) -> PathBuf {
        self.keys().join("spaces").join(format!("{space}.json"))
    }

    pub(crate) fn ucan(&self, space: &str) -> String {
        self.stored(space)["ucan"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn id(space: &str) -> SpaceId {
    space.parse().unwrap()
}

pub(crate) fn texts(rows: &[Value]) -> Vec<String> {
    rows.iter().filter_map(|row| row["text"].as_str()).map(str::to_owned).collect()
}

impl Shell for ToolboxUser {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("LESS_SYNC_URL", &self.url).env("LESS_SYNC_TOKEN", &self.token);
        command.env("LESS_SYNC_KEYS", self.keys());
        if let Some(trusted) = &self.trusted {
            command.env("SSL_CERT_FILE", trusted);
        }
        command
    }
}

impl Tail {
    /// Content of the next record.
    pub(crate) async fn text(&mut self) -> String {
        self.until(|line| line["kind"] == "record").await["text"].as_str().unwrap().to_owned()
    }
}
