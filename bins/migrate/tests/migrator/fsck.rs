//! `blobs fsck`: objects against rows (storage §4.7, P21).

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use less_sync_test_support::postgres::TestDatabase;
use less_sync_test_support::{TestServer, within};
use serde_json::Value;

use crate::command::{CommandOutput, migrator, migrator_without_reader};

const KEPT: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";
const LOST: &str = "6f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";
const TORN: &str = "7f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// A server that has three files, and is not running.
struct Fixture {
    server: TestServer,
    database: String,
}

impl Fixture {
    async fn new() -> Self {
        let mut server = TestServer::builder().embedded().files().start().await;
        for id in [KEPT, LOST, TORN] {
            server.upload("alice", id, b"ciphertext").await;
        }
        server.drain();
        server.stopped().await;
        let database = format!("sqlite:{}", server.folder().join("less-sync.db").display());
        Self { server, database }
    }

    fn root(&self) -> PathBuf {
        self.server.folder().join("files")
    }

    /// The names of its objects below the root, in order.
    fn objects(&self) -> Vec<String> {
        let folder = format!("spaces/{}/files", self.server.space("alice"));
        let entries = std::fs::read_dir(self.root().join(&folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().display())).collect();
        names.sort();
        names
    }

    /// Of objects of every age.
    fn fsck(&self, arguments: &[&str]) -> CommandOutput {
        self.run(&[&["--min-age", "0"], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.run_by(migrator, arguments)
    }

    fn run_by(
        &self,
        run: impl Fn(&[(&str, &str)], &[&str]) -> CommandOutput,
        arguments: &[&str],
    ) -> CommandOutput {
        let root = self.root();
        let environment = [
            ("DATABASE_URL", self.database.as_str()),
            ("FILE_STORAGE_BACKEND", "local"),
            ("FILE_STORAGE_PATH", root.to_str().unwrap()),
        ];
        run(&environment, &[&["blobs", "fsck"], arguments].concat())
    }
}

#[tokio::test]
async fn store_in_good_order_has_no_findings() {
    let fixture = Fixture::new().await;
    let said = fixture.fsck(&[]).succeeded();
    assert_eq!(said.lines(), ["3 objects, 3 files, 0 findings, 0 to be removed"]);
}

#[tokio::test]
async fn closed_pipe_hides_no_finding_from_the_exit_code() {
    let fixture = Fixture::new().await;
    let fsck = || fixture.run_by(migrator_without_reader, &["--min-age", "0"]);
    fsck().succeeded();
    std::fs::remove_file(fixture.root().join(&fixture.objects()[0])).unwrap();
    fsck().failed(3, "");
}

#[tokio::test]
async fn every_finding_is_printed() {
    let fixture = Fixture::new().await;
    let objects = fixture.objects();
    let [kept, lost, torn] = &objects[..] else { panic!("{objects:?}") };
    std::fs::remove_file(fixture.root().join(lost)).unwrap();
    std::fs::write(fixture.root().join(torn), b"cipher").unwrap();
    let space = fixture.server.space("alice");
    let orphan = format!("spaces/{space}/files/8f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60");
    let unfinished = format!("{kept}#1");
    let unknown = format!("spaces/{space}/files/notes.txt");
    for name in [&orphan, &unfinished, &unknown] {
        std::fs::write(fixture.root().join(name), b"what is this").unwrap();
    }
    let expected = |marked: usize| {
        let mut lines = vec![
            format!("missing {lost}"),
            format!("orphan {orphan} (12 bytes)"),
            format!("unfinished {unfinished}"),
            format!("unknown name {unknown}"),
            format!("wrong size {torn} (6 bytes instead of 10)"),
        ];
        lines.push(format!("5 objects, 3 files, 5 findings, {marked} to be removed"));
        lines
    };
    let sorted = |said: &CommandOutput| {
        let mut lines: Vec<String> = said.lines().iter().map(|line| (*line).to_owned()).collect();
        let (sum, findings) = lines.split_last_mut().unwrap();
        findings.sort();
        assert!(sum.contains("findings"), "{sum}");
        lines
    };
    let said = fixture.fsck(&[]);
    assert_eq!((said.code, sorted(&said)), (3, expected(0)));
    // Another space has nothing of this; a day ago there was nothing either.
    let elsewhere = ["--space", "8f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60"];
    assert_eq!(
        fixture.fsck(&elsewhere).succeeded().lines(),
        ["0 objects, 0 files, 0 findings, 0 to be removed"]
    );
    let said = fixture.run(&[]);
    assert_eq!(
        said.lines(),
        [format!("missing {lost}"), "5 objects, 3 files, 1 findings, 0 to be removed".to_owned()]
    );
    // Unreferenced objects are left to the sweeper; other findings are not changed.
    let said = fixture.fsck(&["--delete"]);
    assert_eq!((said.code, sorted(&said)), (3, expected(1)));
    let said = fixture.fsck(&["--json"]);
    let lines: Vec<Value> = said.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.iter().any(|line| line["finding"] == "orphan"), "it is in the queue by now: {lines:?}");
    assert_eq!(lines.last().unwrap()["findings"], 4);
}

#[tokio::test]
async fn server_removes_what_was_marked_for_deletion() {
    let fixture = Fixture::new().await;
    let space = fixture.server.space("alice");
    let orphan = fixture.root().join(format!("spaces/{space}/files/8f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60"));
    std::fs::write(&orphan, b"left behind by the original").unwrap();
    let said = fixture.fsck(&["--delete"]).succeeded();
    assert_eq!(said.lines()[1], "4 objects, 3 files, 1 findings, 1 to be removed");
    let root = fixture.root();
    let database = fixture.database.clone();
    // Another server on the same data, whose clock this test moves.
    let server = TestServer::builder()
        .manual_clock()
        .setting("DATABASE_URL", &database)
        .setting("FILE_STORAGE_BACKEND", "local")
        .setting("FILE_STORAGE_PATH", root.to_str().unwrap())
        .start()
        .await;
    let removed = async {
        while orphan.exists() {
            server.clock().advance(std::time::Duration::from_mins(1));
            tokio::task::yield_now().await;
        }
    };
    within("the sweeper", removed).await;
    assert_eq!(fixture.objects().len(), 3);
}

/// A check writes nothing: the database of a running server, and files that cannot be written, as in a snapshot.
#[tokio::test]
async fn running_server_and_snapshot_are_compared_on_sqlite() {
    let server = TestServer::builder().embedded().files().start().await;
    server.upload("alice", KEPT, b"ciphertext").await;
    let (database, root) = (server.folder().join("less-sync.db"), server.folder().join("files"));
    let fsck = |database: &Path, root: &Path, arguments: &[&str]| {
        let environment = [
            ("DATABASE_URL", &*format!("sqlite:{}", database.display())),
            ("FILE_STORAGE_BACKEND", "local"),
            ("FILE_STORAGE_PATH", root.to_str().unwrap()),
        ];
        migrator(&environment, &[&["blobs", "fsck", "--min-age", "0"], arguments].concat())
    };
    let sound = ["1 objects, 1 files, 0 findings, 0 to be removed"];
    assert_eq!(fsck(&database, &root, &[]).succeeded().lines(), sound);
    let said = fsck(&database, &root, &["--delete"]);
    assert!(said.code == 1 && said.err.contains("is in use by another process"), "{}", said.err);
    server.upload("alice", LOST, b"ciphertext").await;
    let (mut server, sound) = (server, ["2 objects, 2 files, 0 findings, 0 to be removed"]);
    server.drain();
    server.stopped().await;
    let snapshot = tempfile::tempdir().unwrap();
    let place = snapshot.path().join("less-sync.db");
    std::fs::copy(&database, &place).unwrap();
    let permit = |mode| {
        for folder in [snapshot.path(), &root] {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    permit(0o500);
    let said = fsck(&place, &root, &[]);
    permit(0o700);
    assert_eq!(said.succeeded().lines(), sound);
    let missing = snapshot.path().join("missing.db");
    let said = fsck(&missing, &root, &[]);
    assert!(said.code == 1 && said.err.contains("no database at"), "{}", said.err);
    assert!(!missing.exists());
}

/// On PostgreSQL the server need not be stopped, and its uploads under way are no findings.
#[tokio::test]
async fn running_server_is_compared_on_postgresql() {
    let database = TestDatabase::migrated().await;
    let server = TestServer::builder().setting("DATABASE_URL", database.url()).files().start().await;
    server.upload("alice", KEPT, b"ciphertext").await;
    let root = server.folder().join("files");
    let environment = [
        ("DATABASE_URL", database.url()),
        ("FILE_STORAGE_BACKEND", "local"),
        ("FILE_STORAGE_PATH", root.to_str().unwrap()),
    ];
    let said = migrator(&environment, &["blobs", "fsck", "--min-age", "0"]).succeeded();
    assert_eq!(said.lines(), ["1 objects, 1 files, 0 findings, 0 to be removed"]);
}

#[test]
fn fsck_without_a_store_is_a_usage_error() {
    let said = migrator(&[("DATABASE_URL", "sqlite:nowhere.db")], &["blobs", "fsck"]);
    said.failed(2, "error: FILE_STORAGE_BACKEND is not set: no file storage to check");
}
