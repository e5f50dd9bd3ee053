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

pub(crate) use self::statement::{Naming, Statements};
use self::statement::{Prepared, TransactionState};
pub(crate) use self::transaction::OpenTransaction;
pub(crate) use self::watchdog::Watchdog;
use self::watchdog::{Backend, Deadline, silent};
use crate::sqlstate::{is_name_clash, leaves_connection};

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
    /// Statements of the session for all its life: the driver reuses the names that it has given.
    statements: Statements,
    naming: Naming,
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
        naming: &Naming,
        watchdog: &Watchdog,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let identify = sqlx::raw_sql(AssertSqlSafe(format!("{IDENTITY}{settings}")));
        let row = connection.fetch_one(identify).await?;
        let backend = Backend { pid: row.try_get(0)?, started: row.try_get(1)? };
        if row.try_get(2)? {
            watchdog.distrust_backends();
            naming.found_shared_backend();
        }
        let deadline = Deadline::new(limit, watchdog.clone(), backend);
        let (statements, naming) = (naming.statements(), naming.clone());
        Ok(Self { connection, deadline, statements, naming, transaction: TransactionState::None })
    }

    /// True if the session uses names that the proxy before the database does not keep apart.
    pub(crate) fn is_outdated(&self) -> bool {
        self.statements == Statements::Named && self.naming.statements() == Statements::Unnamed
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
            let rows = self.deadline.bound(self.connection.fetch_many(query).try_collect()).await;
            if rows.as_ref().is_err_and(is_name_clash) {
                self.naming.give_up();
            }
            return rows;
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

#[cfg(test)]
mod tests {
    use less_sync_test_support::postgres::{Pooler, TestDatabase};

    use super::*;
    use crate::sqlstate::{Meaning, meaning};

    /// Statements that the server keeps after many executions of three different ones.
    async fn kept_statements(statements: Statements) -> i64 {
        let database = TestDatabase::empty().await;
        let options: PgConnectOptions = database.url().parse().unwrap();
        let options = options.statement_cache_capacity(if statements == Statements::Named { 2 } else { 0 });
        let (naming, watchdog) = (Naming::new(statements), Watchdog::new(&options));
        let mut session =
            Session::open(&options, "SET timezone = 'UTC'", None, &naming, &watchdog).await.unwrap();
        for round in 0..100 {
            for sql in ["SELECT $1 + 1", "SELECT $1 + 2", "SELECT $1 + 3"] {
                sqlx::query_scalar::<_, i32>(sql).bind(round).fetch_one(&mut session).await.unwrap();
            }
            let mut transaction = session.begin().await.unwrap();
            sqlx::query("SELECT $1::text").bind("x").execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
        }
        assert!(!watchdog.is_pooled());
        let count = sqlx::raw_sql("SELECT count(*) FROM pg_prepared_statements");
        session.fetch_one(count).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn unnamed_statements_leave_nothing_on_the_server() {
        assert_eq!(kept_statements(Statements::Unnamed).await, 0);
        assert_eq!(kept_statements(Statements::Named).await, 2);
    }

    /// Code of the error of a session that a proxy has led to the backend of another one, at its statement `last`. `own` and
    /// `others` are the statements that the sessions have run before, each on its own backend.
    async fn clash(own: &[&'static str], others: &[&'static str], last: &'static str) -> String {
        let database = TestDatabase::empty().await;
        let pooler = Pooler::start(&database, "pool_mode = session").await;
        let options: PgConnectOptions = pooler.url().parse().unwrap();
        let options = options.extra_float_digits(None);
        let (naming, watchdog) = (Naming::new(Statements::Named), Watchdog::new(&options));
        let mut sessions = Vec::new();
        for statements in [own, others] {
            let session = Session::open(&options, "SET timezone = 'UTC'", None, &naming, &watchdog).await;
            let mut session = session.unwrap();
            for sql in statements {
                run(&mut session, sql).await.unwrap();
            }
            sessions.push(session);
        }
        pooler.set("pool_mode", "transaction").await;
        let [session, other] = sessions.as_mut_slice() else { panic!("two sessions") };
        // The end of a transaction releases the backend of a session; the last one released is the first to be used again.
        run(session, own[0]).await.unwrap();
        run(other, others[0]).await.unwrap();
        let error = run(session, last).await.unwrap_err();
        assert!(is_name_clash(&error) && !leaves_connection(&error), "{error}");
        assert_eq!((meaning(&error), naming.statements()), (Meaning::Unavailable, Statements::Unnamed));
        error.as_database_error().unwrap().code().unwrap().into_owned()
    }

    /// Runs a statement with as many parameters as it has dollar signs.
    async fn run(session: &mut Session, sql: &'static str) -> Result<(), sqlx::Error> {
        let parameters = sql.matches('$').count();
        let query = (0..parameters).fold(sqlx::query(sql), |query, _| query.bind(1_i32));
        query.execute(session).await.map(drop)
    }

    #[tokio::test]
    async fn statement_that_meets_one_of_another_session_is_a_clash_of_names() {
        let (a, b, sum) = ("SELECT $1 + 1", "SELECT $1 + 2", "SELECT $1::int + $2::int");
        assert_eq!(clash(&[a], &[a, b], sum).await, "42P05", "the name is taken");
        assert_eq!(clash(&[a, b], &[a], b).await, "26000", "the name is free");
        assert_eq!(
            clash(&[a, b], &[a, sum], b).await,
            "08P01",
            "the name is that of a statement with more parameters"
        );
    }

    #[tokio::test]
    async fn failed_statement_leaves_no_transaction_open() {
        let database = TestDatabase::empty().await;
        let options: PgConnectOptions = database.url().parse().unwrap();
        let (naming, watchdog) = (Naming::new(Statements::Unnamed), Watchdog::new(&options));
        let mut session =
            Session::open(&options, "SET timezone = 'UTC'", None, &naming, &watchdog).await.unwrap();
        for _ in 0..2 {
            let failed = sqlx::query("SELECT 1 / $1::int").bind(0).execute(&mut session).await.unwrap_err();
            assert!(leaves_connection(&failed), "{failed}");
            drop(session.begin().await.unwrap());
            let one: i32 = sqlx::query_scalar("SELECT $1 + 0").bind(1).fetch_one(&mut session).await.unwrap();
            assert_eq!(one, 1);
        }
    }
}
