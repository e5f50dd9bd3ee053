//! PostgreSQL, from the empty database to the rejections.

#[cfg(unix)]
use std::os::unix::net::UnixListener;

use less_sync_test_support::postgres::TestDatabase;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use crate::command::{CommandOutput, migrator, on};

struct Harness(TestDatabase);

impl Harness {
    async fn empty() -> Self {
        Self(TestDatabase::empty().await)
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        on(self.0.url(), arguments)
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["status", "--json"]).succeeded().out).unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        let mut db = PgConnection::connect(self.0.url()).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}

#[tokio::test]
async fn default_command_migrates_up_and_prints_every_step() {
    let harness = Harness::empty().await;
    assert_eq!(harness.run(&["version"]).succeeded().out, "0\n");
    let said = harness.run(&[]).succeeded();
    assert!(said.lines()[0].starts_with("applied version=1 name=initial ms="), "{}", said.out);
    assert!(said.lines()[12].starts_with("applied version=13 name=records_space_key ms="), "{}", said.out);
    assert_eq!(said.lines().last(), Some(&"migrations complete"));
    let latest = said.lines().len() - 1;
    assert_eq!(harness.run(&["version"]).succeeded().out, format!("{latest}\n"));
    assert_eq!(harness.run(&["up"]).succeeded().out, "migrations complete\n");
}

/// Storage §2.3: the way back to the original.
#[tokio::test]
async fn down_to_a_version_and_up_to_another() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "17"]).succeeded();
    let said = harness.run(&["down"]).succeeded();
    assert!(said.out.starts_with("reverted version=17 name=blob_uploads ms="), "{}", said.out);
    let said = harness.run(&["down", "--to", "12"]).succeeded();
    assert_eq!(said.lines().len(), 4);
    assert_eq!(harness.run(&["version"]).succeeded().out, "12\n");
    harness
        .run(&["down", "--steps", "3"])
        .failed(1, "error: reverting migration 10 loses data\n  hint: allow the loss with --allow-data-loss");
    harness.run(&["down", "--steps", "3", "--allow-data-loss"]).succeeded();
    assert_eq!(harness.run(&["version"]).succeeded().out, "9\n");
    harness.run(&["down", "--to", "10"]).failed(
        1,
        "error: cannot go to version 10 from version 9\n  less-sync-migrate status lists the versions",
    );
}

#[tokio::test]
async fn dry_run_lists_steps_without_applying_them() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "20"]).succeeded();
    let said = harness.run(&["up", "--dry-run"]).succeeded();
    assert_eq!(said.lines()[0], "planned version=21 name=epoch_keys");
    let said = harness.run(&["down", "--dry-run", "--to", "18"]).succeeded();
    assert_eq!(
        said.lines(),
        ["planned version=20 name=federation_state", "planned version=19 name=repair_rows"]
    );
    assert_eq!(harness.run(&["version"]).succeeded().out, "20\n");
}

#[tokio::test]
async fn status_is_printed_and_its_check_exits_with_3() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "12"]).succeeded();
    let status = harness.status();
    assert_eq!((&status["version"], &status["current"]), (&12.into(), &false.into()));
    assert_eq!(status["drift"], Value::Null);
    assert_eq!(status["fingerprint"].as_str().unwrap().len(), 64);
    let (first, last) = (&status["migrations"][0], &status["migrations"][12]);
    assert_eq!((first["name"].as_str(), first["state"].as_str()), (Some("initial"), Some("applied")));
    assert!(first["ms"].is_u64() && first["installed_on"].as_str().unwrap().ends_with('Z'));
    assert_eq!((last["name"].as_str(), last["state"].as_str()), (Some("records_space_key"), Some("pending")));

    assert_eq!(harness.run(&["status", "--check"]).code, 3);
    let text = harness.run(&["status"]).succeeded();
    assert!(text.lines().iter().any(|line| line.starts_with("fingerprint=")), "{}", text.out);
    harness.run(&["up"]).succeeded();
    harness.run(&["status", "--check"]).succeeded();
    harness.execute("ALTER TABLE spaces ADD COLUMN colour TEXT").await;
    let said = harness.run(&["status", "--check"]);
    assert_eq!(said.code, 3);
    assert!(said.out.contains("\ndrift=unexpected column spaces.colour text"), "{}", said.out);
}

#[tokio::test]
async fn drift_stops_unless_it_is_allowed() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "20"]).succeeded();
    harness.execute("ALTER TABLE spaces ADD COLUMN colour TEXT").await;
    let rejection = "error: schema drift: unexpected column spaces.colour text\n  \
                   hint: continue despite it with --allow-drift";
    harness.run(&["up"]).failed(1, rejection);
    let said = harness.run(&["up", "--allow-drift"]);
    assert_eq!(said.code, 0);
    assert!(said.err.starts_with("warning: schema drift: "), "{}", said.err);
}

#[tokio::test]
async fn first_generation_database_is_adopted() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "11"]).succeeded();
    harness
        .execute(
            "DROP TABLE _sqlx_migrations;
         CREATE TABLE goose_db_version (version_id bigint NOT NULL, is_applied boolean NOT NULL);
         INSERT INTO goose_db_version SELECT generate_series(0, 11), true",
        )
        .await;
    harness.run(&["up"]).failed(
        1,
        "error: database was migrated by the first-generation server (goose version 11)\n  \
         hint: adopt it with --adopt-goose",
    );
    assert_eq!(harness.run(&["adopt"]).succeeded().out, "adopted version=11\n");
    harness
        .run(&["adopt"])
        .failed(1, "error: no migration history of the first-generation server\n  run less-sync-migrate up");
    let said = harness.run(&["up", "--adopt-goose"]).succeeded();
    assert!(said.lines()[0].starts_with("applied version=12 "), "{}", said.out);
}

/// newer-clients G-16.
#[tokio::test]
async fn newer_original_is_rejected_by_every_command_that_writes() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "12"]).succeeded();
    harness.execute("ALTER TABLE spaces RENAME COLUMN key_generation TO epoch").await;
    let rejection = "error: database was written by a newer original server; conversion is not supported yet";
    for arguments in
        [&["up"][..], &["up", "--allow-drift"], &["down", "--to", "0", "--allow-data-loss"], &["adopt"]]
    {
        harness.run(arguments).failed(1, rejection);
    }
    let status = harness.status();
    assert_eq!(format!("error: {}", status["obstacle"].as_str().unwrap()), rejection);
    assert_eq!(harness.run(&["status", "--check"]).code, 3);
    assert_eq!(harness.run(&["version"]).succeeded().out, "12\n");
}

#[tokio::test]
async fn failed_migration_prints_its_cause_and_a_hint() {
    let harness = Harness::empty().await;
    harness.run(&["up", "--to", "4"]).succeeded();
    harness
        .execute(
            "INSERT INTO spaces (id, client_id) VALUES (gen_random_uuid(), 'client');
         INSERT INTO files (space_id, id, size, wrapped_dek)
         SELECT id, id, 1, decode(repeat('00', 44), 'hex') FROM spaces",
        )
        .await;
    let said = harness.run(&["up"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let lines: Vec<_> = said.err.lines().collect();
    assert!(lines[0].starts_with("error: migration 5 (files record id) failed"), "{}", said.err);
    assert!(said.err.contains("files exist that belong to no record"), "{}", said.err);
    assert!(lines.last().unwrap().starts_with("  hint: remove the rows of table files"), "{}", said.err);
}

/// The message of PostgreSQL without a line of its source, and the next step.
#[tokio::test]
async fn missing_database_is_named_with_the_next_step() {
    let harness = Harness::empty().await;
    let elsewhere = harness.0.url().replace(harness.0.name(), "no_such_database");
    for arguments in
        [&["up"][..], &["status"], &["bind", "--mailbox", &"5e".repeat(32), "--issuer", "https://a.example"]]
    {
        let said = on(&elsewhere, arguments);
        assert_eq!(said.code, 1, "{}", said.err);
        let lines: Vec<_> = said.err.lines().rev().collect();
        assert_eq!(
            lines.get(..2),
            Some(
                &[
                    "  create it with createdb, or name another one",
                    "  database \"no_such_database\" does not exist"
                ][..]
            ),
            "{}",
            said.err
        );
    }
}

#[tokio::test]
async fn address_comes_from_flag_then_migration_address_then_address() {
    let harness = Harness::empty().await;
    let elsewhere = "sqlite:/nowhere/at/all.db";
    let both = [("DATABASE_URL", elsewhere), ("DATABASE_MIGRATION_URL", harness.0.url())];
    migrator(&both, &["up", "--to", "3"]).succeeded();
    let wrong = [("DATABASE_URL", elsewhere), ("DATABASE_MIGRATION_URL", elsewhere)];
    let said = migrator(&wrong, &["version", "--database-url", harness.0.url()]).succeeded();
    assert_eq!(said.out, "3\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", harness.0.url())).unwrap();
    let flag = format!("@{}", file.path().display());
    assert_eq!(migrator(&wrong, &["--database-url", &flag, "version"]).succeeded().out, "3\n");
    let variable = [("DATABASE_MIGRATION_URL_FILE", file.path().to_str().unwrap())];
    assert_eq!(migrator(&variable, &["version"]).succeeded().out, "3\n");
}

/// The broken pipe of a connection is no broken pipe of standard output.
#[cfg(unix)]
#[test]
fn lost_connection_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let socket = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
    std::thread::spawn(move || socket.incoming().for_each(drop));
    let url = format!("postgres://less@localhost/less?host={}", directory.path().display());
    for _ in 0..3 {
        let said = on(&url, &["up"]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    }
}
