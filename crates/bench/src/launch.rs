//! Server process launched for one run, in a temporary directory.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::clock;
use crate::options::ServerOptions;
use crate::process::Process;

const TIMEOUT: Duration = Duration::from_secs(20);
const LOG: &str = "server.log";

/// Limits of the server under test.
#[derive(Clone, Copy, Debug)]
pub enum Limits {
    /// All limits as shipped.
    Shipped,
    /// Limits of a server that was running already.
    Unknown,
    /// Limits that would bound the load instead of the server are raised. Queue sizes keep their defaults.
    Raised,
}

const RAISED: [(&str, &str); 9] = [
    ("WS_MAX_CONNECTIONS_PER_MAILBOX", "1000000"),
    ("WS_MAX_CONNECTIONS_PER_ACTOR", "1000000"),
    ("WS_MAX_CONNECTIONS_TOTAL", "1000000"),
    ("WS_MAX_UNAUTHENTICATED_PER_ADDRESS", "1000000"),
    ("WS_INBOUND_RATE", "1000000"),
    ("WS_INBOUND_BURST", "1000000"),
    ("WS_EPHEMERAL_RATE", "1000000"),
    ("WS_EPHEMERAL_BURST", "1000000"),
    ("MAX_FILE_SIZE", "4GiB"),
];

/// Settings of every launched server: it stops without waiting for clients.
const SHUTDOWN: [(&str, &str); 2] = [("WS_SHUTDOWN_DRAIN", "1s"), ("WS_SHUTDOWN_SPREAD", "0")];

/// More settings of a server, and files in its directory, which is its working directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) files: Vec<(&'static str, String)>,
}

/// Development server in a temporary directory; dropping it kills the process and removes the directory.
#[derive(Debug)]
pub struct LaunchedServer {
    child: Child,
    address: SocketAddr,
    began: Instant,
    directory: TempDir,
}

impl LaunchedServer {
    /// Starts the process; see [`LaunchedServer::until_healthy`] for its readiness.
    ///
    /// # Errors
    /// Missing program, or a directory or port that is not available.
    pub fn start(options: &ServerOptions, limits: Limits) -> anyhow::Result<Self> {
        Self::start_at(free_address()?, options, limits, &Surroundings::default())
    }

    /// As [`LaunchedServer::start`], at `address` and with more settings and files.
    pub(crate) fn start_at(
        address: SocketAddr,
        options: &ServerOptions,
        limits: Limits,
        surroundings: &Surroundings,
    ) -> anyhow::Result<Self> {
        let directory = match &options.data {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        let directory = directory.context("cannot create a directory for the server")?;
        let program = program(options)?;
        for (name, content) in &surroundings.files {
            std::fs::write(directory.path().join(name), content)
                .context("cannot write a file of the server")?;
        }
        let log = File::create(directory.path().join(LOG))?;
        let raised: &[(&str, &str)] = match limits {
            Limits::Shipped | Limits::Unknown => &[],
            Limits::Raised => &RAISED,
        };
        let began = clock::instant();
        let database = options.database.iter().flat_map(|url| ["--database", url]);
        let child = Command::new(&program)
            .args(["--dev", "--listen", &address.to_string()])
            .args(database)
            .envs(SHUTDOWN)
            .envs(raised.iter().copied())
            .envs(surroundings.settings.iter().map(|(name, value)| (name, value)))
            .env_remove("LESS_SYNC_URL")
            .env_remove("LESS_SYNC_TOKEN")
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, address, began, directory })
    }

    /// Waits for the first 200 on `/health`, at most 20 s, and blocks the thread; returns the time since before the launch.
    ///
    /// # Errors
    /// The process has exited, or does not respond in time; with the end of its log.
    pub fn until_healthy(&mut self) -> anyhow::Result<Duration> {
        const PAUSE: Duration = Duration::from_micros(200);
        while self.began.elapsed() < TIMEOUT {
            if is_healthy(self.address) {
                return Ok(self.began.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server exited with {status}:\n{}", self.log());
            }
            std::thread::sleep(PAUSE);
        }
        bail!("the server is not healthy after {} s:\n{}", TIMEOUT.as_secs(), self.log())
    }

    /// Address of the listener, on loopback.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Directory of its data and its log.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Last ten lines of the server's log.
    #[must_use]
    pub fn log(&self) -> String {
        const LINES: usize = 10;
        let text = std::fs::read_to_string(self.directory.path().join(LOG)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
    }

    /// Sends SIGTERM and waits for the exit, at most 20 s; blocks the thread.
    ///
    /// # Errors
    /// The process does not exit in time.
    pub fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("cannot stop the server")?;
        }
        let signalled = clock::instant();
        while signalled.elapsed() < TIMEOUT {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not exit within {} s of SIGTERM:\n{}", TIMEOUT.as_secs(), self.log())
    }
}

impl Drop for LaunchedServer {
    fn drop(&mut self) {
        // Fails for a process that has exited already.
        let _exited = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn program(options: &ServerOptions) -> anyhow::Result<PathBuf> {
    if let Some(program) = &options.server {
        return std::path::absolute(program).context("cannot resolve the path of the server");
    }
    let own = std::env::current_exe().context("cannot find the server beside this program")?;
    let program = own.with_file_name("less-sync-server");
    anyhow::ensure!(
        program.exists(),
        "{} does not exist: build it with `cargo build --release -p less-sync-server`, or give --server or --pid",
        program.display()
    );
    Ok(program)
}

/// A free port on loopback. Another process could bind it before the server does; the launch fails then.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port")?;
    Ok(listener.local_addr()?)
}

fn is_healthy(address: SocketAddr) -> bool {
    let probe = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(
            format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status == *b"HTTP/1.1 200")
    };
    probe().unwrap_or(false)
}
