//! Commands of the operator's guide to backups, run as they are written.

use std::path::Path;
use std::process::Command;

use less_sync_test_support::EmptyEnvironment as _;
use less_sync_test_support::postgres::program;

use crate::site::{Site, Store, stop};

const GUIDE: &str = include_str!("../../../../docs/operations.md");

/// Place of the backup in the guide.
const PLACE: &str = "/backup/less-sync";

/// Shell blocks of the section on backups.
fn blocks() -> Vec<&'static str> {
    let section = GUIDE.split("\n## ").find(|section| section.starts_with("Backup and restore")).unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs a block in a shell that finds the programs.
fn run(site: &Site, backup: &Path, block: &str) -> String {
    let migrator = Path::new(env!("CARGO_BIN_EXE_less-sync-migrate")).parent().unwrap();
    let programs = program("pg_dump");
    let path = format!("{}:{}:/usr/bin:/bin", migrator.display(), programs.parent().unwrap().display());
    let script = format!("set -e\n{}", block.replace(PLACE, backup.to_str().unwrap()));
    let mut shell = Command::new("/bin/sh");
    shell.empty_environment().env("PATH", path).envs(site.settings().iter().cloned()).args(["-c", &script]);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{block}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn guide_works_as_written(store: Store) {
    let (site, backups) = (Site::new(store).await, tempfile::tempdir().unwrap());
    let server = site.server().start().await;
    server.upload("alice", "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60", b"ciphertext").await;
    let [backup, restore, after_restore] = blocks()[..] else { panic!("three blocks") };
    let place = backups.path().join("less-sync");
    let said = run(&site, &place, backup);
    assert!(said.starts_with("backup created_at=") && said.contains("\nverified created_at="), "{said}");
    let other = Site::empty(store).await;
    let said = run(&other, &place, restore);
    assert!(said.contains(" objects=1 object_bytes=10\nraised jump=4294967296 spaces=1 rows=2\n"), "{said}");
    stop(server.kill().start_on(other.settings()).await).await;
    let said = run(&other, &place, after_restore);
    assert_eq!(said, "raised jump=4294967296 spaces=1 rows=2\n");
}

#[tokio::test]
async fn guide_works_as_written_on_sqlite() {
    guide_works_as_written(Store::Sqlite).await;
}

#[tokio::test]
async fn guide_works_as_written_on_postgresql() {
    guide_works_as_written(Store::Postgres).await;
}
