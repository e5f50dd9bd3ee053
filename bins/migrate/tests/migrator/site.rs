//! Place of a server: a database and a directory of files, on either store.

use less_sync_test_support::postgres::{TestDatabase, program};
use less_sync_test_support::{TestServer, TestServerBuilder};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

use crate::command::{CommandOutput, migrator};

/// Kind of a database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    database: Option<TestDatabase>,
    url: String,
    /// Further settings of the server and of commands.
    settings: Vec<(String, String)>,
}

impl Site {
    /// A place with an empty database of the latest schema, or with none if it is a file.
    pub(crate) async fn new(store: Store) -> Self {
        Self::with(store, false).await
    }

    /// A place with an empty database.
    pub(crate) async fn empty(store: Store) -> Self {
        Self::with(store, true).await
    }

    async fn with(store: Store, empty: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = match store {
            Store::Sqlite => None,
            Store::Postgres if empty => Some(TestDatabase::empty().await),
            Store::Postgres => Some(TestDatabase::migrated().await),
        };
        let file = || format!("sqlite:{}", folder.path().join("sync.db").display());
        let url = database.as_ref().map_or_else(file, |database| database.url().to_owned());
        let files = folder.path().join("files").display().to_string();
        let settings = [
            ("DATABASE_URL", url.clone()),
            ("FILE_STORAGE_BACKEND", "local".to_owned()),
            ("FILE_STORAGE_PATH", files),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { folder, database, url, settings }
    }

    /// Sets a variable, instead of its value so far.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(set, _)| set != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    pub(crate) fn server(&self) -> TestServerBuilder {
        let set = |builder: TestServerBuilder, (name, value): &(String, String)| builder.setting(name, value);
        self.settings.iter().fold(TestServer::builder(), set)
    }

    /// Runs a command on the place.
    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        let environment: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        migrator(&environment, arguments)
    }

    /// Backs the place up.
    pub(crate) fn backup(&self, target: &str) -> CommandOutput {
        let pg_dump = program("pg_dump");
        self.run(&["backup", target, "--pg-dump", pg_dump.to_str().unwrap()])
    }

    /// Restores a backup into the place.
    pub(crate) fn restore(&self, target: &str, arguments: &[&str]) -> CommandOutput {
        let pg_restore = program("pg_restore");
        let restore = ["restore", target, "--pg-restore", pg_restore.to_str().unwrap()];
        self.run(&[&restore, arguments].concat())
    }

    /// Tables of the database and names in the file storage: nothing for an empty place.
    pub(crate) async fn contents(&self) -> Vec<String> {
        let mut found = match &self.database {
            Some(_) => {
                self.texts("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace")
                    .await
            }
            None => Vec::new(),
        };
        let expected = ["files", "sync.db.lock", ".less-sync-probe"];
        for folder in [self.folder.path().to_owned(), self.folder.path().join("files")] {
            let entries = std::fs::read_dir(folder).into_iter().flatten();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            found.extend(names.filter(|name| !expected.contains(&name.as_str())));
        }
        found
    }

    /// First column of the rows of a query, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        if self.database.is_some() {
            let mut db = self.connect().await;
            return sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut db).await.unwrap();
        }
        let db = rusqlite::Connection::open(self.url.strip_prefix("sqlite:").unwrap()).unwrap();
        let mut select = db.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        if self.database.is_some() {
            let mut db = self.connect().await;
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
        } else {
            let db = rusqlite::Connection::open(self.url.strip_prefix("sqlite:").unwrap()).unwrap();
            db.execute_batch(sql).unwrap();
        }
    }

    /// A connection to PostgreSQL.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

/// Stops a server in good order.
pub(crate) async fn stop(mut server: TestServer) {
    server.drain();
    server.stopped().await;
}
