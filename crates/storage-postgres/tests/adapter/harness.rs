//! A database of its own on a real server, short words for what happens in it, and a way to its tables past the
//! adapter.

mod backend;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{Cursor, RecordId, SpaceId};
use less_sync_storage::{
    Change, CursorAhead, PullError, PullPage, PullPosition, PullRequest, PullState, Push, PushError,
    PushLimits, Pushed, ReadGrant, RecordState, Records as _, Spaces as _, StorageError, WriteGrant,
};
use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
use less_sync_test_support::postgres::{PrivateServer, TestDatabase};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

pub(crate) use backend::{PostgresBackend, violations};

pub(crate) const LIMITS: PushLimits = PushLimits { records: 100_000, blob: 16 << 20, bytes: 1 << 28 };

/// The name of sessions that are not the adapter's.
const OBSERVER: &str = "observer";

pub(crate) struct Harness {
    pub(crate) database: TestDatabase,
    pub(crate) storage: Arc<PostgresStorage>,
}

impl Harness {
    /// With personal spaces 1 to 9.
    pub(crate) async fn new(options: impl FnOnce(PostgresOptions) -> PostgresOptions) -> Self {
        Self::over(TestDatabase::migrated().await, options).await
    }

    pub(crate) async fn on(server: &PrivateServer) -> Self {
        Self::over(TestDatabase::migrated_on(server).await, |options| options).await
    }

    async fn over(database: TestDatabase, change: impl FnOnce(PostgresOptions) -> PostgresOptions) -> Self {
        let storage = Arc::new(PostgresStorage::open(change(options(&database))).await.unwrap());
        for number in 1..=9 {
            storage.personal_space(space(number), &"client".parse().unwrap(), None).await.unwrap();
        }
        Self { database, storage }
    }

    /// A session past the adapter.
    pub(crate) async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.database.url().parse().unwrap();
        options.application_name(OBSERVER).connect().await.unwrap()
    }

    /// Push of one record of so many bytes.
    pub(crate) async fn push(
        &self,
        space: SpaceId,
        id: u64,
        expected: Cursor,
        bytes: usize,
    ) -> Result<Pushed, PushError> {
        push(&self.storage, space, vec![live(id, expected, bytes)]).await
    }

    /// Ends the test: nothing that happened may have broken an invariant.
    pub(crate) async fn end(self) {
        assert_eq!(violations(&mut self.connect().await).await, Vec::<String>::new());
        self.storage.close().await;
        await_sessions(&mut self.connect().await, "true", 0).await;
    }
}

/// Options for tests: what cannot be reached is not waited for.
pub(crate) fn options(database: &TestDatabase) -> PostgresOptions {
    PostgresOptions {
        run_migrations: false,
        startup_wait: Duration::ZERO,
        ..PostgresOptions::new(database.url().parse().unwrap())
    }
}

pub(crate) async fn push(
    storage: &PostgresStorage,
    space: SpaceId,
    changes: Vec<Change>,
) -> Result<Pushed, PushError> {
    let push = Push::new(changes, None, LIMITS).unwrap();
    storage.push(&WriteGrant::issue(space), push).await
}

pub(crate) async fn begin_pull(storage: &PostgresStorage, space: SpaceId) -> Result<PullState, PullError> {
    let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
    Ok(storage.begin_pull(&ReadGrant::issue(space), request).await?.0)
}

pub(crate) async fn page(
    storage: &PostgresStorage,
    space: SpaceId,
    state: &PullState,
    position: PullPosition,
) -> Result<PullPage, StorageError> {
    storage.pull_page(&ReadGrant::issue(space), state, position).await
}

/// The first page of everything in a space.
pub(crate) async fn pull(storage: &PostgresStorage, space: SpaceId) -> Result<PullPage, PullError> {
    let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
    Ok(storage.begin_pull(&ReadGrant::issue(space), request).await?.1)
}

/// Number of sessions of the adapter for which `condition` on `pg_stat_activity` holds.
pub(crate) async fn sessions(db: &mut PgConnection, condition: &str) -> i64 {
    // Within a transaction PostgreSQL answers what it answered before.
    execute(db, "SELECT pg_stat_clear_snapshot()").await;
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'less-sync' AND {condition}"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.unwrap()
}

/// Returns when so many sessions of the adapter are as `condition` says.
pub(crate) async fn await_sessions(db: &mut PgConnection, condition: &str, count: i64) {
    less_sync_test_support::within(format!("{count} sessions where {condition}"), async {
        while sessions(db, condition).await != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn execute(db: &mut PgConnection, sql: &'static str) {
    db.execute(sqlx::raw_sql(sql)).await.unwrap();
}

pub(crate) fn live(id: u64, expected: Cursor, bytes: usize) -> Change {
    let state = RecordState::Live { blob: Bytes::from(vec![0xab; bytes]), dek: None };
    Change { id: record(id), expected, state }
}

pub(crate) fn tombstone(id: u64, expected: Cursor) -> Change {
    Change { id: record(id), expected, state: RecordState::Tombstone }
}

pub(crate) fn record(number: u64) -> RecordId {
    RecordId::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn space(number: u8) -> SpaceId {
    SpaceId::from_bytes([number; 16])
}

pub(crate) fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

pub(crate) fn is_committed(pushed: &Result<Pushed, PushError>) -> bool {
    matches!(pushed, Ok(Pushed::Committed { .. }))
}

pub(crate) fn is_unavailable<T, R>(result: &Result<T, StorageError<R>>) -> bool {
    matches!(result, Err(StorageError::Unavailable(_)))
}
