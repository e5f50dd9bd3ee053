//! Database of a single test.

use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use super::run::shared;
use super::server::{connect, execute, with_database};
use super::version::MajorVersion;
use super::{PrivateServer, template};

/// A database that no other test uses, so locks and channels are private too. Dropped with its sessions at the end.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    /// Server on which to drop the database; `None` if the server ends with the test anyway.
    server: Option<&'static Url>,
}

impl TestDatabase {
    /// Creates a database with the current schema on the shared server.
    ///
    /// # Panics
    /// If there is no PostgreSQL and no way to get one; the message names the ways.
    pub async fn migrated() -> Self {
        let server = server().await;
        Self::create(server, &format!("TEMPLATE {}", template::name(server).await)).await
    }

    /// Creates an empty database on the shared server.
    ///
    /// # Panics
    /// As [`TestDatabase::migrated`].
    pub async fn empty() -> Self {
        Self::create(server().await, "").await
    }

    /// Creates a database with the current schema on a private server.
    pub async fn migrated_on(server: &PrivateServer) -> Self {
        let name = fresh_name();
        let url = server.create_database(&name).await;
        template::migrate(&url).await;
        Self { url, name, server: None }
    }

    async fn create(server: &'static Url, how: &str) -> Self {
        let name = fresh_name();
        execute(&mut connect(server.as_str()).await, format!("CREATE DATABASE {name} {how}")).await;
        Self { url: with_database(server, &name), name, server: Some(server) }
    }

    /// URL of the database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a statement on it as an administrator.
    pub async fn execute(&self, sql: &str) {
        execute(&mut connect(&self.url).await, sql.to_owned()).await;
    }

    /// Name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    /// Drops the database on another thread, since the runtime of the test is shutting down.
    fn drop(&mut self) {
        let Some(server) = self.server else { return };
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                execute(&mut connect(server.as_str()).await, drop_it).await;
            });
        });
        let dropped = dropping.join();
        assert!(dropped.is_ok() || std::thread::panicking(), "database {} was not dropped", self.name);
    }
}

/// The shared server, of the version that the run asks for. Finding or starting it blocks.
async fn server() -> &'static Url {
    static CHECKED: OnceCell<()> = OnceCell::const_new();
    let server = tokio::task::spawn_blocking(shared).await.expect("PostgreSQL");
    if let Some(version) = MajorVersion::requested() {
        CHECKED.get_or_init(|| check_version(server, version)).await;
    }
    server
}

async fn check_version(server: &Url, version: MajorVersion) {
    let query = "SELECT current_setting('server_version_num')::int / 10000";
    let found = sqlx::query_scalar(query).fetch_one(&mut connect(server.as_str()).await).await;
    let mismatch = version.mismatch(found.expect("a version"));
    assert!(mismatch.is_none(), "{}", mismatch.unwrap_or_default());
}

#[expect(clippy::disallowed_methods, reason = "a name that no other process makes up")]
fn fresh_name() -> String {
    format!("t_{}", Uuid::new_v4().simple())
}
