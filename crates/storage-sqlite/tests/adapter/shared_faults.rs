//! Faults below operations on shared spaces: a full disk, a closed database. No operation takes effect in part, and no
//! failure is reported as a result.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{Cid, Cursor, Dek, DekKind, RecordId, SpaceId};
use less_sync_storage::{
    AdminGrant, Change, Deks as _, DiskSpace, EpochKeyRejection, EpochKeys as _, Epochs as _, KeyShares,
    ProofChain, Push, PushLimits, ReadGrant, RecordState, Records as _, Revocations as _, Rewrap,
    RewrapGuard, SpaceKind, Spaces as _, StorageError, Volume, WriteGrant,
};
use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
use tempfile::TempDir;

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const LIMITS: PushLimits = PushLimits { records: 1000, blob: 5 << 20, bytes: 1 << 26 };

struct Harness {
    _directory: TempDir,
    storage: SqliteStorage,
}

impl Harness {
    /// A shared space in a database of so many pages.
    async fn new(max_pages: u32) -> Self {
        Self::with(|path| SqliteOptions { max_pages: Some(max_pages), ..SqliteOptions::new(path) }).await
    }

    async fn with(options: impl FnOnce(PathBuf) -> SqliteOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = options(directory.path().join("sync.db"));
        let storage = SqliteStorage::open(options).unwrap();
        let kind = SpaceKind::Shared { root_public_key: [2; 33] };
        storage.create_space(SPACE, &"client".parse().unwrap(), kind, None).await.unwrap();
        Self { _directory: directory, storage }
    }

    async fn share(&self, epoch: i32, member: usize) -> Result<Option<Bytes>, StorageError> {
        self.storage
            .epoch_key(
                &ReadGrant::issue_shared(SPACE, chain()),
                epoch.into(),
                &did(member).try_into().unwrap(),
            )
            .await
    }
}

fn chain() -> ProofChain {
    ProofChain::new(&[Cid::from_bytes([1; 32])]).unwrap()
}

fn admin() -> AdminGrant {
    AdminGrant::issue_shared(SPACE, chain())
}

fn did(member: usize) -> String {
    format!("did:key:{member}")
}

fn shares(members: usize, key: &[u8]) -> KeyShares {
    KeyShares::new((0..members).map(|member| (did(member), Bytes::copy_from_slice(key))).collect()).unwrap()
}

/// G-07: a put that does not fit on the disk leaves the old set of shares, whole.
#[tokio::test]
async fn put_that_fails_leaves_the_old_shares() {
    let harness = Harness::new(150).await;
    harness.storage.put_epoch_keys(&admin(), 2.into(), shares(20, b"old")).await.unwrap();
    let rejected = harness.storage.put_epoch_keys(&admin(), 2.into(), shares(1000, &[7; 2048])).await;
    assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    for member in 0..20 {
        assert_eq!(harness.share(2, member).await.unwrap().as_deref(), Some(&b"old"[..]));
    }
    assert_eq!(harness.share(2, 20).await.unwrap(), None);
    harness.storage.put_epoch_keys(&admin(), 2.into(), shares(1, b"new")).await.unwrap();
    assert_eq!(harness.share(2, 0).await.unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(harness.share(2, 1).await.unwrap(), None);
    harness.storage.close().await;
}

/// Disk without any room.
#[derive(Debug)]
struct FullDisk;

impl Volume for FullDisk {
    fn space(&self) -> std::io::Result<DiskSpace> {
        Ok(DiskSpace { free: 0, total: 20 << 30 })
    }
}

/// Storage §8: below the reserve of the disk tokens can be revoked, and no key shares are stored.
#[tokio::test]
async fn disk_at_its_reserve_takes_revocations_and_no_shares() {
    let volume = || Some(Arc::new(FullDisk) as Arc<dyn Volume>);
    let harness = Harness::with(|path| SqliteOptions { volume: volume(), ..SqliteOptions::new(path) }).await;
    let rejected = harness.storage.put_epoch_keys(&admin(), 1.into(), shares(1, b"key")).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(EpochKeyRejection::StoreFull))), "{rejected:?}");
    assert_eq!(harness.share(1, 0).await.unwrap(), None);
    harness.storage.revoke(&admin(), Cid::from_bytes([3; 32])).await.unwrap();
    assert!(harness.storage.is_revoked(SPACE, Cid::from_bytes([3; 32])).await.unwrap());
    harness.storage.close().await;
}

/// G-06: a closed database reports failures, neither a missing share nor a missing revocation.
#[tokio::test]
async fn closed_database_is_unavailable() {
    let harness = Harness::new(1000).await;
    harness.storage.close().await;
    let share = harness.share(1, 0).await;
    assert!(matches!(share, Err(StorageError::Unavailable(_))), "{share:?}");
    for rejected in [
        harness.storage.is_revoked(SPACE, Cid::from_bytes([1; 32])).await.map(drop),
        harness.storage.any_revoked(SPACE, chain().cids()).await.map(drop),
        harness.storage.space_state(&ReadGrant::issue_shared(SPACE, chain())).await.map(drop),
        harness.storage.revoke(&admin(), Cid::from_bytes([1; 32])).await,
    ] {
        assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
    }
    let rejected = harness.storage.complete_rewrap(&admin(), 2.into()).await;
    assert!(matches!(rejected, Err(StorageError::Unavailable(_))), "{rejected:?}");
}

/// A rewrap that meets a broken row has changed no other, although it writes past the statements.
#[tokio::test]
async fn rewrap_that_fails_while_it_writes_changes_nothing() {
    let harness = Harness::new(1000).await;
    let key = |fill: u8| {
        let mut bytes = [fill; Dek::LENGTH];
        bytes[..4].copy_from_slice(&1_u32.to_be_bytes());
        Dek::try_from(&bytes[..]).unwrap()
    };
    let state = RecordState::Live { blob: Bytes::from_static(b"blob"), dek: Some(key(1)) };
    let id = |number: u8| RecordId::from_bytes([number; 16]);
    let changes =
        [1, 2].map(|number| Change { id: id(number), expected: Cursor::ZERO, state: state.clone() });
    let push = Push::new(changes, None, LIMITS).unwrap();
    harness.storage.push(&WriteGrant::issue_shared(SPACE, chain()), push).await.unwrap();
    let vandal = rusqlite::Connection::open(harness.storage.path()).unwrap();
    vandal.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    vandal.execute("UPDATE records SET wrapped_dek = x'00000001' WHERE id = ?1", [[2_u8; 16]]).unwrap();
    let entries = [1, 2].map(|number| Rewrap { id: id(number).into(), dek: key(2), observed: None }).to_vec();
    let rejected = harness.storage.rewrap_deks(&admin(), DekKind::Record, entries, RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Database(_))), "{rejected:?}");
    let stored: Vec<u8> = vandal
        .query_row("SELECT wrapped_dek FROM records WHERE id = ?1", [[1_u8; 16]], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, key(1).as_bytes());
    harness.storage.close().await;
}
