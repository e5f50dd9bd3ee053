//! A database of its own, a migrator for it, and a connection to look behind both.

use less_sync_storage_postgres::migrate::{Down, Event, MigrateError, Migrator, Target, Up, latest_version};
use less_sync_test_support::postgres::TestDatabase;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// SHA-384 of the original's files 1–12, a line each.
const ORIGINAL_CHECKSUMS: &str = include_str!("data/original_checksums.txt");

pub(crate) struct Fixture {
    database: TestDatabase,
    pub(crate) db: PgConnection,
}

impl Fixture {
    pub(crate) async fn empty() -> Self {
        let database = TestDatabase::empty().await;
        let db = PgConnection::connect(database.url()).await.unwrap();
        Self { database, db }
    }

    /// With our migrations up to `version`.
    pub(crate) async fn at(version: i64) -> Self {
        let fixture = Self::empty().await;
        fixture.up_to(version).await;
        fixture
    }

    /// As a server of the original left it at version 12.
    pub(crate) async fn original() -> Self {
        let mut fixture = Self::at(12).await;
        for (version, checksum) in (1_i64..).zip(ORIGINAL_CHECKSUMS.lines()) {
            let update =
                sqlx::query("UPDATE _sqlx_migrations SET checksum = decode($2, 'hex') WHERE version = $1");
            update.bind(version).bind(checksum).execute(&mut fixture.db).await.unwrap();
        }
        fixture
    }

    /// As the first-generation server left it at version 11, with another tool's bookkeeping.
    pub(crate) async fn goose() -> Self {
        let mut fixture = Self::at(11).await;
        fixture
            .execute(
                "DROP TABLE _sqlx_migrations;
                 CREATE TABLE goose_db_version (
                     id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL,
                     tstamp timestamp DEFAULT now());
                 INSERT INTO goose_db_version (version_id, is_applied)
                 SELECT generate_series(0, 11), true",
            )
            .await;
        fixture
    }

    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }

    pub(crate) fn migrator(&self) -> Migrator {
        Migrator::new(self.url().parse().unwrap())
    }

    /// Migrates, and answers with the versions that were applied.
    pub(crate) async fn up(&self, up: &Up) -> Result<Vec<i64>, MigrateError> {
        let mut applied = Vec::new();
        let mut tell = |event| {
            if let Event::Applied(step) = event {
                applied.push(step.version);
            }
        };
        self.migrator().up(up, &mut tell).await.map(|_| applied)
    }

    pub(crate) async fn up_to(&self, version: i64) {
        self.up(&Up { to: Some(version), ..Up::default() }).await.unwrap();
    }

    pub(crate) async fn up_to_date(&self) {
        self.up_to(latest_version()).await;
    }

    /// Error of a migration that must fail.
    pub(crate) async fn rejection(&self) -> String {
        self.up(&Up::default()).await.unwrap_err().to_string()
    }

    pub(crate) async fn down_to(&self, version: i64, allow_data_loss: bool) -> Result<i64, MigrateError> {
        let down = Down { target: Target::Version(version), allow_data_loss, ..Down::default() };
        self.migrator().down(&down, &mut |_| {}).await
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.db).await.unwrap();
    }

    /// The first column of the answer, as text.
    pub(crate) async fn texts(&mut self, sql: &str) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.db).await.unwrap()
    }

    pub(crate) async fn text(&mut self, sql: &str) -> String {
        self.texts(sql).await.remove(0)
    }

    /// Everything in the database that a migrator could have touched: objects, rows of the history, and who holds
    /// which lock.
    pub(crate) async fn everything(&mut self) -> Vec<String> {
        let mut all = self
            .texts(
                "SELECT concat(c.relname, '.', a.attname, ' ', a.atttypid::regtype)
                 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                 WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1",
            )
            .await;
        if self.text("SELECT (to_regclass('_sqlx_migrations') IS NOT NULL)::text").await == "true" {
            all.extend(self.texts("SELECT m::text FROM _sqlx_migrations m ORDER BY version").await);
        }
        all
    }
}
