//! The server as a process that can be killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use super::run_state::{RECOVERY, User};
use crate::{EmptyEnvironment as _, RawClient, within};

/// A development server with a directory of its own, which outlives the process.
#[derive(Debug)]
pub struct ServerProcess {
    program: PathBuf,
    database: Option<String>,
    directory: TempDir,
    running: Running,
    address: watch::Sender<SocketAddr>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Kept open, so that the server may print what it likes.
    _stdout: BufReader<ChildStdout>,
}

impl ServerProcess {
    /// Starts `program` on a free port, on the database with this address instead of its own.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(program: impl Into<PathBuf>, database: Option<String>) -> Self {
        let (program, directory) = (program.into(), tempfile::tempdir().expect("a directory"));
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (running, address) = launch(&program, anywhere, database.as_deref(), &directory).await;
        Self { program, database, directory, running, address: watch::Sender::new(address) }
    }

    /// Kills the process on the spot and starts another one on the same data, at the same address: tokens name it.
    ///
    /// # Panics
    /// If it does not start again.
    pub async fn kill_and_restart(&mut self) {
        self.running.child.kill().await.expect("a process to kill");
        self.restart().await;
    }

    /// Starts another process on the same data, at the same address, after the last one has ended.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        let address = *self.address.borrow();
        let (running, address) =
            launch(&self.program, address, self.database.as_deref(), &self.directory).await;
        self.running = running;
        self.address.send_replace(address);
    }

    /// Id of the process.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.child.id().expect("a running process")
    }

    /// Exit code, once the process has ended by itself; `None` if a signal has killed it.
    ///
    /// # Panics
    /// If it does not end within twice the time that a shutdown may take by default.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(RECOVERY, self.running.child.wait()).await;
        ended.expect("a process that ends").expect("a process to wait for").code()
    }

    /// Log of the process so far.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).expect("a log")
    }

    /// Authenticated connection of a user, and the personal space of the user.
    pub async fn connect(&self, name: &str) -> (RawClient, String) {
        let user = self.user(name).await;
        let mut client = RawClient::connect(*self.address.borrow()).await;
        client.authenticate(&user.token).await;
        (client, user.space.to_string())
    }

    /// Body of `/readyz`, and whether the server is ready.
    pub async fn readiness(&self) -> (bool, String) {
        let (status, body) = within("readiness", request(*self.address.borrow(), "GET", "/readyz", "")).await;
        (status.contains(" 200 "), body)
    }

    /// Kills the process for good; its data are in the directory that is left.
    ///
    /// # Panics
    /// If there is nothing to kill.
    pub async fn stop(mut self) -> TempDir {
        self.running.child.kill().await.expect("a process to kill");
        self.directory
    }

    /// Watch channel of the address, marked as changed with every restart.
    pub(super) fn address(&self) -> watch::Receiver<SocketAddr> {
        self.address.subscribe()
    }

    /// A user with a token, which stays valid when the server comes back.
    pub(super) async fn user(&self, name: &str) -> User {
        let address = *self.address.borrow();
        let body = format!(r#"{{"user": "{name}", "ttl": 86400}}"#);
        let response = within("a token", post(address, "/dev/token", &body)).await;
        let text = |member: &str| response[member].as_str().expect("a text").to_owned();
        let space = text("personal_space").parse().expect("a space");
        User { name: name.to_owned(), token: text("token"), space }
    }
}

async fn launch(
    program: &PathBuf,
    listen: SocketAddr,
    database: Option<&str>,
    directory: &TempDir,
) -> (Running, SocketAddr) {
    let log = std::fs::File::options().create(true).append(true).open(directory.path().join("log"));
    let mut command = Command::new(program);
    command
        .args(["--dev", "--listen", &listen.to_string()])
        .args(database.iter().flat_map(|database| ["--database", database]))
        .empty_environment()
        // The load is meant to hurt, not to be held back.
        .envs([("WS_INBOUND_RATE", "100000"), ("WS_INBOUND_BURST", "100000")])
        // On a busy machine a client may take long until it sends its token.
        .envs([("WS_AUTH_TIMEOUT", "60s"), ("WS_AUTH_VALIDATION_TIMEOUT", "60s")])
        .envs([("WS_MAX_CONNECTIONS_PER_MAILBOX", "1000"), ("WS_MAX_CONNECTIONS_PER_ACTOR", "1000")])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(log.expect("a log"))
        .kill_on_drop(true);
    let mut child = command.spawn().expect("the server to start");
    let mut stdout = BufReader::new(child.stdout.take().expect("what it prints"));
    let address = tokio::time::timeout(RECOVERY, printed_address(&mut stdout)).await;
    let address = address.ok().flatten();
    let Some(address) = address else {
        let log = std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("the server did not start: {log}");
    };
    (Running { child, _stdout: stdout }, address)
}

async fn printed_address(stdout: &mut BufReader<ChildStdout>) -> Option<SocketAddr> {
    let mut lines = stdout.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(url) = line.trim().strip_prefix("address") {
            return url.trim().strip_prefix("http://")?.parse().ok();
        }
    }
    None
}

async fn post(address: SocketAddr, path: &str, body: &str) -> Value {
    let (_status, body) = request(address, "POST", path, body).await;
    serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {body}"))
}

/// Status line and body of a response.
async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("a request that is sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).await.expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a response with a body");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}
