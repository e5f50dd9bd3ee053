//! Every statement on rows of a space or a mailbox finds them by an index, however many others there are.

use std::path::PathBuf;

use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use rusqlite::Connection;

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

/// Statements that may scan a table: the health check, and the state of the object queue.
const WHOLE: [&str; 2] = ["EXISTS (SELECT 1 FROM spaces)", "count(*), min(not_before)"];

#[tokio::test]
async fn no_statement_scans_or_sorts() {
    let directory = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(SqliteOptions::new(directory.path().join("sync.db"))).unwrap();
    let db = Connection::open(storage.path()).unwrap();
    let statements = statements();
    assert!(statements.len() > 30, "the test looks in the wrong place: {statements:#?}");
    for sql in statements.iter().filter(|sql| !WHOLE.iter().any(|whole| sql.contains(whole))) {
        let plan = plan(&db, sql);
        // Scans of other things than tables and indexes are permitted: a counted subquery, a row of constants.
        let is_scan = |step: &str| {
            step.starts_with("SCAN ") && !step.starts_with("SCAN (subquery") && step != "SCAN CONSTANT ROW"
        };
        assert!(!plan.lines().any(is_scan), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
    storage.close().await;
}
