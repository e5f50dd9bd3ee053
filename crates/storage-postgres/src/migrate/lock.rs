//! The lock of a database: one migrator at a time (storage §2.2).

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use tokio::time::{Instant, sleep_until};

use super::MigrateError;
use super::run::{Event, Listener};
use crate::session::Session;

/// First factor of the key, as other tools with this bookkeeping compute it.
const FACTOR: i64 = 0x3d32_ad9e;

/// Interval between two attempts to take the lock.
const INTERVAL: Duration = Duration::from_millis(100);

/// Extent of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The session.
    Session,
    /// A transaction, which stays open: behind a proxy that pools transactions there are no locks of a session. An open
    /// transaction without a snapshot does not block concurrent index builds.
    Transaction,
}

/// Takes the lock; it ends with the connection.
///
/// Polls instead of waiting inside a statement: that would hold a snapshot, which the migrator in
/// front must see the end of before its concurrent index is complete, so that each would wait for the other.
pub(crate) async fn acquire(
    db: &mut Session,
    extent: Extent,
    lock_timeout: Duration,
    tell: Listener<'_>,
) -> Result<(), MigrateError> {
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut *db).await?;
    let key = key(&name);
    let deadline = Instant::now() + lock_timeout;
    if attempt(db, extent, key).await? {
        return Ok(());
    }
    tell(Event::Waiting);
    tracing::info!("waiting for the migration lock of another migrator");
    loop {
        if Instant::now() >= deadline {
            return Err(MigrateError::Locked(lock_timeout));
        }
        sleep_until(deadline.min(Instant::now() + INTERVAL)).await;
        if attempt(db, extent, key).await? {
            return Ok(());
        }
    }
}

async fn attempt(db: &mut Session, extent: Extent, key: i64) -> sqlx::Result<bool> {
    match extent {
        Extent::Session => {
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(key).fetch_one(db).await
        }
        Extent::Transaction => {
            let attempt = format!(
                "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_try_advisory_xact_lock({key})"
            );
            let taken: bool = db.fetch_one(sqlx::raw_sql(AssertSqlSafe(attempt))).await?.try_get(0)?;
            if !taken {
                db.execute(sqlx::raw_sql("ROLLBACK")).await?;
            }
            Ok(taken)
        }
    }
}

/// `0x3d32ad9e × CRC32(database name)`; at most 62 bits.
fn key(database: &str) -> i64 {
    FACTOR * i64::from(crc32(database.as_bytes()))
}

/// The checksum of IEEE 802.3, bit by bit: names are short.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let shift = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_one_that_other_tools_take() {
        assert_eq!(key("sync"), 760_888_473_285_096_268);
        assert_eq!(key("less_sync"), 608_219_106_519_946_168);
    }

    #[test]
    fn crc_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
