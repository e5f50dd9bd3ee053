//! A database of its own for one test.

use url::Url;
use uuid::Uuid;

use super::server::{connect, execute, shared, with_database};
use super::{PrivateServer, template};

/// A database that nobody else uses: locks, channels and all. Dropped with its sessions at the end.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    /// Where it has to be dropped. `None`: the server ends with the test anyway.
    server: Option<&'static Url>,
}

impl TestDatabase {
    /// One with the current schema, on the shared server.
    ///
    /// # Panics
    /// When there is no PostgreSQL and no way to get one; the message names the ways.
    pub async fn migrated() -> Self {
        let server = server().await;
        Self::create(server, &format!("TEMPLATE {}", template::name(server).await)).await
    }

    /// One without anything in it, on the shared server.
    ///
    /// # Panics
    /// As [`TestDatabase::migrated`].
    pub async fn empty() -> Self {
        Self::create(server().await, "").await
    }

    /// One with the current schema on a server of the test's own.
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

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    /// On a thread of its own, since the test's runtime is busy ending.
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
