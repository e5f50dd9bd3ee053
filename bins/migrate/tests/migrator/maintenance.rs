//! `blobs canonicalize`, `reset-rewrap` and `compact` (operations §10.1).

use std::fs;
use std::path::PathBuf;

use less_sync_core::SpaceId;

use crate::site::{Site, Store, stop};

const FIRST: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";
const SECOND: &str = "6f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// A place with two files whose server has stopped, and the space of the files.
async fn stopped_site(store: Store) -> (Site, SpaceId) {
    let site = Site::new(store).await;
    let server = site.server().start().await;
    for id in [FIRST, SECOND] {
        server.upload("alice", id, id.as_bytes()).await;
    }
    let space = server.space_id("alice");
    stop(server).await;
    (site, space)
}

/// Value of an id in a statement.
fn literal(store: Store, id: &str) -> String {
    match store {
        Store::Sqlite => format!("x'{}'", id.replace('-', "")),
        Store::Postgres => format!("'{id}'"),
    }
}

async fn objects_are_moved_to_the_keys_of_the_original(store: Store) {
    let (site, space) = stopped_site(store).await;
    let folder: PathBuf = site.folder.path().join(format!("files/spaces/{space}/files"));
    let names = || {
        let entries = fs::read_dir(&folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = names();
    assert!(before.iter().all(|name| name.contains('.')), "{before:?}");
    if matches!(store, Store::Postgres) {
        let said = site.run(&["down", "--to", "16", "--allow-data-loss"]);
        assert!(said.err.contains("files have object keys of their own"), "{}", said.err);
        site.run(&["up"]).succeeded();
    }
    // A killed run has left a copy, and an object of an earlier life of the file is marked for deletion.
    fs::write(folder.join(FIRST), b"half a").unwrap();
    let (now, pending) = match store {
        Store::Sqlite => ("0", "1"),
        Store::Postgres => ("now()", "true"),
    };
    site.execute(&format!(
        "INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
         SELECT space_id, id, id, 'spaces/{space}/files/{FIRST}', {pending}, {now} FROM files WHERE id = {}",
        literal(store, FIRST)
    ))
    .await;
    let said = site.run(&["blobs", "canonicalize"]).succeeded();
    assert_eq!(said.lines(), ["moved objects=2 bytes=72 findings=0"]);
    assert_eq!(names(), [FIRST, SECOND]);
    assert_eq!(fs::read(folder.join(FIRST)).unwrap(), FIRST.as_bytes());
    assert_eq!(site.texts("SELECT object_key FROM blob_uploads").await, Vec::<String>::new());
    let said = site.run(&["blobs", "fsck", "--min-age", "0"]).succeeded();
    assert_eq!(said.lines(), ["2 objects, 2 files, 0 findings, 0 to be removed"]);
    let said = site.run(&["blobs", "canonicalize"]).succeeded();
    assert_eq!(said.lines(), ["moved objects=0 bytes=0 findings=0"]);
    if matches!(store, Store::Postgres) {
        site.run(&["down", "--to", "16", "--allow-data-loss"]).succeeded();
    }
}

#[tokio::test]
async fn objects_of_sqlite_are_moved_to_the_keys_of_the_original() {
    objects_are_moved_to_the_keys_of_the_original(Store::Sqlite).await;
}

#[tokio::test]
async fn objects_of_postgresql_are_moved_to_the_keys_of_the_original() {
    objects_are_moved_to_the_keys_of_the_original(Store::Postgres).await;
}

#[tokio::test]
async fn lost_object_is_named_and_its_file_is_left() {
    let (site, space) = stopped_site(Store::Sqlite).await;
    let folder = site.folder.path().join(format!("files/spaces/{space}/files"));
    let lost = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    fs::remove_file(lost.path()).unwrap();
    let said = site.run(&["blobs", "canonicalize"]);
    let missing = format!("missing spaces/{space}/files/{}", lost.file_name().display());
    assert_eq!((said.code, said.lines()), (3, vec![missing.as_str(), "moved objects=1 bytes=36 findings=1"]));
    assert_eq!(site.texts("SELECT object_key FROM files WHERE object_key IS NOT NULL").await.len(), 1);
}

async fn stuck_rewrap_is_ended_on_request(store: Store) {
    let (site, space) = stopped_site(store).await;
    let space = space.to_string();
    let none = "key_generation=1 min_key_generation=1 rewrap_epoch=none records=0 files=0";
    let said = site.run(&["reset-rewrap", &space, "--yes"]);
    assert_eq!((said.code, said.lines()), (1, vec![none]));
    site.execute(&format!(
        "UPDATE spaces SET key_generation = 2, rewrap_epoch = 2 WHERE id = {}",
        literal(store, &space)
    ))
    .await;
    let pending = "key_generation=2 min_key_generation=1 rewrap_epoch=2 records=0 files=2";
    let said = site.run(&["reset-rewrap", &space]);
    assert_eq!((said.code, said.lines()), (2, vec![pending]));
    assert!(said.err.contains("no change without --yes"), "{}", said.err);
    let said = site.run(&["reset-rewrap", &space, "--yes"]).succeeded();
    assert_eq!(said.lines(), [pending, "rewrap ended"]);
    let said = site.run(&["reset-rewrap", &space, "--yes"]);
    let ended = "key_generation=2 min_key_generation=2 rewrap_epoch=none records=0 files=0";
    assert_eq!((said.code, said.lines()), (1, vec![ended]));
    site.run(&["reset-rewrap", FIRST, "--yes"]).failed(1, "error: space not found");
}

#[tokio::test]
async fn stuck_rewrap_of_sqlite_is_ended_on_request() {
    stuck_rewrap_is_ended_on_request(Store::Sqlite).await;
}

#[tokio::test]
async fn stuck_rewrap_of_postgresql_is_ended_on_request() {
    stuck_rewrap_is_ended_on_request(Store::Postgres).await;
}

/// Sizes that `compact` prints.
fn sizes(out: &str) -> (u64, u64) {
    let (before, after) =
        out.trim().strip_prefix("compacted bytes_before=").unwrap().split_once(" bytes_after=").unwrap();
    (before.parse().unwrap(), after.parse().unwrap())
}

#[tokio::test]
async fn compacted_database_file_is_smaller() {
    let (site, _space) = stopped_site(Store::Sqlite).await;
    site.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO records (space_id, id, cursor, blob)
         SELECT (SELECT id FROM spaces), randomblob(16), 1, zeroblob(20000) FROM n;
         DELETE FROM records WHERE length(blob) = 20000",
    )
    .await;
    let (before, after) = sizes(&site.run(&["compact"]).succeeded().out);
    assert!(after + 1_000_000 < before, "{before} {after}");
    assert_eq!(fs::metadata(site.folder.path().join("sync.db")).unwrap().len(), after);
    site.run(&["verify"]).succeeded();
    let server = site.server().start().await;
    let said = site.run(&["compact"]);
    assert!(said.err.contains("is in use by another process"), "{}", said.err);
    stop(server).await;
}

#[tokio::test]
async fn postgresql_is_compacted_while_a_server_runs() {
    let site = Site::new(Store::Postgres).await;
    let _server = site.server().start().await;
    let said = site.run(&["compact", "--progress"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("vacuuming "), "{}", said.err);
    assert!(sizes(&said.out).1 > 0, "{}", said.out);
    let vacuumed =
        "SELECT count(*)::text FROM pg_stat_user_tables WHERE relname = 'records' AND vacuum_count > 0";
    less_sync_test_support::within("the statistics of the vacuum", async {
        while site.texts(vacuumed).await != ["1"] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
