//! Inspection of a database for diagnostics: query plans, also while a server has the file open.

use std::path::Path;

use less_sync_storage::UnusedIndex;
use rusqlite::Connection;

use crate::OpenError;
use crate::foreign_database::ForeignDatabase;

/// Purpose, index and text of statements that must not read a whole table (storage §7.1).
const STATEMENTS: [(&str, &str, &str); 6] = [
    (
        "pull of records",
        "idx_records_sync",
        "SELECT id FROM records WHERE space_id = ?1 AND cursor > 0 AND cursor <= 9 ORDER BY cursor, id LIMIT 9",
    ),
    (
        "pull of files",
        "idx_files_sync",
        "SELECT id FROM files WHERE space_id = ?1 AND cursor > 0 AND cursor <= 9 ORDER BY cursor, id LIMIT 9",
    ),
    (
        "pull of members",
        "idx_members_sync",
        "SELECT chain_seq FROM members WHERE space_id = ?1 AND cursor > 0 ORDER BY cursor, chain_seq LIMIT 9",
    ),
    (
        "listing of keys",
        "idx_records_keys",
        "SELECT id FROM records WHERE space_id = ?1 AND wrapped_dek IS NOT NULL AND cursor > 0 ORDER BY cursor, id LIMIT 9",
    ),
    (
        "mailbox",
        "idx_invitations_mailbox",
        "SELECT id FROM invitations WHERE mailbox_id = ?1 ORDER BY created_at, id LIMIT 9",
    ),
    (
        "rate limits",
        "idx_rate_limit_actions_lookup",
        "SELECT count(*) FROM rate_limit_actions WHERE action = ?1 AND actor_hash = ?1 AND created_at > 0",
    ),
];

/// Statements of a current schema whose plans do not use their indexes.
///
/// # Errors
/// The file cannot be read, or its schema is not current.
pub fn unused_indexes(path: &Path) -> Result<Vec<UnusedIndex>, OpenError> {
    let connection = ForeignDatabase::open(path)?;
    let mut unused = Vec::new();
    for (statement, index, sql) in STATEMENTS {
        if !plan(&connection, sql)?.contains(index) {
            unused.push(UnusedIndex { statement, index });
        }
    }
    Ok(unused)
}

fn plan(connection: &Connection, sql: &str) -> rusqlite::Result<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
    let steps = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>("detail"))?;
    Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
}

#[cfg(test)]
mod tests {
    use less_sync_disk::DirectorySync;

    use super::*;
    use crate::migrate;

    #[test]
    fn missing_index_is_found_by_the_statement_that_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sync.db");
        migrate(&path, &DirectorySync::required()).unwrap();
        assert_eq!(unused_indexes(&path).unwrap(), []);
        Connection::open(&path).unwrap().execute_batch("DROP INDEX idx_records_sync").unwrap();
        let missing = UnusedIndex { statement: "pull of records", index: "idx_records_sync" };
        assert_eq!(unused_indexes(&path).unwrap(), [missing]);
    }

    #[test]
    fn empty_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(unused_indexes(file.path()).is_err());
    }
}
