//! Records, membership entries and files on one timeline (storage §3.6 step 12, §3.7).

use less_sync_core::Cursor;

use crate::fixture::{Fixture, committed, cursor, dek, epoch, keyed, live, record, row, tombstone};
use crate::shared_fixture::{ALL, file};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    CursorAhead, DeletedFile, FileEntry, FileState, ObjectKey, PullRejection, PullRequest, Pushed, ReadGrant,
    Records as _, Row, StorageError,
};

const NONE: Cursor = Cursor::ZERO;

/// The tombstone of a file.
fn gone(file: &FileEntry, at: Cursor) -> Row {
    Row::File(FileEntry { cursor: at, state: FileState::Tombstone, ..file.clone() })
}

/// "record, membership, file in cursor order with epoch meta", on pages of any size. P10, P23.
pub async fn rows_of_all_kinds_come_in_the_order_of_their_cursors<B: Backend>() {
    for page_rows in 1..=7 {
        let fixture = Fixture::<B>::with_page_rows(page_rows).await;
        let space = fixture.shared(1).await;
        let mut expected = Vec::new();
        for number in 1..=3 {
            let change = keyed(record(10 - number), NONE, b"blob", dek(1, 1));
            let at = fixture.commit(space, vec![change.clone()]).await;
            expected.push(Row::Record(row(&change, at)));
            let fill = u8::try_from(number).unwrap();
            fixture.append(space, &[fill; 9]).await;
            let entries = fixture.members(space, ALL).await.entries;
            expected.push(Row::Member(entries.last().unwrap().clone()));
            let put = fixture.put_file(space, file(20 - number), record(10 - number), dek(1, fill)).await;
            expected.push(Row::File(put));
        }
        fixture.advance(space, 2).await;
        for since in 0..=9 {
            let rows = fixture.timeline(space, cursor(since)).await;
            assert_eq!(rows, expected[usize::try_from(since).unwrap()..], "{page_rows} since {since}");
        }
        let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
        let (state, _) = fixture.store.begin_pull(&fixture.grant(space), request).await.unwrap();
        assert_eq!((state.cursor, state.key_generation), (cursor(9), epoch(2)));
        assert_eq!(state.rewrap_epoch, Some(epoch(2)));
        fixture.end().await;
    }
}

/// "tombstone removes the record's files, ids returned, not found afterwards": the files become tombstones under the cursor of
/// the push, after its records, and their objects are to be removed. P5, P7, P8.
pub async fn deletion_of_a_record_deletes_its_files<B: Backend>() {
    for page_rows in [1, 2, 3, 100] {
        let fixture = Fixture::<B>::with_page_rows(page_rows).await;
        let space = fixture.shared(1).await;
        let at = fixture.commit(space, (1..=3).map(|n| live(record(n), NONE, b"a")).collect()).await;
        let first = fixture.put_file(space, file(2), record(1), dek(1, 1)).await;
        let second = fixture.put_file(space, file(1), record(1), dek(1, 2)).await;
        let staying = fixture.put_file(space, file(3), record(2), dek(1, 3)).await;
        let (one, two) =
            (fixture.file(space, file(1)).await.object, fixture.file(space, file(2)).await.object);
        let changes = vec![tombstone(record(1), at), live(record(2), at, b"b"), tombstone(record(3), at)];
        let pushed = fixture.push(space, changes.clone()).await.unwrap();
        let Pushed::Committed { cursor: at, deleted_files, .. } = pushed else { panic!("{pushed:?}") };
        let mut deleted = deleted_files;
        deleted.sort_unstable();
        let gone_with = |id| DeletedFile { id, record: record(1) };
        assert_eq!(deleted, [gone_with(file(1)), gone_with(file(2))]);
        let mut expected: Vec<Row> = changes.iter().map(|change| Row::Record(row(change, at))).collect();
        expected.extend([gone(&second, at), gone(&first, at)]);
        assert_eq!(fixture.timeline(space, staying.cursor).await, expected);
        let first_sync = [Row::File(staying.clone()), Row::Record(row(&changes[1], at))];
        assert_eq!(fixture.timeline(space, NONE).await, first_sync);
        let pending_delete = [(file(1), one.to_string()), (file(2), two.to_string())];
        assert_eq!(fixture.backend.pending_deletions(space).await, pending_delete);
        fixture.end().await;
    }
}

/// An object is removed under the key that the database has for it, be it no name of ours; under the one of its ids when it
/// has none.
pub async fn deleted_file_queues_its_object_under_its_own_key<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let foreign = "v1/somewhere/else".to_owned();
    for (number, key) in [(1, Some(foreign.clone())), (2, None)] {
        fixture.put_file(space, file(number), record(1), dek(1, 1)).await;
        fixture.arrange(space, Arrangement::Object { file: file(number), key }).await;
    }
    fixture.commit(space, vec![tombstone(record(1), at)]).await;
    let legacy = ObjectKey::legacy(space, file(2)).to_string();
    assert_eq!(fixture.backend.pending_deletions(space).await, [(file(1), foreign), (file(2), legacy)]);
    fixture.end().await;
}

/// A push that is rejected leaves the files of its records alone. P11.
pub async fn rejected_push_deletes_no_file<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, (1..=2).map(|n| live(record(n), NONE, b"a")).collect()).await;
    let put = fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    let conflict =
        fixture.push(space, vec![tombstone(record(1), at), tombstone(record(2), put.cursor)]).await;
    assert!(matches!(conflict, Ok(Pushed::Conflict { .. })), "{conflict:?}");
    assert_eq!(fixture.timeline(space, at).await, [Row::File(put)]);
    assert_eq!(fixture.backend.pending_deletions(space).await, []);
    fixture.end().await;
}

/// A record that comes back comes back without its files, and they do not die twice.
pub async fn files_of_a_revived_record_stay_deleted<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let put = fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    let died = fixture.commit(space, vec![tombstone(record(1), at)]).await;
    let back = fixture.commit(space, vec![live(record(1), died, b"b")]).await;
    let again = fixture.push(space, vec![tombstone(record(1), back)]).await;
    assert!(
        matches!(&again, Ok(Pushed::Committed { deleted_files, .. }) if deleted_files.is_empty()),
        "{again:?}"
    );
    committed(again);
    let rows = fixture.timeline(space, put.cursor).await;
    assert_eq!(rows[0], gone(&put, died));
    assert_eq!((rows.len(), fixture.backend.pending_deletions(space).await.len()), (2, 1));
    fixture.end().await;
}

/// Files of another space survive, whatever ids they and their records have. P20.
pub async fn files_of_another_space_survive<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (one, two) = (fixture.shared(1).await, fixture.personal(2).await);
    for space in [one, two] {
        fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    }
    fixture.put_file(one, file(1), record(1), dek(1, 1)).await;
    let survivor = fixture.put_file(two, file(1), record(1), dek(1, 2)).await;
    fixture.commit(one, vec![tombstone(record(1), cursor(1))]).await;
    assert_eq!(fixture.timeline(two, cursor(1)).await, [Row::File(survivor)]);
    assert_eq!(fixture.backend.pending_deletions(two).await, []);
    fixture.end().await;
}

/// Payloads of membership entries count against the bytes of a page.
pub async fn payloads_of_members_fill_a_page<B: Backend>() {
    let fixture = Fixture::<B>::paged(PageLimits { rows: 100, bytes: 1000 }).await;
    let space = fixture.shared(1).await;
    for length in [400, 400, 400, 3000, 1, 1] {
        fixture.append(space, &vec![7; length]).await;
    }
    fixture.commit(space, vec![live(record(1), NONE, &[1; 998]), live(record(2), NONE, b"last")]).await;
    let pages = fixture.pages(space, NONE).await;
    assert_eq!(pages.iter().map(|page| page.rows.len()).collect::<Vec<_>>(), [3, 1, 3, 1]);
    fixture.end().await;
}

/// Rows of every kind that appear or move during a pull come after its bound, tombstones included, and in order. P10.
pub async fn rows_of_all_kinds_follow_the_bound_of_a_pull<B: Backend>() {
    let fixture = Fixture::<B>::with_page_rows(1).await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let put = fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    let another = fixture.put_file(space, file(2), record(1), dek(1, 1)).await;
    let grant: ReadGrant = fixture.grant(space);
    let request = PullRequest { since: NONE, ahead: CursorAhead::Error };
    let (state, first) = fixture.store.begin_pull(&grant, request).await.unwrap();
    assert_eq!(first.rows, [Row::Record(row(&live(record(1), NONE, b"a"), at))]);
    fixture.append(space, b"late").await;
    fixture.commit(space, vec![tombstone(record(1), at)]).await;
    let next = first.next.unwrap();
    let last = fixture.store.pull_page(&grant, &state, next).await.unwrap();
    assert!(matches!(&last.rows[..], [Row::Member(_)]), "files and record have moved behind it: {last:?}");
    let last = fixture.store.pull_page(&grant, &state, last.next.unwrap()).await.unwrap();
    let dead = Row::Record(row(&tombstone(record(1), at), cursor(5)));
    assert_eq!(last.rows, [dead, gone(&put, cursor(5)), gone(&another, cursor(5))]);
    assert_eq!(last.next, None);
    fixture.end().await;
}

/// A reader with a cursor ahead that starts again receives tombstones of files as well.
pub async fn rewound_pull_returns_tombstones_of_files<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let put = fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    let died = fixture.commit(space, vec![tombstone(record(1), at)]).await;
    assert_eq!(fixture.timeline(space, NONE).await, []);
    let grant: ReadGrant = fixture.grant(space);
    let request = PullRequest { since: Cursor::MAX, ahead: CursorAhead::Rewind };
    let (_, page) = fixture.store.begin_pull(&grant, request).await.unwrap();
    assert_eq!(page.rows, [Row::Record(row(&tombstone(record(1), at), died)), gone(&put, died)]);
    let request = PullRequest { ahead: CursorAhead::Error, ..request };
    let rejected = fixture.store.begin_pull(&grant, request).await;
    assert!(
        matches!(rejected, Err(StorageError::Rejected(PullRejection::CursorAhead { .. }))),
        "{rejected:?}"
    );
    fixture.end().await;
}
