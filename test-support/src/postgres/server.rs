//! PostgreSQL servers for tests: given, shared or private.

use std::path::Path;

use sqlx::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use url::Url;

use super::container::Container;
use super::durability::Durability;
use super::local::LocalServer;
use super::version::MajorVersion;
use super::watcher::Until;
use crate::{DEADLINE, within};

const NO_WAY: &str = "these tests need PostgreSQL, by one of three ways: \
    (1) set LESS_TEST_DATABASE_URL to a server where the user may create databases; \
    (2) start a Docker engine; \
    (3) install PostgreSQL 15 or newer (initdb, postgres and pg_ctl on PATH or in /usr/lib/postgresql/*/bin). \
    Everything else runs with: cargo nextest run -E 'not package(less-sync-storage-postgres)'";

/// Message of a test that has no way to a server.
pub(super) fn no_way() -> String {
    MajorVersion::requested().map_or_else(|| NO_WAY.to_owned(), MajorVersion::no_way)
}

/// A server owned by one test, which may stop and kill it. Ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct PrivateServer(OwnedServer);

#[derive(Debug)]
pub(super) enum OwnedServer {
    Container(Container),
    Local(LocalServer),
}

impl OwnedServer {
    /// Starts a container, else a local cluster. `None`: neither is possible.
    pub(super) fn start(durability: Durability, until: Until, folder: &Path) -> Option<Self> {
        let container = Container::start(durability, until, folder).map(Self::Container);
        container.or_else(|| LocalServer::start(durability, until, folder).map(Self::Local))
    }

    /// Starts a server in a temporary folder, until it is dropped.
    pub(super) fn start_until_dropped(durability: Durability) -> Self {
        let folder =
            tempfile::Builder::new().prefix("less-sync-pg-").tempdir().expect("a temporary directory");
        let own = Self::start(durability, Until::Dropped, folder.path());
        let own = own.unwrap_or_else(|| panic!("{}", no_way()));
        // From here on its watcher removes it.
        drop(folder.keep());
        own
    }

    /// URL of its database `postgres`.
    pub(super) fn url(&self) -> Url {
        match self {
            Self::Container(container) => container.url(),
            Self::Local(local) => local.url(),
        }
    }
}

impl PrivateServer {
    /// Starts a server. Blocks for a second or two.
    ///
    /// # Panics
    /// If there is neither a Docker engine nor a local PostgreSQL; a server named by the environment must not be stopped.
    #[must_use]
    pub fn start(durability: Durability) -> Self {
        Self(OwnedServer::start_until_dropped(durability))
    }

    /// Stops the server in order, cutting its sessions.
    pub fn stop(&self) {
        match &self.0 {
            OwnedServer::Container(container) => container.stop(),
            OwnedServer::Local(local) => local.stop(),
        }
    }

    /// Kills the server, as a crash does.
    pub fn kill(&self) {
        match &self.0 {
            OwnedServer::Container(container) => container.kill(),
            OwnedServer::Local(local) => local.kill(),
        }
    }

    /// Starts the server again after [`PrivateServer::stop`] or [`PrivateServer::kill`], under the same address.
    pub fn start_again(&self) {
        match &self.0 {
            OwnedServer::Container(container) => container.launch(),
            OwnedServer::Local(local) => local.launch(),
        }
    }

    /// URL of the database `name`, existing or not.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        with_database(&self.0.url(), name)
    }

    /// Creates an empty database and returns its URL.
    pub async fn create_database(&self, name: &str) -> String {
        let mut admin = connect(self.0.url().as_str()).await;
        execute(&mut admin, format!("CREATE DATABASE {name}")).await;
        self.url(name)
    }
}

/// URL of another database of the same server.
pub(super) fn with_database(server: &Url, name: &str) -> String {
    let mut url = server.clone();
    url.set_path(name);
    url.into()
}

pub(super) async fn connect(url: &str) -> PgConnection {
    within("connecting to PostgreSQL", PgConnection::connect(url)).await.expect("a connection to PostgreSQL")
}

pub(super) async fn execute(connection: &mut PgConnection, sql: String) {
    let executed = tokio::time::timeout(6 * DEADLINE, connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))));
    executed.await.expect("a response of PostgreSQL in time").expect("a statement that succeeds");
}
