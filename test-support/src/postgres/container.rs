//! PostgreSQL container, through the command line of Docker.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use url::Url;

use super::durability::Durability;
use super::version::MajorVersion;
use super::watcher::{Until, Watcher};
use crate::free_address::free_address;

/// Version of the image of runs that ask for none.
const NEWEST: &str = "18";

const CLEAN_UP: &str = "docker rm --force --volumes \"$1\"; rm -rf \"$2\"";

/// Timeout of the check for a Docker engine, in seconds.
const ENGINE_TIMEOUT: &str = "5";

/// Timeout from the start of a container to its readiness, without the download of its image.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Container {
    id: String,
    port: u16,
    _watcher: Watcher,
}

impl Container {
    /// Starts a container, if an engine is reachable; `folder` is removed with it. Blocks, also for the download of the
    /// image.
    pub(super) fn start(durability: Durability, until: Until, folder: &Path) -> Option<Self> {
        if !engine_answers() {
            return None;
        }
        // The container keeps it over a restart.
        let port = free_address().port();
        let publish = format!("127.0.0.1:{port}:5432");
        let version =
            MajorVersion::requested().map_or_else(|| NEWEST.to_owned(), |version| version.to_string());
        let image = format!("postgres:{version}-alpine");
        let mut arguments = vec!["run", "--detach", "--publish", &publish];
        arguments.extend(["--env", "POSTGRES_HOST_AUTH_METHOD=trust", &image, "-c", "max_connections=400"]);
        if durability == Durability::Volatile {
            arguments.extend([
                "-c",
                "fsync=off",
                "-c",
                "synchronous_commit=off",
                "-c",
                "full_page_writes=off",
            ]);
        }
        let id = docker(&arguments);
        let folder = folder.to_str().expect("a path in UTF-8");
        let watcher = Watcher::start(Command::new("sh"), until, CLEAN_UP, &[&id, folder]);
        let container = Self { id, port, _watcher: watcher };
        container.await_ready();
        Some(container)
    }

    pub(super) fn launch(&self) {
        docker(&["start", &self.id]);
        self.await_ready();
    }

    pub(super) fn stop(&self) {
        docker(&["stop", "--signal", "INT", &self.id]);
    }

    pub(super) fn kill(&self) {
        docker(&["kill", &self.id]);
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)).expect("an address")
    }

    /// Waits for connections over TCP: during initialization the server listens on its Unix socket only.
    fn await_ready(&self) {
        let script = "until pg_isready --quiet --host=127.0.0.1; do sleep 0.1; done";
        let seconds = READY_TIMEOUT.as_secs().to_string();
        docker(&["exec", &self.id, "timeout", &seconds, "sh", "-c", script]);
    }
}

fn engine_answers() -> bool {
    let mut ask = Command::new("timeout");
    ask.args([ENGINE_TIMEOUT, "docker", "version", "--format", "{{.Server.Version}}"]);
    ask.stdin(Stdio::null()).output().is_ok_and(|answer| answer.status.success())
}

fn docker(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("docker");
    assert!(status.success(), "docker {arguments:?} failed: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).trim().to_owned()
}
