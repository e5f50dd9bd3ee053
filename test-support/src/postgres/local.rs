//! PostgreSQL cluster from local binaries, in a temporary directory, on a Unix socket.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use url::Url;

use super::durability::Durability;
use super::version::MajorVersion;
use super::watcher::{Until, Watcher};

/// Folder in which distributions install PostgreSQL outside of the path, one folder per major version.
const INSTALLED: &str = "/usr/lib/postgresql";

const CLEAN_UP: &str = "\"$1\" -D \"$2/data\" -m immediate -s stop; rm -rf \"$2\"";

/// Settings of a volatile server: no commit waits for the disk.
const VOLATILE: &str = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";

#[derive(Debug)]
pub(super) struct LocalServer {
    programs: Programs,
    folder: PathBuf,
    _watcher: Watcher,
}

impl LocalServer {
    /// Starts a cluster in `folder`, which is removed with it; `None` without local binaries. Blocks for a second.
    pub(super) fn start(durability: Durability, until: Until, folder: &Path) -> Option<Self> {
        let programs = Programs::find()?;
        let folder = folder.to_owned();
        if let Some((uid, gid)) = programs.user {
            chown(&folder, Some(uid), Some(gid)).expect("root gives files away");
        }
        let path = folder.to_str().expect("a path in UTF-8").to_owned();
        let shell = programs.command(Path::new("sh"));
        let pg_ctl = programs.pg_ctl.to_str().expect("a path in UTF-8").to_owned();
        let watcher = Watcher::start(shell, until, CLEAN_UP, &[&pg_ctl, &path]);
        let server = Self { programs, folder, _watcher: watcher };
        server.initialise(durability);
        server.launch();
        Some(server)
    }

    fn initialise(&self, durability: Durability) {
        let mut initdb = self.programs.command(&self.programs.initdb);
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        run(initdb.arg(self.data()));
        let settings = self.data().join("postgresql.conf");
        let given = fs::read_to_string(&settings).expect("a configuration");
        let folder = self.folder.display();
        let durability = match durability {
            Durability::Volatile => VOLATILE,
            Durability::Durable => "",
        };
        let ours =
            format!("listen_addresses = ''\nunix_socket_directories = '{folder}'\nmax_connections = 400\n");
        fs::write(settings, given + &ours + durability).expect("a configuration that can be written");
    }

    /// Starts the server and waits until it accepts connections.
    pub(super) fn launch(&self) {
        let log = self.folder.join("log");
        run(self.pg_ctl().args(["-w", "-t", "60", "-l"]).arg(log).arg("start"));
    }

    /// Stops the server in order, cutting its sessions.
    pub(super) fn stop(&self) {
        run(self.pg_ctl().args(["-w", "-m", "fast", "stop"]));
    }

    /// Kills the server; the next start recovers.
    pub(super) fn kill(&self) {
        run(self.pg_ctl().args(["-w", "-m", "immediate", "stop"]));
    }

    /// URL of the database `postgres`.
    pub(super) fn url(&self) -> Url {
        let mut url = Url::parse("postgres://postgres@localhost/postgres").expect("an address");
        url.query_pairs_mut().append_pair("host", self.folder.to_str().expect("a path in UTF-8"));
        url
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.programs.command(&self.programs.pg_ctl);
        command.arg("-s").arg("-D").arg(self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// Programs of PostgreSQL, and the user that runs them.
#[derive(Debug)]
struct Programs {
    initdb: PathBuf,
    pg_ctl: PathBuf,
    /// Folder of the libraries that came with the programs.
    libraries: Option<PathBuf>,
    /// User and group; PostgreSQL refuses to run as root, so root runs it as another user.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Finds the programs of the requested version; without a request, those on the path, else the newest installed version.
    fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = match MajorVersion::requested() {
            Some(version) => version.folders().collect(),
            None => std::env::split_paths(&path).chain(installed()).collect(),
        };
        folders
            .retain(|folder| ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file()));
        let folder = folders.into_iter().next()?;
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        let libraries = Some(folder.join("../lib")).filter(|libraries| libraries.join("libpq.so.5").exists());
        Some(Self { initdb: folder.join("initdb"), pg_ctl: folder.join("pg_ctl"), libraries, user })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Another user may not enter where we are.
        command.current_dir("/").stdin(Stdio::null());
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// Path of a program of the local PostgreSQL, such as `pg_dump`.
///
/// # Panics
/// If it is not installed.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = installed().into_iter().chain(std::env::split_paths(&path));
    let mut programs = folders.map(|folder| folder.join(name));
    programs.find(|program| program.is_file()).expect("a program of PostgreSQL: install its client programs")
}

/// The `bin` folders of the versions that are installed, newest first.
fn installed() -> Vec<PathBuf> {
    let versions = fs::read_dir(INSTALLED).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// User and group of `postgres`, or of `nobody`.
pub(super) fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody")).expect("a user postgres or nobody to run PostgreSQL as")
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program of PostgreSQL that starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
