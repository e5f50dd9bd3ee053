//! Faults below the adapter: full disks, foreign locks, broken rows. None of them panics, and transient ones are reported
//! as unavailable.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{Cursor, ErrorChain, InvitationId, MailboxId, RecordId, SpaceId};
use less_sync_storage::{
    Change, CursorAhead, DiskSpace, INVITATION_LIFETIME, InvitationRejection, Invitations as _,
    MailboxLimits, NewInvitation, PullError, PullPage, PullRequest, Push, PushError, PushLimits,
    PushRejection, Pushed, ReadGrant, Record, RecordState, Records as _, Row, Spaces as _, StorageError,
    Volume, WriteGrant,
};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinSet;

const LIMITS: PushLimits = PushLimits { records: 1000, blob: 5 << 20, bytes: 1 << 26 };

struct Harness {
    directory: TempDir,
    storage: Arc<SqliteStorage>,
}

impl Harness {
    async fn new(options: impl FnOnce(PathBuf) -> SqliteOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(options(directory.path().join("sync.db"))).unwrap();
        for number in 1..=9 {
            storage.personal_space(space(number), &"client".parse().unwrap(), None).await.unwrap();
        }
        Self { directory, storage: Arc::new(storage) }
    }

    /// A connection past the adapter.
    fn connect(&self) -> Connection {
        Connection::open(self.directory.path().join("sync.db")).unwrap()
    }

    async fn push(
        &self,
        space: SpaceId,
        id: u8,
        expected: Cursor,
        bytes: usize,
    ) -> Result<Pushed, PushError> {
        push(&self.storage, space, id, expected, live(bytes)).await
    }

    /// The first page of everything in a space.
    async fn pull(&self, space: SpaceId) -> Result<PullPage, PullError> {
        let grant = ReadGrant::issue(space);
        let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
        Ok(self.storage.begin_pull(&grant, request).await?.1)
    }
}

async fn push(
    storage: &SqliteStorage,
    space: SpaceId,
    id: u8,
    expected: Cursor,
    state: RecordState,
) -> Result<Pushed, PushError> {
    let change = Change { id: RecordId::from_bytes([id; 16]), expected, state };
    storage.push(&WriteGrant::issue(space), Push::new([change], None, LIMITS).unwrap()).await
}

fn live(bytes: usize) -> RecordState {
    RecordState::Live { blob: Bytes::from(vec![0xab; bytes]), dek: None }
}

fn space(number: u8) -> SpaceId {
    SpaceId::from_bytes([number; 16])
}

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

fn is_committed(pushed: &Result<Pushed, PushError>) -> bool {
    matches!(pushed, Ok(Pushed::Committed { .. }))
}

/// A full disk rejects what does not fit, keeps what it has, and takes pushes again once there is room.
#[tokio::test]
async fn full_disk_is_unavailable_and_recovers() {
    let harness =
        Harness::new(|path| SqliteOptions { max_pages: Some(400), ..SqliteOptions::new(path) }).await;
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, 1 << 20).await));
    let rejected = harness.push(space(1), 2, Cursor::ZERO, 1 << 20).await;
    assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    harness.storage.ping().await.unwrap();
    let page = harness.pull(space(1)).await.unwrap();
    let kept = Record { id: RecordId::from_bytes([1; 16]), cursor: cursor(1), state: live(1 << 20) };
    assert_eq!(page.rows, [Row::Record(kept)]);

    let deleted = push(&harness.storage, space(1), 1, cursor(1), RecordState::Tombstone).await;
    assert!(is_committed(&deleted), "{deleted:?}");
    let accepted = harness.push(space(1), 2, Cursor::ZERO, 1 << 20).await;
    assert!(matches!(accepted, Ok(Pushed::Committed { cursor: at, .. }) if at == cursor(3)), "{accepted:?}");
    harness.storage.close().await;
}

/// Free space of a disk of 20 GiB, set by the test.
#[derive(Debug, Default)]
struct FreeSpace(AtomicU64);

impl Volume for FreeSpace {
    fn space(&self) -> std::io::Result<DiskSpace> {
        Ok(DiskSpace { free: self.0.load(Ordering::SeqCst), total: 20 << 30 })
    }
}

/// Storage §8: below the reserve of the disk records can be deleted, and nothing else is written.
#[tokio::test]
async fn disk_at_its_reserve_takes_deletions_only() {
    let disk = Arc::new(FreeSpace(AtomicU64::new(2 << 30)));
    let volume: Arc<dyn Volume> = disk.clone();
    let harness =
        Harness::new(|path| SqliteOptions { volume: Some(volume), ..SqliteOptions::new(path) }).await;
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, 2 << 20).await));
    disk.0.store((1 << 30) - 1, Ordering::SeqCst);
    for (record, expected) in [(2, Cursor::ZERO), (1, cursor(1))] {
        let rejected = harness.push(space(1), record, expected, 2 << 20).await;
        assert!(matches!(rejected, Err(StorageError::Rejected(PushRejection::StoreFull))), "{rejected:?}");
    }
    let created_dead = push(&harness.storage, space(1), 2, Cursor::ZERO, RecordState::Tombstone).await;
    assert!(
        matches!(created_dead, Err(StorageError::Rejected(PushRejection::StoreFull))),
        "{created_dead:?}"
    );
    let invitation = || NewInvitation {
        id: InvitationId::from_bytes([3; 16]),
        payload: Bytes::from(vec![7; 1 << 17]),
        origin_peer: None,
    };
    let (mailbox, lifetime) = (MailboxId::from_bytes([2; 32]), INVITATION_LIFETIME);
    let limits = MailboxLimits { invitations: 10, from_one_peer: 10, lifetime };
    let invited = harness.storage.create_invitation(mailbox, invitation(), limits).await;
    assert!(matches!(invited, Err(StorageError::Rejected(InvitationRejection::StoreFull))), "{invited:?}");
    let deleted = push(&harness.storage, space(1), 1, cursor(1), RecordState::Tombstone).await;
    assert!(is_committed(&deleted), "{deleted:?}");
    disk.0.store(1 << 30, Ordering::SeqCst);
    assert!(is_committed(&harness.push(space(1), 2, Cursor::ZERO, 2 << 20).await));
    harness.storage.create_invitation(mailbox, invitation(), limits).await.unwrap();
    harness.storage.close().await;
}

/// File system that the kernel makes read-only, as after an error of its disk.
#[derive(Debug, Default)]
struct Remounted(AtomicBool);

impl Volume for Remounted {
    fn space(&self) -> std::io::Result<DiskSpace> {
        Ok(DiskSpace { free: 10 << 30, total: 20 << 30 })
    }

    fn is_read_only(&self) -> std::io::Result<bool> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// Http §4: the health check fails before a client meets the fault.
#[tokio::test]
async fn read_only_file_system_fails_the_health_check() {
    let disk = Arc::<Remounted>::default();
    let volume: Arc<dyn Volume> = disk.clone();
    let harness =
        Harness::new(|path| SqliteOptions { volume: Some(volume), ..SqliteOptions::new(path) }).await;
    harness.storage.ping().await.unwrap();
    disk.0.store(true, Ordering::SeqCst);
    let failed = harness.storage.ping().await.unwrap_err();
    assert!(matches!(failed, StorageError::Unavailable(_)));
    assert!(ErrorChain(&failed).to_string().ends_with("file system of the database is read-only"));
    disk.0.store(false, Ordering::SeqCst);
    harness.storage.ping().await.unwrap();
    harness.storage.close().await;
}

/// R26: a push that does not fit on the disk does not affect the other pushes of its batch.
#[tokio::test(flavor = "multi_thread")]
async fn push_that_does_not_fit_fails_alone() {
    let harness =
        Harness::new(|path| SqliteOptions { max_pages: Some(400), ..SqliteOptions::new(path) }).await;
    for round in 0..20 {
        let mut tasks = JoinSet::new();
        for number in 1..=9 {
            let storage = Arc::clone(&harness.storage);
            let bytes = if number == 5 { 4 << 20 } else { 100 };
            tasks.spawn(async move {
                let pushed = push(&storage, space(number), round, Cursor::ZERO, live(bytes)).await;
                (number, pushed)
            });
        }
        for (number, pushed) in tasks.join_all().await {
            match number {
                5 => assert!(matches!(pushed, Err(StorageError::Unavailable(_))), "{pushed:?}"),
                _ => assert!(is_committed(&pushed), "round {round}, space {number}: {pushed:?}"),
            }
        }
    }
    for space in harness.storage.spaces(&(1..=9).map(space).collect::<Vec<_>>()).await.unwrap() {
        let expected = if space.id == self::space(5) { 0 } else { 20 };
        assert_eq!(space.cursor, cursor(expected));
    }
    harness.storage.close().await;
}

/// Another process holds the write lock: unavailable for the busy timeout of five seconds, then available again.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_write_lock_is_unavailable_and_passes() {
    let harness = Harness::new(SqliteOptions::new).await;
    let intruder = harness.connect();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let rejected = harness.push(space(1), 1, Cursor::ZERO, 10).await;
    assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    // Readers are not concerned.
    assert_eq!(harness.pull(space(1)).await.unwrap().rows, []);
    harness.storage.ping().await.unwrap();
    intruder.execute_batch("ROLLBACK").unwrap();
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, 10).await));
    harness.storage.close().await;
}

/// A foreign reader keeps the log from being moved, and nothing else.
#[tokio::test]
async fn foreign_reader_delays_the_checkpoint_only() {
    let harness = Harness::new(SqliteOptions::new).await;
    let reader = harness.connect();
    reader.execute_batch("BEGIN; SELECT count(*) FROM spaces").unwrap();
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, 10_000).await));
    let delayed = harness.storage.checkpoint().await.unwrap();
    assert!(delayed.moved_pages < delayed.log_pages, "{delayed:?}");
    reader.execute_batch("COMMIT").unwrap();
    let done = harness.storage.checkpoint().await.unwrap();
    assert_eq!(done.moved_pages, done.log_pages);
    harness.storage.close().await;
}

/// The pages of a log that has grown are moved into the database file without a call, beside the writer.
#[tokio::test]
async fn large_log_is_moved_into_the_database_beside_the_writer() {
    const BYTES: usize = 5 << 20;
    let harness = Harness::new(SqliteOptions::new).await;
    assert!(is_committed(&harness.push(space(1), 1, Cursor::ZERO, BYTES).await));
    let moved = async {
        while harness.storage.path().metadata().unwrap().len() < BYTES as u64 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), moved).await.unwrap();
    assert!(is_committed(&harness.push(space(1), 2, Cursor::ZERO, 10).await));
    harness.storage.close().await;
}

/// Rows that no statement of ours can have written are an error of the database, for those who meet them.
#[tokio::test]
async fn broken_rows_are_database_errors_and_affect_no_other_operation() {
    let harness = Harness::new(SqliteOptions::new).await;
    for number in 1..=4 {
        assert!(is_committed(&harness.push(space(number), 1, Cursor::ZERO, 10).await));
    }
    let vandal = harness.connect();
    vandal.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    let break_row = |sql: &str, number: u8| assert_eq!(vandal.execute(sql, [[number; 16]]).unwrap(), 1);
    break_row("UPDATE spaces SET cursor = -1 WHERE id = ?1", 1);
    break_row("UPDATE spaces SET key_generation = 0 WHERE id = ?1", 2);
    break_row("UPDATE records SET wrapped_dek = x'00' WHERE space_id = ?1", 3);

    for number in [1, 2] {
        let pushed = harness.push(space(number), 2, Cursor::ZERO, 10).await;
        assert!(matches!(pushed, Err(StorageError::Database(_))), "{pushed:?}");
    }
    for number in [1, 2, 3] {
        let pulled = harness.pull(space(number)).await;
        assert!(matches!(pulled, Err(StorageError::Database(_))), "{pulled:?}");
    }
    assert!(is_committed(&harness.push(space(4), 2, Cursor::ZERO, 10).await));
    assert_eq!(harness.pull(space(4)).await.unwrap().rows.len(), 2);
    harness.storage.close().await;
}

/// Pushes that race with the end either happened, and are there afterwards, or were rejected, and are not.
#[tokio::test(flavor = "multi_thread")]
async fn closing_finishes_what_has_queued_and_rejects_the_rest() {
    let harness = Harness::new(SqliteOptions::new).await;
    let mut pushes = JoinSet::new();
    for number in 1..=9 {
        let storage = Arc::clone(&harness.storage);
        pushes.spawn(async move {
            let mut committed = 0;
            for id in 0..=u8::MAX {
                match push(&storage, space(number), id, Cursor::ZERO, live(100)).await {
                    Ok(Pushed::Committed { .. }) => committed += 1,
                    Err(StorageError::Unavailable(_)) => break,
                    other => panic!("{other:?}"),
                }
            }
            (space(number), committed)
        });
    }
    let under_way = harness.push(space(1), 0xff, Cursor::ZERO, 10).await;
    assert!(is_committed(&under_way));
    tokio::join!(harness.storage.close(), harness.storage.close());
    for rejected in [harness.storage.ping().await, harness.storage.checkpoint().await.map(drop)] {
        assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    }
    let rejected = harness.pull(space(1)).await;
    assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    let acknowledged = pushes.join_all().await;
    let storage = SqliteStorage::open(SqliteOptions::new(harness.storage.path())).unwrap();
    for (id, committed) in acknowledged {
        let extra = u64::from(id == space(1));
        assert_eq!(storage.spaces(&[id]).await.unwrap()[0].cursor, cursor(committed + extra));
    }
    storage.close().await;
}
