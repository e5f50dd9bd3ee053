//! The embedded database.

use serde_json::Value;

use crate::command::{migrator_without_reader, on};

#[test]
fn embedded_database_is_created_and_described() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(on(&url, &["version"]).succeeded().out, "0\n");
    let planned = on(&url, &["up", "--dry-run"]).succeeded();
    assert!(planned.lines().iter().all(|line| line.starts_with("planned version=")), "{}", planned.out);
    assert!(!path.exists(), "looking makes nothing");
    assert_eq!(on(&url, &["status", "--check"]).code, 3);

    let said = on(&url, &["up"]).succeeded();
    assert!(said.lines()[0].starts_with("applied version=1 name=spaces_and_records ms="), "{}", said.out);
    assert_eq!(said.lines().len(), planned.lines().len() + 1);
    assert_eq!(said.lines().last(), Some(&"migrations complete"));
    assert_eq!(on(&url, &[]).succeeded().out, "migrations complete\n");

    on(&url, &["status", "--check"]).succeeded();
    let status: Value = serde_json::from_str(&on(&url, &["status", "--json"]).succeeded().out).unwrap();
    assert_eq!(status["version"], status["latest"]);
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(on(&url, &["version"]).succeeded().out, format!("{}\n", status["version"]));
}

#[test]
fn closed_pipe_changes_no_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sync.db");
    let url = format!("sqlite:{}", path.display());
    let run = |arguments: &[&str]| migrator_without_reader(&[("DATABASE_URL", &url)], arguments);
    run(&["status", "--check"]).failed(3, "");
    run(&["up"]).succeeded();
    run(&["status", "--check"]).succeeded();
    std::fs::write(&path, "not a database any more, and longer than its header is ".repeat(20)).unwrap();
    assert_eq!(run(&["up"]).code, 1);
}

#[test]
fn embedded_database_rejects_down_and_target_versions() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("sync.db").display());
    on(&url, &["down"]).failed(2, "error: not supported for SQLite databases: down");
    on(&url, &["adopt"]).failed(2, "error: not supported for SQLite databases: adopt");
    let rejection = "error: not supported for SQLite databases: up --to, --adopt-goose or --allow-drift";
    on(&url, &["up", "--to", "1"]).failed(2, rejection);
}
