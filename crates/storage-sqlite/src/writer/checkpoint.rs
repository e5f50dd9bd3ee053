//! Checkpoints: pages of the write-ahead log are moved into the database file.

use rusqlite::Connection;

/// Result of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// True if every page was moved; a long read prevents that.
    pub complete: bool,
    /// Pages in the log.
    pub log_pages: i64,
    /// Pages of it that are in the database file now.
    pub moved_pages: i64,
}

/// Runs a checkpoint of this mode.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(Checkpoint {
            complete: row.get::<_, i64>(0)? == 0,
            log_pages: row.get(1)?,
            moved_pages: row.get(2)?,
        })
    })
}
