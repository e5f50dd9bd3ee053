//! Several servers on one database as processes that can be killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use less_sync_app::SystemClock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::run_state::{RECOVERY, User};
use crate::free_address::free_address;
use crate::{Issuer, Upgrade};

/// Nodes of a deployment, each a process with an address of its own.
#[derive(Debug)]
pub struct Nodes {
    program: PathBuf,
    settings: Vec<(String, String)>,
    issuer: Issuer,
    all: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    child: Child,
    directory: TempDir,
    address: watch::Sender<SocketAddr>,
}

impl Nodes {
    /// Starts `count` nodes of `program` with these settings, among them the address of their database.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start(program: impl Into<PathBuf>, count: usize, settings: &[(&str, &str)]) -> Self {
        let issuer = Issuer::start(Arc::new(SystemClock)).await;
        let set = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut settings: Vec<_> = settings.iter().map(set).collect();
        settings.push(("TRUSTED_ISSUERS".to_owned(), issuer.url()));
        let mut nodes = Self { program: program.into(), settings, issuer, all: Vec::new() };
        for _ in 0..count {
            let (directory, address) = (tempfile::tempdir().expect("a directory"), free_address());
            let child = nodes.launch(&directory, address).await;
            nodes.all.push(Node { child, directory, address: watch::Sender::new(address) });
        }
        nodes
    }

    /// Number of nodes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Kills a node on the spot, and starts it again.
    ///
    /// # Panics
    /// If it does not start again.
    pub async fn kill_and_restart(&mut self, node: usize) {
        self.all[node].child.kill().await.expect("a process to kill");
        self.start_again(node).await;
    }

    /// Stops a node in good order, and starts it again.
    ///
    /// # Panics
    /// If it does not end in good order, or does not start again.
    pub async fn stop_and_restart(&mut self, node: usize) {
        let child = &mut self.all[node].child;
        let process = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(process.expect("a running process"), Signal::TERM).expect("a process to stop");
        let ended = tokio::time::timeout(RECOVERY, child.wait()).await;
        let status = ended.expect("a process that ends").expect("a process to wait for");
        assert!(status.success(), "{status}: {}", self.log(node));
        self.start_again(node).await;
    }

    /// Log of a node so far.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.all[node].directory.path().join("log")).unwrap_or_default()
    }

    /// Section `nodes` of the readiness report of a node.
    ///
    /// # Panics
    /// If the node does not respond.
    pub async fn report(&self, node: usize) -> serde_json::Value {
        let address = *self.all[node].address.borrow();
        let response = Upgrade::plain_get("/readyz").response(address).await;
        let report: serde_json::Value = serde_json::from_slice(&response.body).expect("a report in JSON");
        report["nodes"].clone()
    }

    /// Watch channels of the addresses, marked as changed with every restart.
    pub(super) fn addresses(&self) -> Vec<watch::Receiver<SocketAddr>> {
        self.all.iter().map(|node| node.address.subscribe()).collect()
    }

    /// A user with a token.
    pub(super) fn user(&self, name: &str) -> User {
        let (token, space) = (self.issuer.token(name), self.issuer.personal_space(name));
        User { name: name.to_owned(), token, space }
    }

    async fn start_again(&mut self, node: usize) {
        let address = *self.all[node].address.borrow();
        let child = self.launch(&self.all[node].directory, address).await;
        self.all[node].child = child;
        self.all[node].address.send_replace(address);
    }

    async fn launch(&self, directory: &TempDir, listen: SocketAddr) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(directory.path().join("log"));
        let mut child = Command::new(&self.program)
            .env_clear()
            .envs([("WS_INBOUND_RATE", "100000"), ("WS_INBOUND_BURST", "100000")])
            // On a busy machine a client may take long until it sends its token.
            .envs([("WS_AUTH_TIMEOUT", "60s"), ("WS_AUTH_VALIDATION_TIMEOUT", "60s")])
            .envs([("WS_MAX_CONNECTIONS_PER_MAILBOX", "1000"), ("WS_MAX_CONNECTIONS_PER_ACTOR", "1000")])
            .envs([("WS_SHUTDOWN_DRAIN", "2s"), ("WS_SHUTDOWN_SPREAD", "0s")])
            .env("LISTEN_ADDR", listen.to_string())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("the server to start");
        let listening = async {
            while TcpStream::connect(listen).await.is_err() {
                if let Some(status) = child.try_wait().expect("a process") {
                    let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
                    panic!("the server ended with {status}: {log}");
                }
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(RECOVERY, listening).await.is_ok(), "the server does not listen");
        child
    }
}
