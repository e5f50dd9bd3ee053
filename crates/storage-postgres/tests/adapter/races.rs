//! Races beyond those of the conformance suite: several servers on one database, batches, and locks of others
//! (storage §6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{Change, PushError, Pushed};
use less_sync_storage_postgres::PostgresStorage;
use less_sync_test_support::within;
use sqlx::Connection as _;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::harness::{
    Harness, await_sessions, cursor, execute, is_committed, live, options, pull, push, record, space,
    tombstone,
};

const NONE: Cursor = Cursor::ZERO;

/// Two servers on one database: what one of them serialises in its queue, the other one does not know of.
async fn two_servers() -> (Harness, [Arc<PostgresStorage>; 2]) {
    let harness = Harness::new(|options| options).await;
    let other = PostgresStorage::open(options(&harness.database)).await.unwrap();
    let both = [Arc::clone(&harness.storage), Arc::new(other)];
    (harness, both)
}

/// Runs `act` for callers 0 to `callers` − 1 at the same moment, each on the server of its turn.
async fn together<T, F>(
    servers: &[Arc<PostgresStorage>; 2],
    callers: u64,
    act: impl Fn(u64, Arc<PostgresStorage>) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(usize::try_from(callers).unwrap()));
    let mut tasks = JoinSet::new();
    for (caller, server) in (0..callers).zip(servers.iter().cycle()) {
        let (start, act) = (Arc::clone(&start), act(caller, Arc::clone(server)));
        tasks.spawn(async move {
            start.wait().await;
            (caller, act.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(caller, _)| *caller);
    results.into_iter().map(|(_, result)| result).collect()
}

/// P12 and the snapshot trap: writers of two servers update one record from the same cursor, thousands of times over;
/// exactly one wins each time. Half of them push a second record as well, which takes the other function.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousands_of_races_between_servers_have_one_winner_each() {
    let (harness, servers) = two_servers().await;
    assert!(is_committed(&push(&harness.storage, space(1), vec![live(1, NONE, 1)]).await));
    for round in 1..=3000 {
        let (at, fresh) = (cursor(round), 1 << 32 | round << 8);
        let results = together(&servers, 4, |caller, server| async move {
            let mut changes = vec![live(1, at, 16)];
            changes.extend((caller >= 2).then(|| live(fresh | caller, NONE, 1)));
            push(&server, space(1), changes).await
        })
        .await;
        let won = results.iter().filter(|result| is_committed(result)).count();
        assert_eq!(won, 1, "round {round}: {results:?}");
        for lost in results.into_iter().filter(|result| !is_committed(result)) {
            let conflict = Pushed::Conflict { cursor: cursor(round + 1), records: vec![record(1)] };
            assert_eq!(lost.unwrap(), conflict);
        }
    }
    servers[1].close().await;
    harness.end().await;
}

/// storage R1: many create the same record, on two servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_creates_on_two_servers_have_one_winner() {
    let (harness, servers) = two_servers().await;
    for round in 1..=200 {
        let results = together(&servers, 8, |_, server| async move {
            push(&server, space(1), vec![live(round, NONE, 4)]).await
        })
        .await;
        assert_eq!(results.iter().filter(|result| is_committed(result)).count(), 1, "{results:?}");
    }
    assert_eq!(pull(&harness.storage, space(1)).await.unwrap().rows.len(), 200);
    servers[1].close().await;
    harness.end().await;
}

/// storage R2: disjoint pushes to one space from two servers all commit, each under a cursor of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disjoint_pushes_from_two_servers_get_all_cursors_between_them() {
    let (harness, servers) = two_servers().await;
    for round in 0..200 {
        let results = together(&servers, 8, |caller, server| async move {
            push(&server, space(1), vec![live(round * 8 + caller, NONE, 4)]).await
        })
        .await;
        let cursors: BTreeSet<u64> = results.into_iter().map(|pushed| new_cursor(pushed).get()).collect();
        assert_eq!(cursors, (round * 8 + 1..=round * 8 + 8).collect());
    }
    servers[1].close().await;
    harness.end().await;
}

fn new_cursor(pushed: Result<Pushed, PushError>) -> Cursor {
    match pushed {
        Ok(Pushed::Committed { cursor, .. }) => cursor,
        other => panic!("{other:?}"),
    }
}

/// R26: two servers push to the same spaces, in all orders, some of the pushes in vain. Neighbours commit, nobody
/// deadlocks, and no rejected push leaves a trace.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_of_two_servers_over_the_same_spaces_never_deadlock() {
    let (harness, servers) = two_servers().await;
    let mut expected = BTreeMap::<SpaceId, u64>::new();
    for round in 0..200 {
        let target = move |caller: u64| space(u8::try_from((caller * 7 + round) % 9 + 1).unwrap());
        let in_vain = move |caller: u64| (caller + round).is_multiple_of(5);
        let results = together(&servers, 24, move |caller, server| async move {
            let id = round << 8 | caller;
            let second = if in_vain(caller) { Cursor::MAX } else { NONE };
            push(&server, target(caller), vec![live(id, NONE, 8), live(1 << 40 | id, second, 8)]).await
        })
        .await;
        for (caller, result) in (0..).zip(results) {
            match result {
                Ok(Pushed::Committed { .. }) if !in_vain(caller) => {
                    *expected.entry(target(caller)).or_default() += 1;
                }
                Ok(Pushed::Conflict { records, .. }) if in_vain(caller) => {
                    assert_eq!(records, [record(1 << 40 | round << 8 | caller)]);
                }
                other => panic!("round {round}, caller {caller}: {other:?}"),
            }
        }
    }
    let spaces: Vec<SpaceId> = (1..=9).map(space).collect();
    for found in less_sync_storage::Spaces::spaces(&*harness.storage, &spaces).await.unwrap() {
        assert_eq!(found.cursor, cursor(expected[&found.id]));
    }
    servers[1].close().await;
    harness.end().await;
}

/// A locked space delays only its own pushes: committers do not wait for locks (T2, T3).
#[tokio::test(flavor = "multi_thread")]
async fn locked_space_does_not_hold_up_its_neighbours() {
    let harness = Harness::new(|options| options).await;
    let mut intruder = harness.connect().await;
    let mut lock = intruder.begin().await.unwrap();
    execute(&mut lock, "SELECT 1 FROM spaces WHERE id = '01010101-0101-0101-0101-010101010101' FOR UPDATE")
        .await;
    let mut waiting = JoinSet::new();
    for number in 1..=3 {
        let storage = Arc::clone(&harness.storage);
        waiting.spawn(async move { push(&storage, space(1), vec![live(number, NONE, 1)]).await });
    }
    await_sessions(&mut harness.connect().await, "wait_event_type = 'Lock'", 1).await;
    for round in 1..=200 {
        for number in 2..=9 {
            let neighbour = push(&harness.storage, space(number), vec![live(round, NONE, 1)]);
            assert!(is_committed(&within("a neighbour", neighbour).await));
        }
    }
    assert!(waiting.try_join_next().is_none(), "the locked space was written");
    lock.rollback().await.unwrap();
    assert!(waiting.join_all().await.iter().all(is_committed));
    harness.end().await;
}

/// A push too big for one statement is all or nothing, waits its turn, and keeps the order of the pushes to its space.
#[tokio::test(flavor = "multi_thread")]
async fn push_beyond_one_statement_follows_the_same_rules() {
    let harness = Harness::new(|options| options).await;
    let many = |expected, bytes| -> Vec<Change> { (0..4500).map(|id| live(id, expected, bytes)).collect() };
    assert_eq!(new_cursor(push(&harness.storage, space(1), many(NONE, 10)).await), cursor(1));

    let mut half_wrong = many(cursor(1), 20);
    half_wrong[4400].expected = cursor(7);
    let rejected = push(&harness.storage, space(1), half_wrong).await.unwrap();
    assert_eq!(rejected, Pushed::Conflict { cursor: cursor(1), records: vec![record(4400)] });
    assert!(pull(&harness.storage, space(1)).await.unwrap().rows.iter().all(|row| row.payload_bytes() == 10));

    // Blobs of more than eight megabytes, deletions and creations in one; a small push on either side of it.
    let mut mixed: Vec<Change> = (0..5).map(|id| live(10_000 + id, NONE, 3 << 20)).collect();
    mixed.extend((0..100).map(|id| tombstone(id, cursor(1))));
    let (before, big, after) = tokio::join!(
        biased(push(&harness.storage, space(1), vec![live(200, cursor(1), 1)])),
        biased(push(&harness.storage, space(1), mixed)),
        biased(push(&harness.storage, space(1), vec![live(10_000, cursor(3), 1)])),
    );
    assert_eq!([before, big, after].map(new_cursor), [cursor(2), cursor(3), cursor(4)]);
    harness.end().await;
}

/// First polls in the order of `join!`, whatever the scheduler does.
fn biased<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    tokio::task::unconstrained(future)
}

/// Storage §3.6 step 12: live files go with the records that own them, under the cursor of the push, and their objects
/// are marked for deletion. "tombstone removes the record's files, ids returned, not found afterwards"
#[tokio::test]
async fn tombstones_take_the_files_of_their_records_with_them() {
    let harness = Harness::new(|options| options).await;
    let mut db = harness.connect().await;
    for (count, first) in [(1, 0), (3, 100), (2100, 1000)] {
        let ids = first..first + count;
        let at = new_cursor(
            push(&harness.storage, space(1), ids.clone().map(|id| live(id, NONE, 1)).collect()).await,
        );
        // Two files for each record, one of them under a key of its own, and one that is dead already.
        let sql = "INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor, deleted, object_key)
                   SELECT r.space_id, gen_random_uuid(), kind.size, kind.dek, r.id, r.cursor, kind.size = 0, kind.key || r.id
                   FROM records r, (VALUES (7, decode(repeat('ab', 44), 'hex'), NULL),
                                           (8, decode(repeat('cd', 44), 'hex'), 'elsewhere '),
                                           (0, '', NULL)) AS kind (size, dek, key)
                   WHERE r.cursor = $1";
        sqlx::query(sql).bind(at.as_i64()).execute(&mut db).await.unwrap();
        // The files came past the adapter, which counts what it writes.
        execute(&mut db, "SELECT less_sync_recount_1(id) FROM spaces").await;
        let dead: Vec<Change> = ids.map(|id| tombstone(id, at)).collect();
        let Pushed::Committed { cursor: moved, deleted_files, .. } =
            push(&harness.storage, space(1), dead).await.unwrap()
        else {
            panic!("a conflict");
        };
        let tombstoned: Vec<uuid::Uuid> =
            sqlx::query_scalar("SELECT id FROM files WHERE deleted AND cursor = $1 ORDER BY id")
                .bind(moved.as_i64())
                .fetch_all(&mut db)
                .await
                .unwrap();
        let mut told: Vec<uuid::Uuid> = deleted_files.iter().map(|file| file.id.as_uuid()).collect();
        told.sort_unstable();
        assert_eq!(told.len() as u64, 2 * count);
        assert_eq!(told, tombstoned);
        let pending_delete: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT u.object_key) FROM blob_uploads u JOIN files f ON f.id = u.file_id
             WHERE u.pending_delete AND f.cursor = $1 AND u.not_before > now()
             AND u.object_key IN ('elsewhere ' || f.record_id, 'spaces/' || f.space_id || '/files/' || f.id)",
        )
        .bind(moved.as_i64())
        .fetch_one(&mut db)
        .await
        .unwrap();
        assert_eq!(pending_delete.unsigned_abs(), 2 * count);
    }
    harness.end().await;
}

/// T7: a push that loses two races is repeated twice and succeeds; both retries are counted by their reason.
#[tokio::test(flavor = "multi_thread")]
async fn retries_of_lost_races_are_counted_by_reason() {
    let harness = Harness::new(|options| options).await;
    // A sequence keeps its value when the transaction is rolled back.
    for statement in [
        "CREATE SEQUENCE attempts",
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE attempt bigint := nextval('attempts');
         BEGIN
             IF attempt = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
             IF attempt = 2 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END IF;
             RETURN NEW;
         END $$",
        "CREATE TRIGGER lose BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION lose()",
    ] {
        execute(&mut harness.connect().await, statement).await;
    }
    assert_eq!(new_cursor(harness.push(space(1), 1, NONE, 4).await), cursor(1));
    let mut metrics = less_sync_metrics::Registry::default();
    harness.storage.register_metrics(&mut metrics);
    let text = metrics.render();
    for reason in ["serialization", "deadlock"] {
        let line = format!("storage_tx_retries_total{{reason=\"{reason}\"}} 1");
        assert!(text.lines().any(|written| written == line), "{line} in {text}");
    }
    harness.end().await;
}
