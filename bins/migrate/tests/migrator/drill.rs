//! Drill of a disaster: a backup under load, further changes, a crash, a restore elsewhere, and the clients come back.

use std::collections::BTreeMap;

use bytes::Bytes;
use less_sync_client::{AccessToken, Change, FileClient, PullItem, PullSpace};
use less_sync_core::{Cursor, RecordId};
use less_sync_test_support::{Device, TestServer, record_id, within};

use crate::site::{Site, Store};

const KEPT: &str = "5f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";
const LOST: &str = "6f0c7c1e-93a4-4c55-9a0e-1b2c3d4e5f60";

/// First record of the load.
const LOAD: u128 = 1000;
/// First record that is written after the backup.
const AFTER: u128 = 1_000_000;

/// Records of a device: cursor and blob, as it received them.
type Replica = BTreeMap<RecordId, (Cursor, Option<Bytes>)>;

fn record(index: u128) -> RecordId {
    record_id(index).parse().unwrap()
}

fn blob(index: u128) -> Bytes {
    Bytes::from(format!("content of record {index}"))
}

/// Pulls what came after `since`. Every row comes once.
async fn catch_up(device: &mut Device, since: Cursor, replica: &mut Replica) -> (Vec<RecordId>, Cursor) {
    let mut pull = device.connection().pull(&[PullSpace::from(device.space(), since)]).await.unwrap();
    let (mut received, mut reached) = (Vec::new(), since);
    while let Some(item) = within("a part of the pull", pull.next()).await {
        match item.unwrap() {
            PullItem::Record(row) => {
                assert!(!received.contains(&row.id), "{} came twice", row.id);
                received.push(row.id);
                replica.insert(row.id, (row.cursor, row.blob));
            }
            PullItem::Commit { cursor, .. } => reached = cursor,
            PullItem::Begin { .. } | PullItem::Membership { .. } | PullItem::File { .. } => {}
        }
    }
    (received, reached)
}

/// Bytes of a file; `None` if the server has no such file.
async fn download(server: &TestServer, id: &str) -> Option<Vec<u8>> {
    let files = FileClient::new(&format!("http://{}/api/v1", server.address())).unwrap();
    let token = AccessToken::from(server.token("alice").as_str());
    let remote = files.file(&token, server.space_id("alice").into(), id.parse().unwrap());
    let mut download = within("a download", remote.get(0)).await.ok()?;
    let mut bytes = Vec::new();
    while let Some(piece) = download.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    Some(bytes)
}

async fn clients_converge_on_the_restored_content(store: Store) {
    let (site, backups) = (Site::new(store).await, tempfile::tempdir().unwrap());
    let target = backups.path().join("backup").display().to_string();
    let server = site.server().start().await;
    let (mut writer, mut reader) = (Device::connect(&server).await, Device::connect(&server).await);
    reader.subscribe().await;

    // Acknowledged before the backup: nothing of this may be missing.
    server.upload("alice", KEPT, b"ciphertext of a file").await;
    let deleted = writer.push(&[Change::create(record(3), blob(3))]).await;
    let created = writer.push(&[Change::create(record(2), blob(2))]).await;
    writer.push(&[Change::delete(record(3), deleted)]).await;

    // The backup, while the server runs and a client pushes.
    let running = std::thread::scope(|scope| {
        let backup = scope.spawn(|| site.backup(&target));
        let mut pushed = 0_u128;
        let load = async {
            loop {
                writer.push(&[Change::create(record(LOAD + pushed), blob(LOAD + pushed))]).await;
                pushed += 1;
                if backup.is_finished() {
                    break;
                }
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(load));
        let said = backup.join().unwrap().succeeded();
        assert!(said.out.contains(" objects=1 object_bytes=20 copied=1 findings=0"), "{}", said.out);
        pushed
    });

    // Lost by design: a change, a deletion, new records, a file.
    let changed = writer.push(&[Change::update(record(2), created, "changed after the backup")]).await;
    for index in AFTER..AFTER + 5 {
        writer.push(&[Change::create(record(index), blob(index))]).await;
    }
    server.upload("alice", LOST, b"file after the backup").await;
    let mut replica = Replica::new();
    let (_, ahead) = catch_up(&mut reader, Cursor::ZERO, &mut replica).await;
    assert!(ahead > changed && replica.len() > 5);

    // The crash, and the restore onto an empty place.
    drop((writer, reader));
    let killed = server.kill();
    let other = Site::empty(store).await;
    let said = other.restore(&target, &[]).succeeded();
    assert!(said.lines()[0].ends_with(" objects=1 object_bytes=20"), "{}", said.out);
    assert!(said.lines()[1].starts_with("raised jump=4294967296 spaces=1 rows="), "{}", said.out);
    let server = killed.start_on(other.settings()).await;

    // Everything from before the backup is there, and of the load what was committed until the snapshot.
    let (mut writer, mut fresh) = (Device::connect(&server).await, Replica::new());
    let (_, newest) = catch_up(&mut writer, Cursor::ZERO, &mut fresh).await;
    assert_eq!(fresh[&record(2)].1, Some(blob(2)));
    let loaded = fresh.keys().filter(|id| (LOAD..AFTER).contains(&index_of(id))).count() as u128;
    assert!(loaded <= running, "{loaded} of {running}");
    for index in LOAD..LOAD + loaded {
        assert_eq!(fresh[&record(index)].1, Some(blob(index)), "record {index}");
    }
    assert!(!fresh.contains_key(&record(3)) && !fresh.keys().any(|id| index_of(id) >= AFTER));
    assert_eq!(download(&server, KEPT).await.as_deref(), Some(b"ciphertext of a file".as_slice()));
    assert_eq!(download(&server, LOST).await, None);

    // The client that is ahead receives everything once more, tombstones too.
    let mut reader = Device::connect(&server).await;
    reader.subscribe().await;
    let before = replica.clone();
    let (received, reached) = catch_up(&mut reader, ahead, &mut replica).await;
    assert_eq!(reached, newest);
    let mut expected: Vec<RecordId> = fresh.keys().copied().chain([record(3)]).collect();
    let mut sorted = received.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    // Exactly the lost records are missing.
    let unsent: Vec<RecordId> = replica.keys().filter(|id| !received.contains(id)).copied().collect();
    let later = |id: &RecordId| index_of(id) >= LOAD + loaded;
    assert!(unsent.iter().all(later), "{unsent:?}");
    assert!(before.keys().filter(|id| later(id)).all(|id| unsent.contains(id)));
    replica.retain(|id, (_, blob)| received.contains(id) && blob.is_some());
    assert_eq!(replica, fresh);

    // Both go on: a lost record is created again, and the other client hears of it.
    let again = writer.push(&[Change::create(record(AFTER), "once more")]).await;
    assert_eq!(again.get(), newest.get() + 1);
    let event = reader.next_sync().await;
    assert_eq!(event.cursor, again);
    let (received, _) = catch_up(&mut reader, reached, &mut replica).await;
    assert_eq!(received, [record(AFTER)]);
    let fsck = other.run(&["blobs", "fsck", "--min-age", "0"]);
    if matches!(store, Store::Postgres) {
        assert_eq!(fsck.succeeded().lines(), ["1 objects, 1 files, 0 findings, 0 to be removed"]);
    }
}

fn index_of(id: &RecordId) -> u128 {
    u128::from_be_bytes(*id.as_bytes()) - u128::from_be_bytes(*record(0).as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_converge_on_restored_sqlite() {
    Box::pin(clients_converge_on_the_restored_content(Store::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_converge_on_restored_postgresql() {
    Box::pin(clients_converge_on_the_restored_content(Store::Postgres)).await;
}
