//! Database session: every statement has a deadline of the client, whatever the network does.
//!
//! The one place through which all statements pass. It bounds them ([`watchdog`]) and decides whether they are prepared
//! under a name that the server keeps ([`Statements`]).

mod statement;
mod transaction;
mod watchdog;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Describe, Either, Execute, Executor, PgConnection,
    Postgres, Row as _, SqlStr,
};
use tokio::time::timeout;

pub(crate) use self::statement::Statements;
use self::statement::{Prepared, TransactionState};
pub(crate) use self::watchdog::Watchdog;
use self::watchdog::{Backend, Deadline, silent};
use crate::sqlstate::leaves_connection;

/// Maximum wait for the response to a ping, and for the end of a session.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Backend of the session, and whether an earlier session of this program used the same one: a fresh session finds the
/// mark of another only behind a proxy that pools transactions.
const IDENTITY: &str = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint, \
    coalesce(current_setting('less_sync.session', true), '') <> '' \
    FROM pg_stat_get_activity(pg_backend_pid()); SET less_sync.session = 'used'; ";

type Rows = Vec<Either<PgQueryResult, PgRow>>;
type BoxFuture<'f, T> = futures_util::future::BoxFuture<'f, Result<T, sqlx::Error>>;
type BoxStream<'s, T> = futures_util::stream::BoxStream<'s, Result<T, sqlx::Error>>;

/// A session of the database. After an error that does not leave the connection usable
/// ([`leaves_connection`]), and after a dropped statement, it must be dropped too.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    deadline: Deadline,
    statements: Statements,
    transaction: TransactionState,
}

impl Session {
    /// Opens a session and applies `settings`, statements separated by semicolons. The caller bounds the time.
    ///
    /// `limit`: maximum duration of a statement; `None` while the backend works on it.
    pub(crate) async fn open(
        options: &PgConnectOptions,
        settings: &str,
        limit: Option<Duration>,
        statements: Statements,
        watchdog: &Watchdog,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let identify = sqlx::raw_sql(AssertSqlSafe(format!("{IDENTITY}{settings}")));
        let row = connection.fetch_one(identify).await?;
        let backend = Backend { pid: row.try_get(0)?, started: row.try_get(1)? };
        if row.try_get(2)? {
            watchdog.distrust_backends();
        }
        let deadline = Deadline::new(limit, watchdog.clone(), backend);
        Ok(Self { connection, deadline, statements, transaction: TransactionState::None })
    }

    /// Version of the server as libpq numbers it.
    pub(crate) fn server_version(&self) -> u32 {
        self.connection.server_version_num().unwrap_or(0)
    }

    /// Allows for the upload of `bytes` bytes by the next statement.
    pub(crate) fn expect_upload(&mut self, bytes: usize) {
        self.deadline.expect_upload(bytes);
    }

    /// Round trip without a statement, within [`PING_TIMEOUT`].
    pub(crate) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        timeout(PING_TIMEOUT, self.connection.ping()).await.unwrap_or_else(|_elapsed| Err(silent()))
    }

    /// Ends the session, and waits for the farewell to leave for [`PING_TIMEOUT`] at most.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        timeout(PING_TIMEOUT, self.connection.close()).await.unwrap_or_else(|_elapsed| Err(silent()))
    }

    /// Runs a statement without parameters or rows.
    async fn command(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        self.deadline.bound(self.connection.execute(sqlx::raw_sql(sql))).await.map(drop)
    }

    /// Runs a statement to its end and collects its rows. Results are bounded: a page, or a row per input.
    async fn run(&mut self, query: Prepared) -> Result<Rows, sqlx::Error> {
        self.roll_back_abandoned().await?;
        if !query.needs_transaction() || self.transaction == TransactionState::Open {
            return self.deadline.bound(self.connection.fetch_many(query).try_collect()).await;
        }
        self.command("BEGIN").await?;
        match self.deadline.bound(self.connection.fetch_many(query).try_collect()).await {
            Ok(rows) => self.command("COMMIT").await.map(|()| rows),
            Err(error) => {
                if leaves_connection(&error) {
                    self.command("ROLLBACK").await?;
                }
                Err(error)
            }
        }
    }

    fn prepared<'q>(&self, mut query: impl Execute<'q, Postgres>) -> Result<Prepared, sqlx::Error> {
        let arguments: Option<PgArguments> = query.take_arguments().map_err(sqlx::Error::Encode)?;
        Ok(Prepared::new(query.sql(), arguments, self.statements))
    }
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = Postgres;

    fn fetch_many<'e, 'q, E>(self, query: E) -> BoxStream<'e, Either<PgQueryResult, PgRow>>
    where
        'c: 'e,
        'q: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let query = self.prepared(query);
        let rows = async move { Ok::<_, sqlx::Error>(stream::iter(self.run(query?).await?).map(Ok)) };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q, E>(self, query: E) -> BoxFuture<'e, Option<PgRow>>
    where
        'c: 'e,
        'q: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let query = self.prepared(query);
        Box::pin(async move { Ok(self.run(query?).await?.into_iter().find_map(Either::right)) })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, PgStatement>
    where
        'c: 'e,
    {
        Box::pin(self.deadline.bound(self.connection.prepare_with(sql, parameters)))
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Describe<Postgres>>
    where
        'c: 'e,
    {
        Box::pin(self.deadline.bound(self.connection.describe(sql)))
    }
}
