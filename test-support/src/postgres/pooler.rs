//! `PgBouncer` in front of a database, pooling transactions.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use tempfile::TempDir;
use tokio::net::TcpStream;
use url::Url;

use super::TestDatabase;
use super::local::unprivileged;
use super::proxied::{through, upstream};
use crate::free_address::free_address;
use crate::proxy::Upstream;
use crate::within;

/// Directories of the program, besides those on the path.
const INSTALLED: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

const NO_WAY: &str = "these tests need PgBouncer: install it (Debian package pgbouncer), or set LESS_TEST_PGBOUNCER \
    to the path of the program. Everything else runs with: cargo nextest run -E 'not test(pooler)'";

/// The shell ends the program when its standard input does, that is with the test.
const RUN: &str = "\"$1\" -q \"$2\" & cat >/dev/null; kill $!";

/// A proxy that pools transactions, on a loopback port. Ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct Pooler {
    url: String,
    shell: Child,
    _folder: TempDir,
}

impl Pooler {
    /// Starts `PgBouncer` in front of `database`, with three connections to it. `settings`: further lines of its
    /// configuration.
    ///
    /// # Panics
    /// If there is no `PgBouncer`; the message says how to get it.
    pub async fn start(database: &TestDatabase, settings: &str) -> Self {
        let server = Url::parse(database.url()).expect("the URL of a database");
        let folder = tempfile::Builder::new().prefix("less-sync-pooler-").tempdir().expect("a folder");
        let address = free_address();
        let configuration = folder.path().join("pgbouncer.ini");
        fs::write(&configuration, ini(&server, address, settings)).expect("a configuration");
        let mut command = Command::new("sh");
        command.arg("-c").arg(RUN).arg("sh").arg(program()).arg(&configuration).current_dir("/");
        // PgBouncer refuses to run as root.
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = unprivileged();
            for path in [folder.path(), &configuration] {
                chown(path, Some(uid), Some(gid)).expect("root gives files away");
            }
            command.uid(uid).gid(gid);
        }
        let output = fs::File::create(folder.path().join("log")).expect("a log");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(output).process_group(0);
        let shell = command.spawn().expect("a shell");
        let pooler = Self { url: through(&server, address), shell, _folder: folder };
        within("PgBouncer", async {
            while TcpStream::connect(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        pooler
    }

    /// Changes a setting of the running proxy.
    ///
    /// # Panics
    /// If the proxy rejects it.
    pub async fn set(&self, name: &str, value: &str) {
        let mut console = Url::parse(&self.url).expect("the URL of a database");
        console.set_path("/pgbouncer");
        let options: PgConnectOptions = console.as_str().parse().expect("the URL of a database");
        // The console has the simple protocol only.
        let mut console = options.extra_float_digits(None).connect().await.expect("the console of the proxy");
        let command = sqlx::raw_sql(AssertSqlSafe(format!("SET {name} = '{value}'")));
        console.execute(command).await.expect("a setting of the proxy");
    }

    /// URL of the database through the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("LESS_TEST_PGBOUNCER") {
        return program.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(INSTALLED.map(PathBuf::from));
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file());
    found.expect(NO_WAY)
}

fn ini(server: &Url, address: SocketAddr, settings: &str) -> String {
    let (host, port) = match upstream(server) {
        Upstream::Tcp(address) => (address.ip().to_string(), address.port()),
        Upstream::Unix(socket) => {
            let folder = socket.parent().unwrap_or(Path::new("/")).display().to_string();
            (folder, server.port().unwrap_or(5432))
        }
    };
    let password = server.password().map_or_else(String::new, |password| format!(" password={password}"));
    format!(
        "[databases]\n* = host={host} port={port} user={}{password}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\nmax_client_conn = 500\ndefault_pool_size = 3\n\
         admin_users = {}\n{settings}\n",
        server.username(),
        address.ip(),
        address.port(),
        server.username(),
    )
}
