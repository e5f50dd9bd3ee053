//! Database of a single test.

use url::Url;
use uuid::Uuid;

use super::run::shared;
use super::server::{connect, execute, with_database};
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

/// Finding or starting a server blocks.
async fn server() -> &'static Url {
    tokio::task::spawn_blocking(shared).await.expect("PostgreSQL")
}

#[expect(clippy::disallowed_methods, reason = "a name that no other process makes up")]
fn fresh_name() -> String {
    format!("t_{}", Uuid::new_v4().simple())
}
