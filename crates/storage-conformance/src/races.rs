//! Races: many callers at once, started together, round after round (storage §6).

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use less_sync_core::{Cursor, RecordId, SpaceId};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::fixture::{
    CLIENT, Fixture, ROOT, WIDE, client, committed, conflicting, cursor, live, pull, push, record, row,
    space, tombstone,
};
use crate::grants::write;
use crate::{Backend, PageLimits};
use less_sync_storage::{
    Change, CursorAhead, PullState, Push, PushError, Pushed, Record, RecordState, Records as _, SpaceKind,
    SpaceRejection, Spaces as _, StorageError,
};

const NONE: Cursor = Cursor::ZERO;
const CALLERS: u64 = 8;
pub(crate) const ROUNDS: u64 = 200;

/// Runs `act` for callers 0 to `callers` − 1 at the same moment, and returns what they got in that order.
pub(crate) async fn together<T, F>(callers: u64, act: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(usize::try_from(callers).unwrap()));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (start, act) = (Arc::clone(&start), act(caller));
        tasks.spawn(async move {
            start.wait().await;
            (caller, act.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(caller, _)| *caller);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A push that owns everything it needs.
fn pushing<B: Backend>(
    fixture: &Fixture<B>,
    space: SpaceId,
    changes: Vec<Change>,
) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'static {
    let store = Arc::clone(&fixture.store);
    async move { push(&*store, space, changes).await }
}

fn is_committed(pushed: &Result<Pushed, PushError>) -> bool {
    matches!(pushed, Ok(Pushed::Committed { .. }))
}

/// storage R1: many create the same record; one does, and the cursor moves by one.
pub async fn one_of_many_creates_wins<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    for round in 1..=ROUNDS {
        let act =
            |caller: u64| pushing(&fixture, space, vec![live(record(round), NONE, &caller.to_be_bytes())]);
        let results = together(CALLERS, act).await;
        let winners: Vec<u64> =
            (0..CALLERS).zip(&results).filter(|(_, won)| is_committed(won)).map(|(c, _)| c).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        results.into_iter().filter(|result| !is_committed(result)).for_each(|lost| {
            assert_eq!(conflicting(lost), vec![record(round)]);
        });
        let rows = fixture.rows(space, cursor(round - 1)).await;
        assert_eq!(rows, vec![row(&live(record(round), NONE, &winners[0].to_be_bytes()), cursor(round))]);
    }
    fixture.end().await;
}

/// P12: many update the same record from the same cursor, a thousand times over; exactly one wins each time.
pub async fn second_writer_with_the_same_expected_cursor_gets_a_conflict<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let mut at = fixture.commit(space, vec![live(record(1), NONE, b"")]).await;
    for round in 0..5 * ROUNDS {
        let results = together(4, |caller| {
            pushing(&fixture, space, vec![live(record(1), at, &(round * 10 + caller).to_be_bytes())])
        })
        .await;
        assert_eq!(
            results.iter().filter(|result| is_committed(result)).count(),
            1,
            "round {round}: {results:?}"
        );
        at = at.next().unwrap();
    }
    assert_eq!(fixture.space(space).await.cursor, at);
    fixture.end().await;
}

/// Pushes that wait together take effect in the order of their tickets, whatever becomes of each: every update expects
/// what the one before it leaves behind. The outcomes are awaited in the opposite order.
pub async fn pushes_take_effect_in_the_order_of_their_tickets<B: Backend>() {
    const DEPTH: u64 = 64;
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    for round in 0..ROUNDS / 8 {
        let from = round * DEPTH;
        let tickets: Vec<_> = (from..from + DEPTH)
            .map(|number| {
                let changes = match number % 8 {
                    7 => Vec::new(),
                    _ => vec![live(record(number % 3), last_touch(number), &number.to_be_bytes())],
                };
                let push = Push::new(changes, None, WIDE).unwrap();
                (number, fixture.store.enqueue(&write(space), push))
            })
            .collect();
        for (number, ticket) in tickets.into_iter().rev() {
            let pushed = ticket.await;
            let Ok(Pushed::Committed { cursor: at, .. }) = pushed else {
                panic!("push {number}: {pushed:?}")
            };
            assert_eq!(at, cursor(written(number + 1)), "push {number}");
        }
    }
    fixture.end().await;
}

/// Number of the first pushes of that test that have changes.
fn written(pushes: u64) -> u64 {
    pushes - pushes / 8
}

/// Cursor at which the pushes before push `number` of that test left its record.
fn last_touch(number: u64) -> Cursor {
    let before = (0..number).rev().find(|earlier| earlier % 8 != 7 && earlier % 3 == number % 3);
    before.map_or(NONE, |earlier| cursor(written(earlier + 1)))
}

/// storage R2: pushes of different records to one space all commit, each under a cursor of its own.
pub async fn disjoint_pushes_all_commit_under_their_own_cursors<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    for round in 0..ROUNDS / 10 {
        let results = together(32, |caller| {
            pushing(&fixture, space, vec![live(record(round * 32 + caller), NONE, b"x")])
        })
        .await;
        let mut cursors: Vec<u64> = results.into_iter().map(|result| committed(result).get()).collect();
        cursors.sort_unstable();
        assert_eq!(cursors, (round * 32 + 1..=round * 32 + 32).collect::<Vec<_>>());
    }
    fixture.end().await;
}

/// R8: many touch a personal space for the first time; all get the same row.
pub async fn concurrent_first_accesses_of_a_personal_space_create_one_row<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for round in 0..ROUNDS {
        let id = SpaceId::from_bytes(u128::from(round).to_be_bytes());
        let results = together(CALLERS, |caller| {
            let store = Arc::clone(&fixture.store);
            async move { store.personal_space(id, &client(&format!("client {caller}")), None).await.unwrap() }
        })
        .await;
        assert!(results.iter().all(|space| *space == results[0]), "round {round}: {results:?}");
    }
    fixture.end().await;
}

/// R9: a space is created with a root key while others touch it as personal; no caller gets personal access to a row
/// with a root key.
pub async fn creation_and_first_access_never_mix<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for round in 0..ROUNDS {
        let id = SpaceId::from_bytes(u128::from(round).to_be_bytes());
        let results = together(4, |caller| {
            let store = Arc::clone(&fixture.store);
            async move {
                if caller == round % 4 {
                    let kind = SpaceKind::Shared { root_public_key: ROOT };
                    store.create_space(id, &CLIENT, kind, None).await
                } else {
                    store.personal_space(id, &CLIENT, None).await.map_err(StorageError::widen)
                }
            }
        })
        .await;
        let stored = fixture.space(id).await.kind;
        for (result, caller) in results.into_iter().zip(0..) {
            match (result, caller == round % 4, &stored) {
                (Ok(space), _, stored) => assert_eq!(space.kind, *stored),
                (Err(StorageError::Rejected(SpaceRejection::Exists)), true, SpaceKind::Personal)
                | (Err(StorageError::SpaceKindMismatch), false, SpaceKind::Shared { .. }) => {}
                (Err(error), ..) => panic!("round {round}: {error:?} where the row is {stored:?}"),
            }
        }
    }
    fixture.end().await;
}

/// R26: pushes to several spaces at once, of which some conflict: neighbours are not touched.
pub async fn conflict_does_not_affect_other_pushes<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let spaces: Vec<SpaceId> = (0..CALLERS).map(|caller| space(u8::try_from(caller).unwrap())).collect();
    let mut expected = vec![BTreeMap::new(); spaces.len()];
    for id in &spaces {
        fixture.store.personal_space(*id, &CLIENT, None).await.unwrap();
    }
    for round in 1..=ROUNDS / 2 {
        // Callers push two records to a space of their own; one or two of them with a wrong expected cursor.
        let loses = |caller: u64| caller == round % CALLERS || caller == round * 3 % CALLERS;
        let changes = |caller: u64| {
            let at = if loses(caller) { Cursor::MAX } else { NONE };
            let id = |half: u64| record(round << 16 | caller << 8 | half);
            vec![live(id(0), NONE, b"first half"), live(id(1), at, b"second half")]
        };
        let place = |caller: u64| usize::try_from(caller).unwrap();
        let results =
            together(CALLERS, |caller| pushing(&fixture, spaces[place(caller)], changes(caller))).await;
        for (result, caller) in results.into_iter().zip(0..) {
            if loses(caller) {
                assert_eq!(conflicting(result).len(), 1);
            } else {
                let at = committed(result);
                let rows = changes(caller).into_iter().map(|change| (change.id, row(&change, at)));
                expected[place(caller)].extend(rows);
            }
        }
    }
    for (id, expected) in spaces.iter().zip(expected) {
        let rows: BTreeMap<RecordId, Record> =
            fixture.rows(*id, NONE).await.into_iter().map(|row| (row.id, row)).collect();
        assert_eq!(rows, expected);
    }
    fixture.end().await;
}

/// storage R3: readers sync again and again while writers create, rewrite, delete and revive. Every pull is in order (P10),
/// and in the end every reader holds exactly the live state (P9).
pub async fn readers_converge_while_writers_write<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(3).await;
    let space = fixture.personal(1).await;
    let (writers, readers, pushes) = (3, 3, ROUNDS);
    let replicas = together(writers + readers, |caller| {
        let store = Arc::clone(&fixture.store);
        async move {
            let mut replica = Replica::default();
            for round in 0..pushes {
                if caller < writers {
                    write_somewhere(&*store, space, caller, round).await;
                } else {
                    replica.sync(&*store, space).await;
                }
            }
            replica
        }
    })
    .await;
    let live: BTreeMap<RecordId, Record> =
        fixture.rows(space, NONE).await.into_iter().map(|row| (row.id, row)).collect();
    for mut replica in replicas.into_iter().skip(usize::try_from(writers).unwrap()) {
        replica.sync(&*fixture.store, space).await;
        assert_eq!(replica.records, live);
    }
    fixture.end().await;
}

/// Ten records that belong to one writer, each created, rewritten, deleted and revived in turn.
async fn write_somewhere<S: less_sync_storage::Records>(store: &S, space: SpaceId, writer: u64, round: u64) {
    let id = record(writer * 10 + round * 7 % 10);
    let (_, rows) = pull(store, space, Cursor::ZERO, CursorAhead::Rewind).await.unwrap();
    let known = rows.iter().find(|row| row.id == id).map_or(NONE, |row| row.cursor);
    let change = if round % 3 == 2 { tombstone(id, known) } else { live(id, known, &round.to_be_bytes()) };
    // A deleted record is not in the live state, so its writer guesses wrong and revives it from what the conflict
    // does not tell: it looks at the tombstones as well.
    if let Pushed::Conflict { .. } = push(store, space, vec![change]).await.unwrap() {
        let (_, all) = pull(store, space, Cursor::MAX, CursorAhead::Rewind).await.unwrap();
        let known = all.iter().find(|row| row.id == id).unwrap().cursor;
        committed(push(store, space, vec![live(id, known, &round.to_be_bytes())]).await);
    }
}

/// A client's copy of a space, fed by pulls alone.
#[derive(Default)]
struct Replica {
    records: BTreeMap<RecordId, Record>,
    cursor: Cursor,
}

impl Replica {
    async fn sync<S: less_sync_storage::Records>(&mut self, store: &S, space: SpaceId) {
        let (state, rows) = pull(store, space, self.cursor, CursorAhead::Error).await.unwrap();
        assert_in_order(&state, &rows);
        for row in rows {
            match row.state {
                RecordState::Live { .. } => drop(self.records.insert(row.id, row)),
                RecordState::Tombstone => drop(self.records.remove(&row.id)),
            }
        }
        self.cursor = state.cursor;
    }
}

fn assert_in_order(state: &PullState, rows: &[Record]) {
    assert!(rows.is_sorted_by(|a, b| (a.cursor, a.id) < (b.cursor, b.id)), "{rows:?}");
    assert!(rows.iter().all(|row| row.cursor > state.prev), "{state:?} {rows:?}");
    let below: Vec<RecordId> =
        rows.iter().filter(|row| row.cursor <= state.cursor).map(|row| row.id).collect();
    let ids: HashSet<RecordId> = below.iter().copied().collect();
    assert_eq!(ids.len(), below.len(), "a record twice below the bound of a pull");
}

/// R25: four writers rewrite all records, over and over, during pulls of one and of many pages, from the start and from
/// the last cursor. Every pull ends, has every record (P10), and one more from its bound yields the live state (P9).
pub async fn every_pull_has_every_record_under_heavy_rewriting<B: Backend>() {
    const RECORDS: u64 = 40;
    for rows in [3, 7, 512] {
        let fixture = Fixture::<B>::paged(PageLimits { rows, ..PageLimits::default() }).await;
        let space = fixture.personal(1).await;
        let from = fixture.commit(space, vec![live(record(RECORDS), NONE, b"stays")]).await;
        let at = fixture.commit(space, (0..RECORDS).map(|n| live(record(n), NONE, b"")).collect()).await;
        let done = Arc::new(AtomicBool::new(false));
        let results = together(6, |caller| {
            let (store, done) = (Arc::clone(&fixture.store), Arc::clone(&done));
            async move {
                if caller < 4 {
                    let mine: Vec<RecordId> = (0..RECORDS).filter(|n| n % 4 == caller).map(record).collect();
                    rewrite_until(&*store, space, &mine, at, &done).await;
                    return;
                }
                let since = if caller == 4 { NONE } else { from };
                for _ in 0..ROUNDS / 4 {
                    let (state, rows) = pull(&*store, space, since, CursorAhead::Error).await.unwrap();
                    assert_in_order(&state, &rows);
                    let ids: HashSet<RecordId> = rows.iter().map(|row| row.id).collect();
                    let missing: Vec<u64> = (0..RECORDS).filter(|n| !ids.contains(&record(*n))).collect();
                    assert!(missing.is_empty(), "{missing:?} not in a pull of {state:?}");
                }
                done.store(caller == 4 || done.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        });
        results.await;
        let (state, rows) = fixture.pull(space, NONE).await.unwrap();
        let mut replica: BTreeMap<RecordId, Record> = rows.into_iter().map(|row| (row.id, row)).collect();
        replica.extend(fixture.rows(space, state.cursor).await.into_iter().map(|row| (row.id, row)));
        let now = fixture.rows(space, NONE).await;
        assert_eq!(replica, now.into_iter().map(|row| (row.id, row)).collect());
        fixture.end().await;
    }
}

/// Rewrites these records, which are all at `at`, one push after the other.
async fn rewrite_until<S: less_sync_storage::Records>(
    store: &S,
    space: SpaceId,
    records: &[RecordId],
    mut at: Cursor,
    done: &AtomicBool,
) {
    while !done.load(Ordering::Relaxed) {
        let changes = records.iter().map(|id| live(*id, at, &at.get().to_be_bytes())).collect();
        at = committed(push(store, space, changes).await);
    }
}
