//! Pulling records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use less_sync_core::{Cursor, RecordId};

use crate::fixture::{
    CLIENT, Fixture, cursor, epoch, live, pull, push, record, records, row, space, tombstone,
};
use crate::grants::read;
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Change, CursorAhead, PullRejection, PullRequest, PullState, Record, RecordVersion, Records as _, Row,
    Spaces as _, StorageError,
};

const NONE: Cursor = Cursor::ZERO;

/// "pull of an empty space: no rows, cursor 0"
pub async fn pull_of_an_empty_space_has_no_rows<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let (state, rows) = fixture.pull(space, NONE).await.unwrap();
    let expected = PullState {
        prev: NONE,
        cursor: NONE,
        key_generation: epoch(1),
        rewrap_epoch: None,
        tombstones: false,
    };
    assert_eq!((state, rows), (expected, vec![]));
    fixture.end().await;
}

/// "pull of an unknown space"
pub async fn pull_of_an_unknown_space_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for since in [NONE, cursor(1)] {
        let rejected = fixture.pull(space(1), since).await;
        assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    }
    fixture.end().await;
}

/// The state of the space is that of the moment when the pull began.
pub async fn pull_reports_the_state_of_the_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    fixture.commit(space, vec![live(record(2), NONE, b"b")]).await;
    fixture
        .arrange(
            space,
            Arrangement::Epochs { key_generation: epoch(4), minimum: epoch(2), rewrap_pending: true },
        )
        .await;
    let (state, _) = fixture.pull(space, cursor(1)).await.unwrap();
    let expected = PullState {
        prev: cursor(1),
        cursor: cursor(2),
        key_generation: epoch(4),
        rewrap_epoch: Some(epoch(4)),
        tombstones: true,
    };
    assert_eq!(state, expected);
    fixture.end().await;
}

/// A pull from where the space is finds nothing; from just before, the last push.
pub async fn pull_returns_what_is_above_since<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let mut rows = Vec::new();
    for number in 1..=5 {
        let change = live(record(100 - number), NONE, &[1]);
        let at = fixture.commit(space, vec![change.clone()]).await;
        rows.push(row(&change, at));
    }
    for since in 0..=5 {
        assert_eq!(fixture.rows(space, cursor(since)).await, rows[usize::try_from(since).unwrap()..]);
    }
    fixture.end().await;
}

/// A reader with a cursor ahead of the space gets an error.
pub async fn pull_from_beyond_the_cursor_is_an_error<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    for ahead in [cursor(2), Cursor::MAX] {
        match fixture.pull(space, ahead).await {
            Err(StorageError::Rejected(PullRejection::CursorAhead { since, cursor: at })) => {
                assert_eq!((since, at), (ahead, cursor(1)));
            }
            other => panic!("{other:?}"),
        }
    }
    fixture.end().await;
}

/// A reader from the future that can start again gets everything, tombstones included (protocol D-15).
pub async fn pull_from_beyond_the_cursor_can_rewind<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let changes = [live(record(1), NONE, b"a"), tombstone(record(2), NONE)];
    let mut expected = Vec::new();
    for change in &changes {
        let at = fixture.commit(space, vec![change.clone()]).await;
        expected.push(row(change, at));
    }
    let (state, rows) = pull(&*fixture.store, space, cursor(3), CursorAhead::Rewind).await.unwrap();
    assert_eq!((state.prev, state.cursor, state.tombstones), (NONE, cursor(2), true));
    assert_eq!(rows, expected);
    // A reader that is not ahead is not rewound.
    let (state, rows) = pull(&*fixture.store, space, NONE, CursorAhead::Rewind).await.unwrap();
    assert_eq!((state.prev, state.tombstones, rows), (NONE, false, expected[..1].to_vec()));
    let (state, rows) = pull(&*fixture.store, space, cursor(1), CursorAhead::Rewind).await.unwrap();
    assert_eq!((state.prev, state.tombstones, rows), (cursor(1), true, expected[1..].to_vec()));
    fixture.end().await;
}

/// "equal cursors ordered by id": in one push of five thousand, over many pages.
pub async fn rows_of_one_cursor_are_ordered_by_id<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    // A permutation of 0..5000: ids arrive in no order.
    let shuffled: Vec<Change> = (0..5000).map(|n| live(record(n * 1871 % 5000), NONE, b"x")).collect();
    fixture.commit(space, shuffled).await;
    let rows = fixture.rows(space, NONE).await;
    let expected: Vec<RecordId> = (0..5000).map(record).collect();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    fixture.end().await;
}

/// Cursor first, then id: the last written comes last, whatever its id.
pub async fn rows_are_ordered_by_cursor_before_id<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(2).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, (1..=5).map(|n| live(record(n), NONE, b"x")).collect()).await;
    fixture.commit(space, vec![live(record(4), cursor(1), b"y"), live(record(2), cursor(1), b"y")]).await;
    let order: Vec<_> = fixture.rows(space, NONE).await.iter().map(|row| (row.cursor, row.id)).collect();
    let expected = [(1, 1), (1, 3), (1, 5), (2, 2), (2, 4)].map(|(at, id)| (cursor(at), record(id)));
    assert_eq!(order, expected);
    fixture.end().await;
}

/// Pages end with their rows, and there is no empty page at the end.
pub async fn page_holds_no_more_rows_than_its_limit<B: Backend>() {
    for (rows, expected) in
        [(1, vec![1, 1, 1, 1, 1, 1]), (3, vec![3, 3]), (4, vec![4, 2]), (6, vec![6]), (7, vec![6])]
    {
        let fixture = Fixture::<B>::with_page_rows(rows).await;
        let space = fixture.personal(1).await;
        fixture.commit(space, (1..=6).map(|n| live(record(n), NONE, b"x")).collect()).await;
        let pages = fixture.pages(space, NONE).await;
        assert_eq!(pages.iter().map(|page| page.rows.len()).collect::<Vec<_>>(), expected);
        fixture.end().await;
    }
}

/// Pages end with their bytes: what a page holds beside its last row stays below the budget. A row larger than the
/// budget still gets through.
pub async fn page_holds_no_more_bytes_than_its_limit_and_one_row<B: Backend>() {
    let fixture = Fixture::<B>::paged(PageLimits { rows: 100, bytes: 1000 }).await;
    let space = fixture.personal(1).await;
    let sizes = [10, 5000, 1, 999, 1000, 0, 400, 400, 400, 2000, 3];
    let changes: Vec<Change> =
        sizes.iter().zip(1..).map(|(size, number)| live(record(number), NONE, &vec![9; *size])).collect();
    let at = fixture.commit(space, changes.clone()).await;
    let pages = fixture.pages(space, NONE).await;
    for page in &pages {
        let bytes: Vec<usize> = page.rows.iter().map(Row::payload_bytes).collect();
        let (_, all_but_last) = bytes.split_last().unwrap();
        assert!(all_but_last.iter().sum::<usize>() < 1000, "{bytes:?}");
    }
    let rows: Vec<Record> = pages.into_iter().flat_map(|page| records(page.rows)).collect();
    assert_eq!(rows, changes.iter().map(|change| row(change, at)).collect::<Vec<_>>());
    fixture.end().await;
}

/// A slow reader of a large blob gets pieces of one version, or learns that it is gone.
pub async fn blob_is_read_in_pieces_while_its_version_lasts<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let blob: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    let at = fixture.commit(space, vec![live(record(1), NONE, &blob), live(record(2), NONE, b"")]).await;
    let grant = fixture.grant(space);
    let piece = async |id, cursor, from, length| {
        let version = RecordVersion { id: record(id), cursor };
        fixture.store.blob_piece(&grant, version, from, length).await.unwrap()
    };
    for (from, length) in [(0, 1), (0, 200_000), (1, 4096), (99_999, 64 * 1024), (199_999, 9), (0, 500_000)] {
        let expected = &blob[from..blob.len().min(from + length)];
        assert_eq!(piece(1, at, from, length).await.as_deref(), Some(expected), "{length} from {from}");
    }
    assert_eq!(piece(1, at, 200_000, 5).await.as_deref(), Some(&[][..]), "the end");
    assert_eq!(piece(1, at, 300_000, 5).await.as_deref(), Some(&[][..]), "beyond the end");
    assert_eq!(piece(2, at, 0, 5).await.as_deref(), Some(&[][..]), "an empty blob");
    assert_eq!(piece(3, at, 0, 5).await, None, "an unknown record");
    let later = fixture.commit(space, vec![live(record(1), at, b"new"), tombstone(record(2), at)]).await;
    assert_eq!(piece(1, at, 0, 5).await, None, "another version");
    assert_eq!(piece(1, later, 0, 5).await.as_deref(), Some(&b"new"[..]));
    assert_eq!(piece(2, later, 0, 5).await, None, "a tombstone");
    fixture.end().await;
}

/// The first and the last id there can be are delivered, wherever a page ends (storage §3.7, position).
pub async fn no_id_is_lost_at_the_edge_of_a_page<B: Backend>() {
    for rows in 1..=4 {
        let fixture = Fixture::<B>::with_page_rows(rows).await;
        let space = fixture.personal(1).await;
        let edges = || [[0x00; 16], [0x7f; 16], [0xff; 16]].map(RecordId::from_bytes);
        fixture.commit(space, edges().map(|id| live(id, NONE, b"1")).to_vec()).await;
        fixture.commit(space, vec![live(record(7), NONE, b"2")]).await;
        for (since, expected) in [(0, 4), (1, 1)] {
            assert_eq!(fixture.rows(space, cursor(since)).await.len(), expected);
        }
        fixture.commit(space, edges().map(|id| live(id, cursor(1), b"3")).to_vec()).await;
        for (since, expected) in [(0, 4), (1, 4), (2, 3)] {
            assert_eq!(fixture.rows(space, cursor(since)).await.len(), expected);
        }
        fixture.end().await;
    }
}

/// A first sync steps over any number of tombstones, though a page reads only so many of them.
pub async fn first_sync_skips_tombstones<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(10).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, (0..1000).map(|n| live(record(n), NONE, b"x")).collect()).await;
    let deletions = (0..1000).filter(|n| n % 50 != 0).map(|n| tombstone(record(n), cursor(1)));
    fixture.commit(space, deletions.collect()).await;
    fixture.commit(space, vec![live(record(5000), NONE, b"y")]).await;
    let pages = fixture.pages(space, NONE).await;
    assert_eq!(pages.iter().map(|page| page.rows.len()).sum::<usize>(), 21);
    assert!(pages.len() > 12, "{} pages read a thousand tombstones", pages.len());
    assert_eq!(fixture.rows(space, cursor(1)).await.len(), 981);
    fixture.end().await;
}

/// A row that is rewritten during a pull moves above its bound, and follows there in its newer version, in order. P9, P10.
pub async fn row_rewritten_during_a_pull_follows_its_bound<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(2).await;
    let space = fixture.personal(1).await;
    for number in 1..=4 {
        fixture.commit(space, vec![live(record(number), NONE, b"old")]).await;
    }
    let (grant, store) = (read(space), &fixture.store);
    let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
    let (state, first) = store.begin_pull(&grant, request).await.unwrap();
    // A delivered record, a pending one, and a new one.
    let changes =
        [live(record(1), cursor(1), b"new"), tombstone(record(3), cursor(3)), live(record(9), NONE, b"new")];
    fixture.commit(space, changes.to_vec()).await;
    let second = store.pull_page(&grant, &state, first.next.unwrap()).await.unwrap();
    let ids = |rows: &[Row]| records(rows.to_vec()).iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&first.rows), [record(1), record(2)]);
    assert_eq!(ids(&second.rows), [record(4), record(1)]);
    // The row moves once more; the last read has its newest version.
    fixture.commit(space, vec![live(record(9), cursor(5), b"newer")]).await;
    let third = store.pull_page(&grant, &state, second.next.unwrap()).await.unwrap();
    let newest = row(&live(record(9), cursor(5), b"newer"), cursor(6));
    assert_eq!(records(third.rows), [row(&changes[1], cursor(5)), newest]);
    assert_eq!(third.next, None);
    assert_eq!((state.cursor, fixture.rows(space, state.cursor).await.len()), (cursor(4), 3));
    fixture.end().await;
}

/// The bound and the first page are of one moment: a pull of one page is the space as it was then, despite concurrent writers.
pub async fn pull_of_one_page_is_one_snapshot<B: Backend>() {
    const RECORDS: u64 = 6;
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let mut at = fixture.commit(space, (0..RECORDS).map(|n| live(record(n), NONE, b"")).collect()).await;
    let (grant, store) = (read(space), Arc::clone(&fixture.store));
    let done = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&done);
    let mut reading = tokio::task::JoinSet::new();
    reading.spawn(async move {
        let mut pulls = 0_u64;
        while !ended.load(Ordering::Relaxed) || pulls < 100 {
            let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
            let (state, page) = store.begin_pull(&grant, request).await.unwrap();
            assert_eq!(page.next, None);
            let rows = records(page.rows);
            assert_eq!(rows.len() as u64, RECORDS, "pull {pulls} at {state:?}: {rows:?}");
            assert!(rows.iter().all(|row| row.cursor == state.cursor), "{state:?}: {rows:?}");
            pulls += 1;
        }
    });
    for round in 0..5 * crate::races::ROUNDS {
        let rewritten = (0..RECORDS).map(|n| live(record(n), at, &round.to_be_bytes()));
        at = fixture.commit(space, rewritten.collect()).await;
    }
    done.store(true, Ordering::Relaxed);
    reading.join_next().await.unwrap().unwrap();
    fixture.end().await;
}

/// A pull outlives a restart of the store: nothing is held between its pages.
pub async fn pull_continues_after_a_restart<B: Backend>() {
    let mut fixture = Fixture::<B>::with_page_rows(2).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, (1..=5).map(|n| live(record(n), NONE, b"x")).collect()).await;
    let grant = read(space);
    let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
    let (state, mut page) = fixture.store.begin_pull(&grant, request).await.unwrap();
    let mut seen = Vec::new();
    loop {
        seen.extend(records(page.rows).iter().map(|row| row.id));
        let Some(from) = page.next else { break };
        fixture.reopen(PageLimits { rows: 1, ..PageLimits::default() }).await;
        page = fixture.store.pull_page(&grant, &state, from).await.unwrap();
    }
    assert_eq!(seen, (1..=5).map(record).collect::<Vec<_>>());
    fixture.end().await;
}

/// Stalled readers hold nothing: twenty pulls that stand between two pages hinder no other reader (R22).
pub async fn stalled_pulls_hold_no_resources<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(1).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, (1..=3).map(|n| live(record(n), NONE, b"x")).collect()).await;
    let grant = read(space);
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
        let (state, page) = fixture.store.begin_pull(&grant, request).await.unwrap();
        stalled.push((state, page.next.unwrap()));
    }
    for number in 10..30 {
        fixture.commit(space, vec![live(record(number), NONE, b"y")]).await;
        fixture.store.ping().await.unwrap();
    }
    for (state, position) in stalled {
        let page = fixture.store.pull_page(&grant, &state, position).await.unwrap();
        assert_eq!(records(page.rows)[0].id, record(2));
    }
    fixture.end().await;
}

/// Futures that are dropped anywhere leave the store consistent (R21): the operation took effect or did not.
pub async fn cancelled_operations_leave_no_resources<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(10).await;
    let space = fixture.personal(1).await;
    fixture.commit(space, (1..=30).map(|n| live(record(n), NONE, &[3; 1000])).collect()).await;
    for number in 100..300 {
        let change = live(record(number), NONE, b"x");
        let pushing = push(&*fixture.store, space, vec![change]);
        let pulling = pull(&*fixture.store, space, NONE, CursorAhead::Error);
        let touching = fixture.store.personal_space(crate::fixture::space(2), &CLIENT, None);
        // Polled a different number of times in every round, then dropped.
        let polls = usize::try_from(number % 5).unwrap();
        tokio::select! { biased;
            _ = async { tokio::join!(pushing, pulling, touching) } => {}
            () = async { for _ in 0..polls { tokio::task::yield_now().await } } => {}
        }
    }
    // Abandoned pushes of the space may still commit, but not after a later one: without it, a pull may find their rows above
    // its bound.
    fixture.commit(space, vec![live(record(1), cursor(1), b"after")]).await;
    let (state, rows) = fixture.pull(space, NONE).await.unwrap();
    assert_eq!(state.cursor.get(), rows.len() as u64 - 28, "each push took effect wholly or not at all");
    fixture.end().await;
}
