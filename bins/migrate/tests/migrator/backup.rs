//! `backup`, `backup verify` and `restore` beside the drill: damage, refusals, repetition, interruption (operations §12).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use less_sync_test_support::TestServer;
use less_sync_test_support::s3::S3Server;
use serde_json::Value;
use tempfile::TempDir;

use crate::site::{Site, Store, stop};

const FIRST: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";
const SECOND: &str = "6f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// A place with two files, its server, and a directory for backups.
struct Fixture {
    site: Site,
    server: TestServer,
    backups: TempDir,
    store: Store,
}

impl Fixture {
    async fn new(store: Store) -> Self {
        let (site, backups) = (Site::new(store).await, tempfile::tempdir().unwrap());
        let server = site.server().start().await;
        for id in [FIRST, SECOND] {
            server.upload("alice", id, id.as_bytes()).await;
        }
        Self { site, server, backups, store }
    }

    fn directory(&self) -> PathBuf {
        self.backups.path().join("backup")
    }

    fn target(&self) -> String {
        self.directory().display().to_string()
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.directory().join("manifest.json")).unwrap()).unwrap()
    }

    fn object(&self) -> String {
        let folder = format!("spaces/{}/files", self.server.space("alice"));
        let mut names: Vec<String> = fs::read_dir(self.directory().join(&folder))
            .unwrap()
            .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display()))
            .collect();
        names.sort();
        names.remove(0)
    }

    /// Every kind of file of the backup.
    fn files(&self) -> Vec<String> {
        let manifest = self.manifest();
        let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
        vec![
            "manifest.json".to_owned(),
            name(&manifest["database"]),
            name(&manifest["objects"]["list"]),
            self.object(),
        ]
    }

    /// Checks that damage is named by `verify` and by `restore`, which writes nothing.
    async fn expect(&self, what: &str) {
        let verify = self.site.run(&["backup", "verify", &self.target()]);
        assert_eq!((verify.code, verify.lines().first().copied()), (3, Some(what)), "{}", verify.err);
        let empty = Site::empty(self.store).await;
        let restore = empty.restore(&self.target(), &[]);
        assert_eq!((restore.code, restore.lines()), (3, vec![what]), "{}", restore.err);
        assert_eq!(empty.contents().await, Vec::<String>::new(), "{what}");
    }
}

/// As in a snapshot of a file system. Permissions do not stop a test that runs as root.
#[tokio::test]
async fn database_in_a_directory_that_cannot_be_written_is_backed_up() {
    let fixture = Fixture::new(Store::Sqlite).await;
    let target = fixture.target();
    let Fixture { site, server, .. } = fixture;
    stop(server).await;
    let permit = |mode| {
        fs::set_permissions(site.folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(site.folder.path().join("files"), fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(0o500);
    let backup = site.run(&["backup", &target]);
    permit(0o700);
    assert_eq!((backup.code, backup.err.as_str()), (0, ""), "{}", backup.out);
}

async fn damaged_and_missing_files_are_named(store: Store) {
    let fixture = Fixture::new(store).await;
    fixture.site.backup(&fixture.target()).succeeded();
    let said = fixture.site.run(&["backup", "verify", &fixture.target()]).succeeded();
    assert!(said.out.ends_with(" files=5 findings=0\n"), "{}", said.out);
    for name in fixture.files() {
        let path = fixture.directory().join(&name);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x10;
        fs::write(&path, flipped).unwrap();
        fixture.expect(&format!("damaged {name}")).await;
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        fixture.expect(&format!("damaged {name}")).await;
        fs::remove_file(&path).unwrap();
        fixture.expect(&format!("missing {name}")).await;
        fs::write(&path, whole).unwrap();
    }
    fixture.site.run(&["backup", "verify", &fixture.target()]).succeeded();
}

#[tokio::test]
async fn damaged_and_missing_files_of_sqlite_are_named() {
    Box::pin(damaged_and_missing_files_are_named(Store::Sqlite)).await;
}

#[tokio::test]
async fn damaged_and_missing_files_of_postgresql_are_named() {
    Box::pin(damaged_and_missing_files_are_named(Store::Postgres)).await;
}

async fn next_backup_copies_new_objects_only(store: Store) {
    let fixture = Fixture::new(store).await;
    let said = fixture.site.backup(&fixture.target()).succeeded();
    assert!(said.out.contains(" objects=2 object_bytes=72 copied=2 findings=0"), "{}", said.out);
    let before = fixture.files();
    // An object that is damaged since is copied again once it is removed.
    fs::remove_file(fixture.directory().join(fixture.object())).unwrap();
    let said = fixture.site.backup(&fixture.target()).succeeded();
    assert!(said.out.contains(" objects=2 object_bytes=72 copied=1 findings=0"), "{}", said.out);
    assert!(!fixture.directory().join(&before[1]).exists(), "database of the backup before");
    let said = fixture.site.backup(&fixture.target()).succeeded();
    assert!(said.out.contains(" objects=2 object_bytes=72 copied=0 findings=0"), "{}", said.out);
    // Objects of deleted files leave with the next backup.
    let sql = match store {
        Store::Sqlite => "wrapped_dek = x'', deleted = 1",
        Store::Postgres => "wrapped_dek = '', deleted = true",
    };
    fixture
        .site
        .execute(&format!("UPDATE files SET size = 0, object_key = NULL, sha256 = NULL, {sql}"))
        .await;
    let said = fixture.site.backup(&fixture.target()).succeeded();
    assert!(said.out.contains(" objects=0 object_bytes=0 copied=0 findings=0"), "{}", said.out);
    let objects = fixture.directory().join(format!("spaces/{}/files", fixture.server.space("alice")));
    assert_eq!(fs::read_dir(objects).into_iter().flatten().count(), 0);
    fixture.site.run(&["backup", "verify", &fixture.target()]).succeeded();
}

#[tokio::test]
async fn next_backup_of_sqlite_copies_new_objects_only() {
    next_backup_copies_new_objects_only(Store::Sqlite).await;
}

#[tokio::test]
async fn next_backup_of_postgresql_copies_new_objects_only() {
    next_backup_copies_new_objects_only(Store::Postgres).await;
}

#[tokio::test]
async fn objects_that_the_store_has_lost_are_named() {
    let fixture = Fixture::new(Store::Sqlite).await;
    let storage = fixture.site.folder.path().join("files");
    fixture.site.backup(&fixture.target()).succeeded();
    let object = fixture.object();
    fs::remove_dir_all(fixture.directory()).unwrap();
    fs::write(storage.join(&object), [b'x'; 36]).unwrap();
    let said = fixture.site.backup(&fixture.target());
    assert_eq!((said.code, said.lines()[0]), (3, format!("damaged {object}").as_str()));
    fs::remove_file(storage.join(&object)).unwrap();
    let said = fixture.site.backup(&fixture.target());
    assert_eq!((said.code, said.lines()[0]), (3, format!("missing {object}").as_str()));
    fixture.site.run(&["backup", "verify", &fixture.target()]).succeeded();
}

#[tokio::test]
async fn restore_needs_an_empty_place_of_the_same_kind() {
    let fixture = Fixture::new(Store::Sqlite).await;
    fixture.site.backup(&fixture.target()).succeeded();
    let said = fixture.site.restore(&fixture.target(), &[]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("exists: a restore needs a place without a database"), "{}", said.err);
    let other = Site::empty(Store::Postgres).await;
    other
        .restore(&fixture.target(), &[])
        .failed(1, "error: backup is of a SQLite database: DATABASE_URL is another one");
    let mut full = Site::empty(Store::Sqlite).await;
    let storage = fixture.site.folder.path().join("files").display().to_string();
    full.set("FILE_STORAGE_PATH", &storage);
    let said = full.restore(&fixture.target(), &[]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: file storage is not empty: it has "), "{}", said.err);
    assert_eq!(full.contents().await, Vec::<String>::new());
    let missing = full.restore("/nowhere/at/all", &[]);
    missing.failed(1, "error: no backup at /nowhere/at/all");
    let fixture = Fixture::new(Store::Postgres).await;
    fixture.site.backup(&fixture.target()).succeeded();
    let said = fixture.site.restore(&fixture.target(), &[]);
    assert!(
        said.err.starts_with("error: database is not empty: it has \"_sqlx_migrations\""),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn backup_never_overlaps_the_file_storage_or_other_objects() {
    let fixture = Fixture::new(Store::Sqlite).await;
    let storage = fixture.site.folder.path().join("files");
    for target in [storage.clone(), fixture.site.folder.path().to_owned()] {
        let said = fixture.site.backup(target.to_str().unwrap());
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("overlaps the file storage of the server"), "{}", said.err);
    }
    let foreign = fixture.directory().join("spaces/of/another/server");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "precious").unwrap();
    let said = fixture.site.backup(&fixture.target());
    assert_eq!(said.code, 1);
    assert!(said.err.contains("holds objects that are not of a backup"), "{}", said.err);
    assert!(foreign.exists());
}

async fn failed_restore_is_resumed(store: Store) {
    let fixture = Fixture::new(store).await;
    fixture.site.backup(&fixture.target()).succeeded();
    let site = Site::empty(store).await;
    let obstacle = site.folder.path().join("sync.db.restoring");
    match store {
        // In the way of the file that becomes the database.
        Store::Sqlite => {
            fs::create_dir(&obstacle).unwrap();
            assert_eq!(site.restore(&fixture.target(), &[]).code, 1);
            fs::remove_dir(&obstacle).unwrap();
        }
        Store::Postgres => {
            let failing = failing_program(site.folder.path());
            let said = site.run(&["restore", &fixture.target(), "--pg-restore", failing.to_str().unwrap()]);
            assert_eq!(said.code, 1);
            assert!(
                said.err.starts_with("error: pg_restore failed (exit status: 1)\n  out of luck"),
                "{}",
                said.err
            );
            assert_eq!(
                site.texts("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace")
                    .await,
                Vec::<String>::new()
            );
        }
    }
    let said = site.restore(&fixture.target(), &[]);
    assert!(said.err.contains("--resume continues an interrupted restore"), "{}", said.err);
    site.restore(&fixture.target(), &["--resume"]).succeeded();
    let space = fixture.server.space_id("alice");
    let server = fixture.server.kill().start_on(site.settings()).await;
    assert_eq!(server.space_id("alice"), space);
    stop(server).await;
    let said = site.run(&["blobs", "fsck", "--min-age", "0"]).succeeded();
    assert_eq!(said.lines(), ["2 objects, 2 files, 0 findings, 0 to be removed"]);
}

/// A `pg_restore` that fails.
fn failing_program(folder: &Path) -> PathBuf {
    let path = folder.join("pg_restore");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_restore (PostgreSQL) 99.1' && exit 0\necho out of luck >&2\nexit 1\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn failed_restore_of_sqlite_is_resumed() {
    Box::pin(failed_restore_is_resumed(Store::Sqlite)).await;
}

#[tokio::test]
async fn failed_restore_of_postgresql_is_resumed() {
    Box::pin(failed_restore_is_resumed(Store::Postgres)).await;
}

/// A restore that ended between the load and the last raised cursor.
#[tokio::test]
async fn half_restored_database_is_not_served_and_is_completed() {
    let site = Site::new(Store::Postgres).await;
    site.execute("CREATE TABLE less_sync_restore ()").await;
    let unfinished = "error: restore of the database is not complete: run less-sync-migrate after-restore";
    site.run(&["up"]).failed(1, unfinished);
    let backups = tempfile::tempdir().unwrap();
    site.backup(backups.path().join("b").to_str().unwrap()).failed(1, unfinished);
    let said = site.run(&["after-restore"]).succeeded();
    assert_eq!(said.lines(), ["raised jump=4294967296 spaces=0 rows=0"]);
    site.run(&["up"]).succeeded();
    site.server().start().await;
}

#[tokio::test]
async fn missing_and_old_programs_are_named() {
    let (site, backups) = (Site::new(Store::Postgres).await, tempfile::tempdir().unwrap());
    let target = backups.path().join("backup").display().to_string();
    let said = site.run(&["backup", &target, "--pg-dump", "/nowhere/pg_dump"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .starts_with("error: cannot find /nowhere/pg_dump: install the client programs of PostgreSQL "),
        "{}",
        said.err
    );
    let old = backups.path().join("pg_dump");
    fs::write(&old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let said = site.run(&["backup", &target, "--pg-dump", old.to_str().unwrap()]);
    assert!(said.err.starts_with("error: pg_dump 9 is too old: version "), "{}", said.err);
    let said = site.run(&["backup"]);
    said.failed(2, "error: a directory or s3://BUCKET/PREFIX is required");
}

async fn backup_in_a_bucket(store: Store) {
    let s3 = S3Server::start().await;
    let bucket = |site: &mut Site| {
        site.set("FILE_S3_ENDPOINT", &s3.endpoint());
        site.set("FILE_S3_ACCESS_KEY", s3.access_key());
        site.set("FILE_S3_SECRET_KEY", s3.secret_key());
        site.set("FILE_S3_BUCKET", s3.bucket());
    };
    let mut site = Site::new(store).await;
    bucket(&mut site);
    site.set("FILE_STORAGE_BACKEND", "s3");
    let server = site.server().start().await;
    server.upload("alice", FIRST, &vec![7; 1 << 20]).await;
    let target = format!("s3://{}/backups/daily", s3.bucket());
    let run = |site: Site, work: fn(&Site, &str) -> String| {
        let target = target.clone();
        async move {
            let running = tokio::task::spawn_blocking(move || {
                let out = work(&site, &target);
                (site, out)
            });
            running.await.unwrap()
        }
    };
    let (site, out) = run(site, |site, target| site.backup(target).succeeded().out).await;
    assert!(out.contains(" objects=1 object_bytes=1048576 copied=1 findings=0"), "{out}");
    let (site, out) = run(site, |site, target| site.backup(target).succeeded().out).await;
    assert!(out.contains(" copied=0 findings=0"), "{out}");
    let overlapping = format!("s3://{}", s3.bucket());
    assert_eq!(site.backup(&overlapping).code, 2);
    // Into a directory.
    let mut other = Site::empty(store).await;
    bucket(&mut other);
    let (other, _) = run(other, |site, target| site.restore(target, &[]).succeeded().out).await;
    let object = other.folder.path().join(format!("files/spaces/{}/files", server.space("alice")));
    assert_eq!(fs::read_dir(object).unwrap().count(), 1);
    let damaged = s3.path("backups/daily/manifest.json");
    let whole = fs::read(&damaged).unwrap();
    fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let (_, out) = run(site, |site, target| {
        let said = site.run(&["backup", "verify", target]);
        format!("{} {}", said.code, said.out)
    })
    .await;
    assert_eq!(out, "3 damaged manifest.json\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_of_sqlite_in_a_bucket() {
    backup_in_a_bucket(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_of_postgresql_in_a_bucket() {
    backup_in_a_bucket(Store::Postgres).await;
}
