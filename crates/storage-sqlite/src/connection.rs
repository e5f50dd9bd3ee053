//! Connections and the pragmas that durability and erasure depend on (storage §8).

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::OpenError;

/// Size of the prepared-statement cache; larger than the number of statements.
const STATEMENTS: usize = 128;

/// Page cache of the writer, in KiB: about what lies between two checkpoints. That of the connection for checkpoints stays empty.
const WRITER_CACHE_KIB: i64 = 4096;

/// Size that the log is truncated to after a checkpoint, once a very large push has grown it.
const IDLE_LOG_BYTES: u64 = 64 * 1024 * 1024;

/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: i64 = 1024;

/// Pragmas and their required values; with any other value the database is not served.
const REQUIRED: [(&str, &str); 7] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("foreign_keys", "1"),
    ("busy_timeout", "5000"),
    ("secure_delete", "1"),
    ("temp_store", "2"),
    // Checkpoints have a connection and a thread of their own.
    ("wal_autocheckpoint", "0"),
];

/// Opens the connection that writes, and the one for checkpoints.
pub(crate) fn open_writer(path: &Path, max_pages: Option<u32>) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(absolute(path), flags)?;
    for (name, wanted) in REQUIRED {
        set(&connection, name, wanted)?;
    }
    set(&connection, "cache_size", &(-WRITER_CACHE_KIB).to_string())?;
    set(&connection, "journal_size_limit", &IDLE_LOG_BYTES.to_string())?;
    if let Some(pages) = max_pages {
        set(&connection, "max_page_count", &pages.to_string())?;
    }
    for (name, wanted) in REQUIRED {
        verify(&connection, name, wanted)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Opens a read-only connection.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    reader(Connection::open_with_flags(absolute(path), flags)?)
}

/// Opens a read-only connection to a file that nothing writes, without its log and without locks. `path`: absolute.
pub(crate) fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    reader(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

fn reader(connection: Connection) -> rusqlite::Result<Connection> {
    set(&connection, "busy_timeout", "5000")?;
    set(&connection, "temp_store", "2")?;
    set(&connection, "cache_size", &(-READER_CACHE_KIB).to_string())?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// SQLite takes a path that starts with `file:` for a URI, and such a path is relative.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Sets a pragma, whether or not it returns a row.
fn set(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, name, value, |_| Ok(())).optional().map(drop)
}

fn verify(connection: &Connection, name: &'static str, wanted: &'static str) -> Result<(), OpenError> {
    let found = match connection.pragma_query_value(None, name, |row| row.get(0))? {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Null | Value::Real(_) | Value::Blob(_) => String::new(),
    };
    if found == wanted { Ok(()) } else { Err(OpenError::Pragma { name, wanted, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writer_has_every_setting_that_is_required() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection = open_writer(file.path(), None).unwrap();
        for (name, wanted) in REQUIRED {
            verify(&connection, name, wanted).unwrap();
        }
    }

    #[test]
    fn setting_that_did_not_take_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let connection = open_writer(file.path(), None).unwrap();
        for (name, other) in
            [("journal_mode", "DELETE"), ("synchronous", "NORMAL"), ("secure_delete", "FAST")]
        {
            set(&connection, name, other).unwrap();
            let wanted = REQUIRED.iter().find(|required| required.0 == name).unwrap().1;
            let error = verify(&connection, name, wanted).unwrap_err();
            assert!(matches!(error, OpenError::Pragma { name: named, .. } if named == name), "{error:?}");
        }
    }

    #[test]
    fn sqlite_is_built_to_synchronise_by_fdatasync() {
        let flags = option_env!("LIBSQLITE3_FLAGS").unwrap_or_default();
        assert!(
            flags.contains("-DHAVE_FDATASYNC"),
            "cargo reads .cargo/config.toml of the repository: {flags:?}"
        );
    }

    #[test]
    fn reader_cannot_write() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let writer = open_writer(file.path(), None).unwrap();
        writer.execute_batch("CREATE TABLE t (x)").unwrap();
        let rejected = open_reader(file.path()).unwrap().execute("INSERT INTO t VALUES (1)", []);
        assert_eq!(rejected.unwrap_err().sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
    }
}
