//! Shared spaces, as far as pushes and pulls know them: the chain of the caller is looked up by the statement that reads
//! or writes (storage T12), and a pull brings rows of three kinds.

use less_sync_core::{Cid, Cursor, SpaceId};
use less_sync_storage::{
    Change, CursorAhead, ProofChain, PullError, PullRequest, PullState, Push, PushError, Pushed, ReadGrant,
    Records as _, Row, SpaceKind, Spaces as _, StorageError, WriteGrant,
};
use less_sync_storage_postgres::PostgresOptions;

use crate::harness::{Harness, LIMITS, cursor, execute, is_committed, live, space};

const NONE: Cursor = Cursor::ZERO;

/// A chain of two tokens, numbered.
fn chain(number: u8) -> ProofChain {
    ProofChain::new(&[Cid::from_bytes([number; 32]), Cid::from_bytes([number + 100; 32])]).unwrap()
}

async fn shared_space(harness: &Harness) -> SpaceId {
    let kind = SpaceKind::Shared { root_public_key: [2; 33] };
    harness.storage.create_space(space(100), &"client".parse().unwrap(), kind, None).await.unwrap().id
}

async fn push(harness: &Harness, grant: &WriteGrant, changes: Vec<Change>) -> Result<Pushed, PushError> {
    harness.storage.push(grant, Push::new(changes, None, LIMITS).unwrap()).await
}

async fn begin(harness: &Harness, grant: &ReadGrant) -> Result<PullState, PullError> {
    let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
    Ok(harness.storage.begin_pull(grant, request).await?.0)
}

/// Pushes that go by each of the ways there are: nothing, one change, several, more than a statement takes.
fn ways(first: u64) -> [Vec<Change>; 4] {
    [0, 1, 2, 2500].map(|count| (first..first + count).map(|id| live(id, NONE, 1)).collect())
}

/// R27, storage T12: a chain with a revoked token is rejected on every way, another one is not, and nothing is written.
#[tokio::test]
async fn revoked_chain_neither_reads_nor_writes() {
    let harness = Harness::new(|options| options).await;
    let id = shared_space(&harness).await;
    sqlx::query("INSERT INTO revocations (space_id, ucan_cid) VALUES ($1, $2), ($3, $4)")
        .bind(id.as_uuid())
        .bind(Cid::from_bytes([101; 32]).to_hex())
        .bind(space(1).as_uuid())
        .bind(Cid::from_bytes([2; 32]).to_hex())
        .execute(&mut harness.connect().await)
        .await
        .unwrap();
    for changes in ways(0) {
        let rejected = push(&harness, &WriteGrant::issue_shared(id, chain(1)), changes).await;
        assert!(matches!(rejected, Err(StorageError::Revoked)), "{rejected:?}");
    }
    let rejected = begin(&harness, &ReadGrant::issue_shared(id, chain(1))).await;
    assert!(matches!(rejected, Err(StorageError::Revoked)), "{rejected:?}");
    // Revoked elsewhere is not revoked here.
    for (way, first) in (0_usize..4).zip((0..).step_by(10_000)) {
        let changes = ways(first)[way].clone();
        assert!(is_committed(&push(&harness, &WriteGrant::issue_shared(id, chain(2)), changes).await));
    }
    assert_eq!(begin(&harness, &ReadGrant::issue_shared(id, chain(2))).await.unwrap().cursor, cursor(3));
    harness.end().await;
}

/// Storage §3.2: a token does not open a space with a root key, nor a chain one without.
#[tokio::test]
async fn access_of_the_wrong_kind_is_rejected() {
    let harness = Harness::new(|options| options).await;
    let id = shared_space(&harness).await;
    let wrong_writes = [WriteGrant::issue(id), WriteGrant::issue_shared(space(1), chain(1))];
    for grant in wrong_writes {
        for changes in ways(0) {
            let rejected = push(&harness, &grant, changes).await;
            assert!(matches!(rejected, Err(StorageError::SpaceKindMismatch)), "{rejected:?}");
        }
    }
    for grant in [ReadGrant::issue(id), ReadGrant::issue_shared(space(1), chain(1))] {
        let rejected = begin(&harness, &grant).await;
        assert!(matches!(rejected, Err(StorageError::SpaceKindMismatch)), "{rejected:?}");
    }
    harness.end().await;
}

/// "record, membership, file in cursor order with epoch meta", whatever the size of a page; the first sync leaves dead
/// records and files out.
#[tokio::test]
async fn pull_brings_rows_of_three_kinds_in_order() {
    for page_rows in [1, 2, 3, 100] {
        let harness = Harness::new(|options| PostgresOptions { page_rows, ..options }).await;
        assert!(is_committed(&harness.push(space(1), 0, NONE, 3).await));
        execute(&mut harness.connect().await, OTHER_KINDS).await;
        let all = [(2, 1), (3, 2), (3, 2), (4, 1), (5, 0), (5, 2)];
        assert_eq!(rows(&harness, 0).await, all[..5]);
        assert_eq!(rows(&harness, 1).await, all);
        assert_eq!(rows(&harness, 3).await, all[3..]);
        assert_eq!(rows(&harness, 4).await, all[4..]);
        harness.end().await;
    }
}

/// Two files of the record with the least and the greatest id there is, one of which dies; two membership entries.
const OTHER_KINDS: &str = "
    INSERT INTO members (space_id, chain_seq, prev_hash, entry_hash, payload, cursor)
        SELECT id, 1, NULL::bytea, sha256('one'), 'one'::bytea, 2 FROM spaces WHERE id = '01010101-0101-0101-0101-010101010101'
        UNION ALL
        SELECT id, 2, sha256('one'), sha256('two'), 'two'::bytea, 4 FROM spaces WHERE id = '01010101-0101-0101-0101-010101010101';
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor)
        SELECT space_id, file, 7, decode(repeat('00', 44), 'hex'), id, 3
        FROM records, unnest(ARRAY['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']::uuid[]) AS file;
    INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor, deleted)
        SELECT space_id, '77777777-7777-7777-7777-777777777777', 0, '', id, 5, true FROM records;
    UPDATE records SET cursor = 5;
    UPDATE spaces SET cursor = 5, metadata_version = 2, members_bytes = 2 * (3 + 128)
    WHERE id = '01010101-0101-0101-0101-010101010101'";

/// Cursor and rank of every row above `since`, page by page.
async fn rows(harness: &Harness, since: u64) -> Vec<(u64, u8)> {
    let grant = ReadGrant::issue(space(1));
    let request = PullRequest { since: cursor(since), ahead: CursorAhead::Error };
    let (state, mut page) = harness.storage.begin_pull(&grant, request).await.unwrap();
    let mut rows = Vec::new();
    loop {
        rows.extend(page.rows.iter().map(Row::position).map(|at| (at.cursor.get(), at.rank)));
        let Some(from) = page.next else { return rows };
        page = harness.storage.pull_page(&grant, &state, from).await.unwrap();
    }
}
