//! Inspection of a database for diagnostics: version, settings, clock, query plans.

use less_sync_core::Timestamp;
use less_sync_storage::UnusedIndex;
use sqlx::{AssertSqlSafe, Row as _};

use crate::connector::Connector;
use crate::driver_failure::DriverFailure;
use crate::session::Session;
use crate::{OpenError, PostgresOptions};

/// State of a database as a session of the adapter sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Version of the server, such as `15.4`.
    pub version: String,
    /// Commits are durable before they are acknowledged (`synchronous_commit`).
    pub synchronous_commit: String,
    /// Writes reach the disk (`fsync`).
    pub fsync: bool,
    /// Torn pages are repaired after a crash (`full_page_writes`).
    pub full_page_writes: bool,
    /// Sessions for ordinary roles: `max_connections` less those that are reserved.
    pub sessions: u32,
    /// Reception of writes.
    pub writes: Writes,
    /// Clock of the server.
    pub time: Timestamp,
}

/// Reception of writes by a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Writes are accepted.
    Accepted,
    /// A standby, which rejects them.
    Standby,
    /// Transactions of this role in this database reject them (`default_transaction_read_only`).
    ReadOnly,
}

/// Reads the state of the database, on a connection of its own.
///
/// # Errors
/// The database cannot be reached, or it is too old.
pub async fn inspect(options: &PostgresOptions) -> Result<Inspection, OpenError> {
    let mut session = Connector::new(options).connect().await?;
    let sql = "SELECT current_setting('server_version'), current_setting('synchronous_commit'),
                      current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
                      current_setting('max_connections')::int
                          - current_setting('superuser_reserved_connections')::int,
                      pg_is_in_recovery(), (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
                      current_setting('transaction_read_only')::bool";
    let read = sqlx::query(sql).fetch_one(&mut session).await;
    let row = read.map_err(failed)?;
    let inspection = Inspection {
        version: row.try_get::<String, _>(0).map_err(failed)?,
        synchronous_commit: row.try_get(1).map_err(failed)?,
        fsync: row.try_get(2).map_err(failed)?,
        full_page_writes: row.try_get(3).map_err(failed)?,
        sessions: row.try_get::<i32, _>(4).map_err(failed)?.unsigned_abs(),
        writes: match (row.try_get(5).map_err(failed)?, row.try_get(7).map_err(failed)?) {
            (true, _) => Writes::Standby,
            (false, true) => Writes::ReadOnly,
            (false, false) => Writes::Accepted,
        },
        time: Timestamp::from_millis(row.try_get(6).map_err(failed)?),
    };
    drop(session.close().await);
    Ok(inspection)
}

/// Purpose, index and text of statements that must not read a whole table (storage §7.1).
const STATEMENTS: [(&str, &str, &str); 7] = [
    ("push", "records_pkey", "SELECT cursor FROM records WHERE space_id = $ID AND id = $ID"),
    (
        "pull of records",
        "idx_records_sync",
        "SELECT id FROM records WHERE space_id = $ID AND cursor > 0 AND cursor <= 9 ORDER BY cursor, id LIMIT 9",
    ),
    (
        "pull of files",
        "idx_files_sync",
        "SELECT id FROM files WHERE space_id = $ID AND cursor > 0 AND cursor <= 9 ORDER BY cursor, id LIMIT 9",
    ),
    (
        "pull of members",
        "idx_members_cursor",
        "SELECT chain_seq FROM members WHERE space_id = $ID AND cursor > 0 ORDER BY cursor LIMIT 9",
    ),
    (
        "revocations",
        "revocations_pkey",
        "SELECT ucan_cid FROM revocations WHERE space_id = $ID AND ucan_cid = 'x'",
    ),
    (
        "mailbox",
        "idx_invitations_mailbox",
        "SELECT id FROM invitations WHERE mailbox_id = 'x' ORDER BY created_at DESC LIMIT 9",
    ),
    (
        "purge of rate limits",
        "idx_rate_limit_actions_created",
        "SELECT id FROM rate_limit_actions WHERE created_at < now() ORDER BY created_at LIMIT 9",
    ),
];

/// Statements of a current schema whose plans do not use their indexes, with the planner settings of the adapter.
///
/// # Errors
/// The database cannot be reached, or its schema is not current.
pub async fn unused_indexes(options: &PostgresOptions) -> Result<Vec<UnusedIndex>, OpenError> {
    let mut session = Connector::new(options).connect().await?;
    let mut unused = Vec::new();
    for (statement, index, sql) in STATEMENTS {
        if !plan(&mut session, sql).await?.contains(index) {
            unused.push(UnusedIndex { statement, index });
        }
    }
    drop(session.close().await);
    Ok(unused)
}

async fn plan(session: &mut Session, sql: &str) -> Result<String, OpenError> {
    let id = "'00000000-0000-4000-8000-000000000000'::uuid";
    let explain = format!("EXPLAIN {}", sql.replace("$ID", id));
    let lines = sqlx::query_scalar::<_, String>(AssertSqlSafe(explain)).fetch_all(session).await;
    Ok(lines.map_err(failed)?.join("\n"))
}

fn failed(error: sqlx::Error) -> OpenError {
    OpenError::Inspect(DriverFailure::from(error))
}
