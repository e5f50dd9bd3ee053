//! Connections in use, and for how long (storage §3.4).

use std::sync::Arc;

use less_sync_core::Cursor;
use less_sync_storage::{Records as _, Spaces as _, WriteGrant};
use less_sync_storage_postgres::PostgresOptions;
use tokio::task::JoinSet;

use crate::harness::{
    Harness, LIMITS, await_sessions, begin_pull, execute, is_committed, is_unavailable, live, page, pull,
    push, sessions, space,
};

const NONE: Cursor = Cursor::ZERO;

/// R22: twenty readers that stand between two pages hold nothing: no connection is busy, no transaction open, and on
/// the smallest pool everything else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_stalled_pulls_hold_no_connection() {
    let harness =
        Harness::new(|options| PostgresOptions { max_connections: 3, page_rows: 1, ..options }).await;
    assert!(is_committed(
        &push(&harness.storage, space(1), (0..30).map(|id| live(id, NONE, 9)).collect()).await
    ));
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let state = begin_pull(&harness.storage, space(1)).await.unwrap();
        let first = page(&harness.storage, space(1), &state, state.start()).await.unwrap();
        stalled.push((state, first.next.unwrap()));
    }
    let mut db = harness.connect().await;
    assert_eq!(sessions(&mut db, "state <> 'idle'").await, 0);
    assert_eq!(sessions(&mut db, "xact_start IS NOT NULL").await, 0);
    for id in 100..300 {
        assert!(is_committed(&harness.push(space(2), id, NONE, 10).await));
        harness.storage.ping().await.unwrap();
    }
    assert!(sessions(&mut db, "true").await <= 3);
    for (state, position) in stalled {
        assert_eq!(page(&harness.storage, space(1), &state, position).await.unwrap().rows.len(), 1);
    }
    harness.end().await;
}

/// R21: readers that go away within a page give their places back at once.
#[tokio::test(flavor = "multi_thread")]
async fn pull_that_is_dropped_within_a_page_frees_its_connection() {
    let harness = Harness::new(|options| PostgresOptions { max_connections: 4, ..options }).await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 10).await));
    let state = begin_pull(&harness.storage, space(1)).await.unwrap();
    let mut intruder = harness.connect().await;
    for _ in 0..20 {
        // Pages wait for this lock, so that the readers are certainly within one.
        execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
        let mut readers = JoinSet::new();
        for _ in 0..4 {
            let storage = Arc::clone(&harness.storage);
            readers.spawn(async move { page(&storage, space(1), &state, state.start()).await });
        }
        await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
        readers.shutdown().await;
        execute(&mut intruder, "ROLLBACK").await;
        let free = page(&harness.storage, space(1), &state, state.start());
        assert_eq!(less_sync_test_support::within("a page", free).await.unwrap().rows.len(), 1);
    }
    await_sessions(&mut intruder, "state <> 'idle'", 0).await;
    assert!(sessions(&mut intruder, "true").await <= 4);
    harness.end().await;
}

/// A push whose caller goes away before its turn is withdrawn; one that was begun is carried through.
#[tokio::test(flavor = "multi_thread")]
async fn push_is_withdrawn_until_it_is_begun() {
    let harness = Harness::new(|options| options).await;
    let mut intruder = harness.connect().await;
    execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
    let (begun, queued) = (Arc::clone(&harness.storage), Arc::clone(&harness.storage));
    let begun = tokio::spawn(async move { push(&begun, space(1), vec![live(1, NONE, 1)]).await });
    await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
    // The space is busy, so this one waits in the queue.
    let queued = tokio::spawn(async move { push(&queued, space(1), vec![live(2, NONE, 1)]).await });
    for task in [&begun, &queued] {
        task.abort();
    }
    assert!(begun.await.unwrap_err().is_cancelled() && queued.await.unwrap_err().is_cancelled());
    execute(&mut intruder, "ROLLBACK").await;
    // In order behind the first, so it is over by then.
    assert!(is_committed(&harness.push(space(1), 3, NONE, 1).await));
    let ids: Vec<_> = pull(&harness.storage, space(1))
        .await
        .unwrap()
        .rows
        .iter()
        .map(|row| row.position().id[15])
        .collect();
    assert_eq!(ids, [1, 3]);
    harness.end().await;
}

/// The queue is bounded: what does not fit is rejected, and what did fit is not affected.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_beyond_the_queue_are_rejected() {
    let harness = Harness::new(|options| PostgresOptions { queue: 4, ..options }).await;
    let mut intruder = harness.connect().await;
    execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
    let mut waiting = JoinSet::new();
    let begin = |id| {
        let storage = Arc::clone(&harness.storage);
        async move { push(&storage, space(1), vec![live(id, NONE, 1)]).await }
    };
    waiting.spawn(begin(0));
    await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
    for id in 1..=12 {
        waiting.spawn(begin(id));
    }
    let mut rejected = 0;
    while rejected < 8 {
        let result = waiting.join_next().await.unwrap().unwrap();
        assert!(is_unavailable(&result), "{result:?}");
        rejected += 1;
    }
    execute(&mut intruder, "ROLLBACK").await;
    assert!(waiting.join_all().await.iter().all(is_committed));
    harness.end().await;
}

/// Without batches every push is a transaction of its own (storage §9.1, T3), and the outcomes are the same.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_do_not_share_transactions_when_batches_are_off() {
    for (batching, fewest, most) in [(false, 64, 64), (true, 1, 63)] {
        let harness = Harness::new(|options| PostgresOptions { batching, ..options }).await;
        let mut intruder = harness.connect().await;
        execute(&mut intruder, "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE").await;
        let mut pushes = JoinSet::new();
        for id in 0..64 {
            let storage = Arc::clone(&harness.storage);
            pushes.spawn(async move { push(&storage, space(1), vec![live(id, NONE, 1)]).await });
        }
        await_sessions(&mut intruder, "wait_event_type = 'Lock'", 1).await;
        execute(&mut intruder, "ROLLBACK").await;
        assert!(pushes.join_all().await.iter().all(is_committed));
        let transactions: i64 = sqlx::query_scalar("SELECT count(DISTINCT xmin::text) FROM records")
            .fetch_one(&mut intruder)
            .await
            .unwrap();
        assert!((fewest..=most).contains(&transactions), "{transactions} transactions, batching {batching}");
        harness.end().await;
    }
}

/// A push without changes says where the space is, and locks and writes nothing: not even a foreign lock matters.
#[tokio::test]
async fn push_without_changes_takes_no_lock() {
    let harness = Harness::new(|options| options).await;
    assert!(is_committed(&harness.push(space(1), 1, NONE, 1).await));
    let mut intruder = harness.connect().await;
    execute(&mut intruder, "BEGIN; SELECT 1 FROM spaces FOR UPDATE").await;
    let nothing = less_sync_storage::Push::new([], None, LIMITS).unwrap();
    let grant = WriteGrant::issue(space(1));
    assert!(is_committed(&harness.storage.push(&grant, nothing).await));
    execute(&mut intruder, "ROLLBACK").await;
    harness.end().await;
}
