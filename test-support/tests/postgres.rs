//! PostgreSQL for tests: isolated per test, removed afterwards.

#![expect(clippy::unwrap_used, reason = "test code may panic")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use less_sync_test_support::postgres::{Durability, PrivateServer, TestDatabase};
use less_sync_test_support::within;
use sqlx::{Connection as _, PgConnection};

async fn count(database: &TestDatabase, sql: &'static str) -> i64 {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

const TABLES: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";

#[tokio::test]
async fn migrated_database_has_tables_and_an_empty_one_has_none() {
    let (migrated, empty) = (TestDatabase::migrated().await, TestDatabase::empty().await);
    assert!(count(&migrated, TABLES).await > 5);
    assert_eq!(count(&empty, TABLES).await, 0);
    assert_eq!(count(&migrated, "SELECT count(*) FROM spaces").await, 0);
}

#[tokio::test]
async fn database_goes_with_its_test_even_while_sessions_are_open() {
    let (gone, watching) = (TestDatabase::empty().await, TestDatabase::empty().await);
    let (name, mut session) = (gone.name().to_owned(), PgConnection::connect(gone.url()).await.unwrap());
    drop(gone);
    let left: i64 = {
        let mut other = PgConnection::connect(watching.url()).await.unwrap();
        let known = sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname = $1").bind(name);
        known.fetch_one(&mut other).await.unwrap()
    };
    assert_eq!(left, 0);
    assert!(session.ping().await.is_err());
}

/// Commits on a durable server survive a crash.
#[tokio::test]
async fn private_server_can_be_killed_and_started_again() {
    let server = PrivateServer::start(Durability::Durable);
    let database = TestDatabase::migrated_on(&server).await;
    let insert = "INSERT INTO spaces (id, client_id) VALUES (gen_random_uuid(), 'c') RETURNING 1::bigint";
    assert_eq!(count(&database, insert).await, 1);
    server.kill();
    assert!(PgConnection::connect(database.url()).await.is_err());
    server.start_again();
    assert_eq!(count(&database, "SELECT count(*) FROM spaces").await, 1);
    server.stop();
    server.start_again();
    assert_eq!(count(&database, "SELECT count(*) FROM spaces").await, 1);
}

/// Not a test of its own: a process whose environment asks for a version.
#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn child_connects_to_the_shared_server() {
    TestDatabase::empty().await;
}

/// Standard error of a process that asks for this version while the server at `url` has another one.
fn refusal(version: &str, url: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child_connects_to_the_shared_server", "--ignored", "--nocapture"]);
    child.env("LESS_TEST_POSTGRES_VERSION", version).env("LESS_TEST_DATABASE_URL", url);
    let output = child.output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn version_that_cannot_be_had_fails_the_test() {
    let server = PrivateServer::start(Durability::Volatile);
    let url = server.url("postgres");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let query = "SELECT current_setting('server_version_num')::int / 10000";
    let found: i32 = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
    let other = if found == 18 { "17" } else { "18" };
    let text = refusal(other, &url);
    assert!(
        text.contains(&format!("asks for PostgreSQL {other}, and the server of the tests has")),
        "{text}"
    );
    let text = refusal("14", &url);
    assert!(
        text.contains("LESS_TEST_POSTGRES_VERSION must be one of [15, 16, 17, 18], not \"14\""),
        "{text}"
    );
}

/// Not a test of its own: a process that starts a server and is killed.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn child_starts_a_server_and_waits_for_its_end() {
    let server = PrivateServer::start(Durability::Volatile);
    writeln!(std::io::stdout(), "server {}", server.url("postgres")).unwrap();
    std::thread::park();
}

#[tokio::test]
async fn server_does_not_outlive_a_process_that_is_killed() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_starts_a_server_and_waits_for_its_end", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("server postgres://")).unwrap();
    let url = line.split_whitespace().next_back().unwrap();
    let mut session = PgConnection::connect(url).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // The session is cut when the server goes; by itself it would stay for ever.
    let endless = sqlx::query("SELECT pg_sleep(1e6)").execute(&mut session);
    assert!(within("the end of the session", endless).await.is_err());
    assert!(PgConnection::connect(url).await.is_err());
}
