//! Every statement on rows of a space or a mailbox finds them by an index, however many others there are.

use std::path::PathBuf;

use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use rusqlite::{Connection, StatementStatus, params_from_iter};

/// The steps of a plan, one per line.
fn plan(db: &Connection, sql: &str) -> String {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
    let steps = explain.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3));
    steps.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// The statements of the adapter: texts in its sources that begin with a keyword.
fn statements() -> Vec<String> {
    let mut directories = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut statements = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                statements.extend(statements_of(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    statements
}

fn statements_of(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let texts = code.split('"').map(|text| text.trim_start_matches("\\\n").trim().to_owned());
    let sql = texts.filter(|text| {
        let is_data = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "].iter().any(|word| text.starts_with(word));
        is_data && !text.contains("sqlite_schema") && !text.contains("_sqlx_migrations")
    });
    sql.collect()
}

/// Statements that may scan and sort a table: the health check, the state of the object queue, the few signing keys,
/// the few peers in quarantine, and the pending rewraps up to their bound.
const WHOLE: [&str; 7] = [
    "EXISTS (SELECT 1 FROM spaces)",
    "count(*), min(not_before)",
    "FROM federation_signing_keys ORDER BY",
    "FROM federation_signing_keys WHERE is_active = 0",
    "FROM federation_peer_state ORDER BY",
    "FROM federation_peer_state WHERE until",
    "INDEXED BY idx_spaces_rewrap",
];

#[tokio::test]
async fn no_statement_scans_or_sorts() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(SqliteOptions::new(directory.path().join("sync.db"))).unwrap();
    let db = Connection::open(storage.path()).unwrap();
    let statements = statements();
    assert!(statements.len() > 30, "the test looks in the wrong place: {statements:#?}");
    for sql in statements.iter().filter(|sql| !WHOLE.iter().any(|whole| sql.contains(whole))) {
        let plan = plan(&db, sql);
        // Scans of other things than tables and indexes are permitted: a counted subquery, a row of constants, a setting.
        let is_permitted = |step: &str| {
            ["SCAN (subquery", "SCAN CONSTANT ROW", "SCAN pragma_"]
                .iter()
                .any(|other| step.starts_with(other))
        };
        let is_scan = |step: &str| step.starts_with("SCAN ") && !is_permitted(step);
        assert!(!plan.lines().any(is_scan), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
    storage.close().await;
}

/// Space 1 has 20 000 records without keys, tombstones among them, and 20 000 deleted files of one record.
const FILL: &str = "
    INSERT INTO spaces (id, client_id, cursor, created_at, updated_at)
        VALUES (zeroblob(16), 'client', 40000, 0, 0);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
    INSERT INTO records (space_id, id, cursor, deleted, blob)
        SELECT zeroblob(16), CAST(printf('%016d', n) AS BLOB), n, n % 2, iif(n % 2, NULL, x'00') FROM numbers;
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
    INSERT INTO files (space_id, id, record_id, cursor, deleted, size, wrapped_dek)
        SELECT zeroblob(16), CAST(printf('%016d', n) AS BLOB), CAST(printf('%016d', 1) AS BLOB), 20000 + n, 1, 0, x''
        FROM numbers";

/// Statements on the rows with keys visit no others, in any number: counted in steps of the virtual machine.
#[tokio::test]
async fn rows_without_keys_are_not_visited() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(SqliteOptions::new(directory.path().join("sync.db"))).unwrap();
    storage.close().await;
    let db = Connection::open(directory.path().join("sync.db")).unwrap();
    db.execute_batch(FILL).unwrap();
    let statements = statements();
    // The counts of rows for an operator visit as many as their limit.
    let is_bounded = |sql: &&String| sql.contains("INDEXED BY") && !sql.contains("(SELECT count(*) FROM (");
    let bounded: Vec<&String> = statements.iter().filter(is_bounded).collect();
    assert_eq!(bounded.len(), 5, "{bounded:#?}");
    for sql in bounded {
        let mut statement = db.prepare(sql).unwrap();
        // Space; position or record; bound; limit.
        let record = b"0000000000000001".to_vec().into();
        let second = if sql.contains("record_id = ?2") { record } else { 0.into() };
        let all: [rusqlite::types::Value; 5] =
            [vec![0_u8; 16].into(), second, vec![0xff_u8; 16].into(), 40_000.into(), 2001.into()];
        let parameters = all.into_iter().take(statement.parameter_count());
        let mut rows = statement.query(params_from_iter(parameters)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            assert!(
                !row.get::<_, bool>(0).unwrap(),
                "only the probe for files and the sum of none have a row: {sql}"
            );
        }
        drop(rows);
        let steps = statement.get_status(StatementStatus::VmStep);
        assert!(steps < 100, "{steps} steps: {sql}");
    }
}
