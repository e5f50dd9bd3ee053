//! Races of shared spaces between servers, and against locks that are held at the moment that matters (storage §6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use less_sync_core::{Cid, Cursor, Dek, DekKind, Requested, SpaceId};
use less_sync_storage::{
    AdminGrant, CursorAhead, Deks as _, EpochKeys as _, Epochs as _, KeyShares, MemberLimits, Members as _,
    MembershipError, NewMember, ProofChain, PullRequest, Push, Pushed, ReadGrant, Records as _,
    Revocations as _, Rewrap, RewrapGuard, SpaceKind, Spaces as _, StorageError, WriteGrant,
};
use less_sync_storage_postgres::PostgresStorage;
use less_sync_test_support::within;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::harness::{Harness, LIMITS, await_sessions, execute, live, options, record, tombstone};

const NONE: Cursor = Cursor::ZERO;

/// A push of so many changes takes a transaction of several statements.
const BIG: u64 = 2_100;

/// Operations that need a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    PushOne,
    PushTwo,
    PushMany,
    Append,
    Advance,
    Rewrap,
    PutKeys,
    BeginPull,
    LookAtMembers,
}

/// Operations that take the lock of the space.
const WRITES: [Operation; 7] = [
    Operation::PushOne,
    Operation::PushTwo,
    Operation::PushMany,
    Operation::Append,
    Operation::Advance,
    Operation::Rewrap,
    Operation::PutKeys,
];

/// The error of any operation; a rejection is what it prints.
type AnyError = StorageError<String>;

fn any<T, R: std::fmt::Debug>(outcome: Result<T, StorageError<R>>) -> Result<(), AnyError> {
    let outcome = outcome.map_err(|error| error.map_rejected(|rejection| format!("{rejection:?}")));
    outcome.map(drop)
}

/// Does it, with the chain, for the nth time. None of them depends on what another has done.
async fn attempt(
    storage: &PostgresStorage,
    space: SpaceId,
    chain: &ProofChain,
    operation: Operation,
    nth: u64,
) -> Result<(), AnyError> {
    let read = ReadGrant::issue_shared(space, chain.clone());
    let admin = AdminGrant::issue_shared(space, chain.clone());
    let push = |changes: u64| {
        let ids = (0..changes).map(|number| live(nth << 32 | changes << 16 | number, NONE, 4));
        let grant = WriteGrant::issue_shared(space, chain.clone());
        let push = Push::new(ids.collect::<Vec<_>>(), None, LIMITS).unwrap();
        async move { any(storage.push(&grant, push).await) }
    };
    match operation {
        Operation::PushOne => push(1).await,
        Operation::PushTwo => push(2).await,
        Operation::PushMany => push(BIG).await,
        Operation::Append => any(append(storage, &read).await),
        Operation::Advance => any(storage.advance_epoch(&admin, 7.into(), true).await),
        Operation::Rewrap => {
            let entries = vec![Rewrap { id: record(0).into(), dek: dek(), observed: None }];
            any(storage.rewrap_deks(&admin, DekKind::Record, entries, RewrapGuard::Off).await)
        }
        Operation::PutKeys => {
            let shares = KeyShares::new(vec![("did".to_owned(), Bytes::from_static(b"key"))]).unwrap();
            any(storage.put_epoch_keys(&admin, 1.into(), shares).await)
        }
        Operation::BeginPull => {
            let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
            any(storage.begin_pull(&read, request).await)
        }
        Operation::LookAtMembers => any(storage.members_head(&read).await),
    }
}

async fn append(storage: &PostgresStorage, grant: &ReadGrant) -> Result<(), MembershipError> {
    let head = storage.members_head(grant).await.map_err(StorageError::widen)?;
    // SHA-256 of "abc".
    let hash = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
        0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];
    let entry = NewMember::new(head.last.map(|(_, hash)| hash), hash, Bytes::from_static(b"abc")).unwrap();
    let limits = MemberLimits { payload: 100, log: 1 << 30 };
    storage.append_member(grant, Requested::of(head.metadata_version), entry, limits).await.map(drop)
}

fn dek() -> Dek {
    Dek::try_from(&[[0, 0, 0, 1].as_slice(), &[7; 40]].concat()[..]).unwrap()
}

fn cid(number: u64) -> Cid {
    let mut bytes = [0xab; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Cid::from_bytes(bytes)
}

/// A chain that has this cid in the middle of it.
fn chain(number: u64) -> ProofChain {
    ProofChain::new(&[cid(1 << 60), cid(number), cid(1 << 61)]).unwrap()
}

/// Grant with the chain that is never revoked.
async fn revoke(storage: &PostgresStorage, space: SpaceId, number: u64) -> Result<(), StorageError> {
    let owner = AdminGrant::issue_shared(space, ProofChain::new(&[cid(1 << 62)]).unwrap());
    storage.revoke(&owner, cid(number)).await
}

/// A shared space with record 0 in it, and two servers.
async fn fixture() -> (Harness, SpaceId, [Arc<PostgresStorage>; 2]) {
    let harness = Harness::new(|options| options).await;
    let other = PostgresStorage::open(options(&harness.database)).await.unwrap();
    let servers = [Arc::clone(&harness.storage), Arc::new(other)];
    let space = SpaceId::from_bytes([0xcc; 16]);
    harness
        .storage
        .create_space(space, &"client".parse().unwrap(), SpaceKind::Shared { root_public_key: [2; 33] }, None)
        .await
        .unwrap();
    let grant = WriteGrant::issue_shared(space, chain(0));
    let first = Push::new(vec![live(0, NONE, 4)], None, LIMITS).unwrap();
    harness.storage.push(&grant, first).await.unwrap();
    (harness, space, servers)
}

async fn cursor(harness: &Harness, space: SpaceId) -> Cursor {
    harness.storage.spaces(&[space]).await.unwrap().first().unwrap().cursor
}

/// T12 and R17: a writer waits for the lock of the space when its chain is revoked on the other server. The revocation
/// does not wait, and the writer, which has asked before, is rejected when it gets the lock: it looks the chain up against
/// what was committed before that.
#[tokio::test(flavor = "multi_thread")]
async fn chain_that_is_revoked_while_its_bearer_waits_for_the_lock_is_rejected() {
    let (harness, space, servers) = fixture().await;
    let before = cursor(&harness, space).await;
    let mut intruder = harness.connect().await;
    let mut observer = harness.connect().await;
    for round in 0..30 {
        for (operation, number) in WRITES.into_iter().zip(round * 16 + 1..) {
            let mut lock = intruder.begin().await.unwrap();
            hold(&mut lock, space).await;
            let (writer, chain) = (Arc::clone(&servers[0]), chain(number));
            let waiting =
                tokio::spawn(async move { attempt(&writer, space, &chain, operation, number).await });
            await_sessions(&mut observer, "wait_event_type = 'Lock'", 1).await;
            let revocation = revoke(&servers[1], space, number);
            within("a revocation while the space is locked", revocation).await.unwrap();
            lock.rollback().await.unwrap();
            let rejected = waiting.await.unwrap();
            assert!(matches!(rejected, Err(StorageError::Revoked)), "{operation:?}: {rejected:?}");
        }
    }
    assert_eq!(cursor(&harness, space).await, before);
    servers[1].close().await;
    harness.end().await;
}

/// Locks the space as a push does.
async fn hold(db: &mut PgConnection, space: SpaceId) {
    let sql = "SELECT 1 FROM spaces WHERE id = $1 FOR NO KEY UPDATE";
    sqlx::query(sql).bind(space.as_uuid()).execute(db).await.unwrap();
}

/// R17: a revocation goes through while a push that holds the lock of the space is stuck in the middle of its writes.
#[tokio::test(flavor = "multi_thread")]
async fn revocation_does_not_wait_for_a_long_push() {
    let (harness, space, servers) = fixture().await;
    let mut intruder = harness.connect().await;
    let mut observer = harness.connect().await;
    let bearer = WriteGrant::issue_shared(space, chain(1));
    for round in 0..200 {
        execute(&mut intruder, "BEGIN; LOCK TABLE records IN ROW EXCLUSIVE MODE").await;
        let sql = "SELECT 1 FROM records WHERE space_id = $1 FOR UPDATE";
        sqlx::query(sql).bind(space.as_uuid()).execute(&mut intruder).await.unwrap();
        let (writer, grant, at) = (Arc::clone(&servers[0]), bearer.clone(), cursor(&harness, space).await);
        let mut changes = vec![live(0, at, 5)];
        if round > 0 {
            changes.extend([tombstone(round, at), live(round + 1, NONE, 4)]);
        } else {
            changes.push(live(1, NONE, 4));
        }
        let push = Push::new(changes, None, LIMITS).unwrap();
        let pushing = tokio::spawn(async move { writer.push(&grant, push).await });
        await_sessions(&mut observer, "wait_event_type = 'Lock'", 1).await;
        // Of its own chain in the end, which it had looked up before.
        let number = if round == 199 { 1 } else { 1000 + round };
        within("a revocation during a push", revoke(&servers[1], space, number)).await.unwrap();
        assert!(!pushing.is_finished());
        execute(&mut intruder, "ROLLBACK").await;
        let pushed = pushing.await.unwrap();
        assert!(matches!(pushed, Ok(Pushed::Committed { .. })), "{round}: {pushed:?}");
    }
    let late = attempt(&servers[0], space, &chain(1), Operation::PushOne, 1).await;
    assert!(matches!(late, Err(StorageError::Revoked)), "{late:?}");
    servers[1].close().await;
    harness.end().await;
}

/// R27: a chain is revoked on one server while its bearer is busy on the other. What starts after the revocation has
/// committed is rejected, whatever it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn operations_after_a_revocation_on_another_server_are_rejected() {
    let (harness, space, servers) = fixture().await;
    for round in 1..=200_u64 {
        let revoked = Arc::new(AtomicBool::new(false));
        let deeds = [
            Operation::PushOne,
            Operation::PushTwo,
            Operation::BeginPull,
            Operation::LookAtMembers,
            WRITES[(round % 7) as usize],
        ];
        let mut bearers = JoinSet::new();
        for (number, operation) in deeds.into_iter().enumerate() {
            let (storage, revoked, chain) = (Arc::clone(&servers[1]), Arc::clone(&revoked), chain(round));
            bearers.spawn(async move {
                for nth in round << 8 | (number as u64) << 5.. {
                    let late = revoked.load(Ordering::SeqCst);
                    match attempt(&storage, space, &chain, operation, nth).await {
                        Ok(()) => {}
                        Err(StorageError::Rejected(rejection)) if rejection == "VersionConflict" => {}
                        Err(StorageError::Revoked) => return,
                        Err(other) => panic!("round {round}: {operation:?}: {other:?}"),
                    }
                    assert!(!late, "round {round}: {operation:?} got in after the revocation");
                }
            });
        }
        revoke(&servers[0], space, round).await.unwrap();
        revoked.store(true, Ordering::SeqCst);
        within("the end of the bearers", bearers.join_all()).await;
    }
    servers[1].close().await;
    harness.end().await;
}
