//! NATS server for the transport between nodes.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::free_address::free_address;
use crate::installed::{Installed, until_end_of_input};
use crate::within;

const PROGRAM: Installed =
    Installed { name: "nats-server", package: "nats-server", variable: "LESS_TEST_NATS", tests: "nats" };

/// NATS server on a loopback port. Ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct NatsServer {
    address: SocketAddr,
    settings: String,
    shell: Child,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server without authentication.
    ///
    /// # Panics
    /// If there is no `nats-server`; the message says how to get it.
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// Starts a server with these lines of configuration.
    ///
    /// # Panics
    /// As [`NatsServer::start`].
    pub async fn with(settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("less-sync-nats-").tempdir().expect("a folder");
        let address = free_address();
        let shell = run(&folder, address, settings);
        let mut server = Self { address, settings: settings.to_owned(), shell, folder };
        server.wait().await;
        server
    }

    /// Kills the server. Connections end, and no new one is accepted.
    pub fn kill(&mut self) {
        kill_process(self.process(), Signal::KILL).expect("a process");
        self.shell.wait().expect("the end of the shell");
    }

    /// Starts the server on its address again.
    pub async fn restart(&mut self) {
        self.shell = run(&self.folder, self.address, &self.settings);
        self.wait().await;
    }

    /// Stops the process without an end of its connections: clients see silence.
    pub fn freeze(&self) {
        kill_process(self.process(), Signal::STOP).expect("a process");
    }

    /// Continues the process after [`NatsServer::freeze`].
    pub fn thaw(&self) {
        kill_process(self.process(), Signal::CONT).expect("a process");
    }

    /// Address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL of the server, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    fn process(&self) -> Pid {
        let text = fs::read_to_string(self.folder.path().join("pid")).expect("a file with the process id");
        text.trim().parse().ok().and_then(Pid::from_raw).expect("a process id")
    }

    /// Waits for the greeting of the server.
    async fn wait(&mut self) {
        let log = self.folder.path().join("log");
        within("the NATS server", async {
            loop {
                let ended = self.shell.try_wait().expect("a process");
                assert!(ended.is_none(), "it ended: {}", fs::read_to_string(&log).unwrap_or_default());
                if let Ok(mut stream) = TcpStream::connect(self.address).await
                    && stream.read_u8().await.is_ok()
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

fn run(folder: &TempDir, address: SocketAddr, settings: &str) -> Child {
    let at = folder.path();
    let file = at.join("nats.conf");
    let text = format!("listen: \"{address}\"\npid_file: \"{}\"\n{settings}\n", at.join("pid").display());
    fs::write(&file, text).expect("a configuration");
    let output = fs::File::create(at.join("log")).expect("a log");
    let mut command = until_end_of_input(&PROGRAM.path());
    command.arg("-c").arg(&file).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output).spawn().expect("a shell")
}
