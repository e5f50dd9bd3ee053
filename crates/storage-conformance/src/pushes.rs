//! Pushing records.

use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::Cursor;

use crate::fixture::{
    Fixture, WIDE, committed, conflicting, cursor, dek, epoch, keyed, live, record, row, space, tombstone,
};
use crate::grants::write;
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Change, InvalidPush, Push, PushLimits, PushRejection, Pushed, RecordState, Records as _, StorageError,
};

const NONE: Cursor = Cursor::ZERO;

/// "first push: ok, cursor 1, space cursor 1"
pub async fn first_push_gets_cursor_one<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let change = live(record(1), NONE, b"first");
    let pushed = fixture.push(space, vec![change.clone()]).await.unwrap();
    let expected = Pushed::Committed {
        prev: NONE,
        cursor: cursor(1),
        key_generation: epoch(1),
        rewrap_epoch: None,
        deleted_files: vec![],
    };
    assert_eq!(pushed, expected);
    assert_eq!(fixture.space(space).await.cursor, cursor(1));
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&change, cursor(1))]);
    fixture.end().await;
}

/// "create over an existing id conflicts": also what a blind repeat gets. P1, P11.
pub async fn create_over_an_existing_id_conflicts<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let change = live(record(1), NONE, b"first");
    fixture.commit(space, vec![change.clone()]).await;
    for again in [change.clone(), live(record(1), NONE, b"other"), tombstone(record(1), NONE)] {
        let rejected = fixture.push(space, vec![again]).await.unwrap();
        assert_eq!(rejected, Pushed::Conflict { cursor: cursor(1), records: vec![record(1)] });
    }
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&change, cursor(1))]);
    fixture.end().await;
}

/// "update with right cursor; pull shows new blob"
pub async fn update_with_the_right_cursor_replaces_the_blob<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, b"a rather long first version")]).await;
    let update = live(record(1), first, b"new");
    assert_eq!(fixture.commit(space, vec![update.clone()]).await, cursor(2));
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&update, cursor(2))]);
    assert_eq!(fixture.rows(space, first).await, vec![row(&update, cursor(2))]);
    fixture.end().await;
}

/// "delete; incremental pull shows it, first sync does not"
pub async fn tombstone_is_part_of_incremental_pulls_only<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![keyed(record(1), NONE, b"a", dek(1, 7))]).await;
    let deleted = tombstone(record(1), first);
    fixture.commit(space, vec![deleted.clone()]).await;
    assert_eq!(fixture.rows(space, NONE).await, vec![]);
    assert_eq!(fixture.rows(space, first).await, vec![row(&deleted, cursor(2))]);
    fixture.end().await;
}

/// "push to unknown space", with and without changes.
pub async fn push_to_an_unknown_space_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for changes in [vec![], vec![live(record(1), NONE, b"a")]] {
        let rejected = fixture.push(space(1), changes).await;
        assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    }
    fixture.end().await;
}

/// "blob one byte over the limit": at the limit it is taken.
pub async fn blob_may_reach_its_limit_but_not_exceed_it<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let limits = PushLimits { blob: 10, ..WIDE };
    let rejected = fixture.push_within(space, vec![live(record(1), NONE, &[0; 11])], limits).await;
    assert!(matches!(rejected, Err(InvalidPush::BlobTooLarge)), "{rejected:?}");
    let taken = fixture.push_within(space, vec![live(record(1), NONE, &[0; 10])], limits).await;
    assert_eq!(committed(taken.unwrap()), cursor(1));
    fixture.end().await;
}

/// The sum of the blobs has a limit of its own.
pub async fn blobs_together_may_reach_their_limit_but_not_exceed_it<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let limits = PushLimits { bytes: 20, ..WIDE };
    let of = |length: usize| vec![live(record(1), NONE, &[1; 10]), live(record(2), NONE, &vec![2; length])];
    let rejected = fixture.push_within(space, of(11), limits).await;
    assert!(matches!(rejected, Err(InvalidPush::TooManyBytes)), "{rejected:?}");
    assert_eq!(committed(fixture.push_within(space, of(10), limits).await.unwrap()), cursor(1));
    fixture.end().await;
}

/// The number of changes is limited.
pub async fn changes_may_reach_their_limit_but_not_exceed_it<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let limits = PushLimits { records: 3, ..WIDE };
    let of = |count: u64| (0..count).map(|number| tombstone(record(number), NONE)).collect::<Vec<_>>();
    let rejected = fixture.push_within(space, of(4), limits).await;
    assert!(matches!(rejected, Err(InvalidPush::TooManyRecords)), "{rejected:?}");
    assert_eq!(committed(fixture.push_within(space, of(3), limits).await.unwrap()), cursor(1));
    fixture.end().await;
}

/// "same id twice in a push": an error, not a conflict, even where one of the two would fit.
pub async fn same_id_twice_in_a_push_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let twice =
        vec![live(record(1), NONE, b"a"), live(record(2), NONE, b"b"), live(record(1), cursor(1), b"c")];
    let rejected = fixture.push_within(space, twice, WIDE).await;
    assert!(matches!(rejected, Err(InvalidPush::DuplicateRecordId(id)) if id == record(1)), "{rejected:?}");
    assert_eq!(fixture.space(space).await.cursor, NONE);
    fixture.end().await;
}

/// Storage §3.6: the count first, then change by change, then the sum, then the space.
pub async fn first_input_error_in_order_is_reported<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let limits = PushLimits { records: 3, blob: 4, bytes: 6 };
    let (fits, long) = (live(record(1), NONE, &[0; 4]), live(record(2), NONE, &[0; 5]));
    let rejected = |changes: Vec<Change>| fixture.push_within(space(9), changes, limits);

    let result = rejected(vec![long.clone(), fits.clone(), fits.clone(), fits.clone()]).await;
    assert!(matches!(result, Err(InvalidPush::TooManyRecords)), "{result:?}");
    let result = rejected(vec![fits.clone(), fits.clone(), long.clone()]).await;
    assert!(matches!(result, Err(InvalidPush::DuplicateRecordId(_))), "{result:?}");
    let result = rejected(vec![fits.clone(), long, fits.clone()]).await;
    assert!(matches!(result, Err(InvalidPush::BlobTooLarge)), "{result:?}");
    let result = rejected(vec![fits.clone(), live(record(3), NONE, &[0; 4])]).await;
    assert!(matches!(result, Err(InvalidPush::TooManyBytes)), "{result:?}");
    let result = rejected(vec![fits]).await;
    assert!(matches!(result, Ok(Err(StorageError::SpaceNotFound))), "{result:?}");
    fixture.end().await;
}

/// "empty push is ok with current cursor"
pub async fn empty_push_returns_the_cursor_and_writes_nothing<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    fixture
        .arrange(
            space,
            Arrangement::Epochs { key_generation: epoch(3), minimum: epoch(2), rewrap_pending: true },
        )
        .await;
    let before = fixture.space(space).await;
    let pushed = fixture.push(space, vec![]).await.unwrap();
    let expected = Pushed::Committed {
        prev: cursor(1),
        cursor: cursor(1),
        key_generation: epoch(3),
        rewrap_epoch: Some(epoch(3)),
        deleted_files: vec![],
    };
    assert_eq!(pushed, expected);
    assert_eq!(fixture.space(space).await, before);
    fixture.end().await;
}

/// "stale cursor conflicts", and so does one from the future.
pub async fn wrong_expected_cursor_conflicts<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let second = fixture.commit(space, vec![live(record(1), first, b"b")]).await;
    for expected in [first, cursor(3), Cursor::MAX] {
        let rejected = fixture.push(space, vec![live(record(1), expected, b"c")]).await.unwrap();
        assert_eq!(rejected, Pushed::Conflict { cursor: second, records: vec![record(1)] });
    }
    fixture.end().await;
}

/// "update of an unknown id conflicts"
pub async fn update_of_an_unknown_record_conflicts<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    assert_eq!(
        conflicting(fixture.push(space, vec![live(record(2), cursor(1), b"b")]).await),
        vec![record(2)]
    );
    fixture.end().await;
}

/// "create over a tombstone conflicts"; with the cursor of the tombstone the record lives again.
pub async fn tombstone_counts_as_existing_and_can_be_revived<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let dead = fixture.commit(space, vec![tombstone(record(1), first)]).await;
    assert_eq!(conflicting(fixture.push(space, vec![live(record(1), NONE, b"b")]).await), vec![record(1)]);
    let revival = keyed(record(1), dead, b"b", dek(1, 1));
    let alive = fixture.commit(space, vec![revival.clone()]).await;
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&revival, alive)]);
    fixture.end().await;
}

/// An unknown id may be created as a tombstone.
pub async fn record_may_be_created_as_a_tombstone<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let born_dead = tombstone(record(2), NONE);
    let at = fixture.commit(space, vec![born_dead.clone()]).await;
    assert_eq!(fixture.rows(space, cursor(1)).await, vec![row(&born_dead, at)]);
    assert_eq!(fixture.rows(space, NONE).await.len(), 1);
    fixture.end().await;
}

/// "one conflict rejects all", wherever in the push it stands. P11.
pub async fn one_conflict_rejects_the_whole_push<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, b"a"), live(record(2), NONE, b"b")]).await;
    let before = fixture.rows(space, NONE).await;
    let good = [live(record(3), NONE, b"c"), live(record(1), first, b"aa"), tombstone(record(2), first)];
    for place in 0..=good.len() {
        let mut changes = good.to_vec();
        changes.insert(place, live(record(4), first, b"no such record"));
        assert_eq!(conflicting(fixture.push(space, changes).await), vec![record(4)]);
        assert_eq!(fixture.rows(space, NONE).await, before);
        assert_eq!(fixture.space(space).await.cursor, first);
    }
    fixture.end().await;
}

/// All mismatching records are named, in the order of the push, but never more than a hundred.
pub async fn conflict_names_at_most_a_hundred_records<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1000), NONE, b"a")]).await;
    let push = |count: u64| {
        let mut changes: Vec<Change> = (0..count).rev().map(|n| live(record(n), cursor(1), b"x")).collect();
        changes.insert(0, live(record(1000), cursor(1), b"fits"));
        changes
    };
    let expected = |numbers: std::ops::Range<u64>| numbers.rev().map(record).collect::<Vec<_>>();
    assert_eq!(conflicting(fixture.push(space, push(3)).await), expected(0..3));
    assert_eq!(conflicting(fixture.push(space, push(100)).await), expected(0..100));
    assert_eq!(conflicting(fixture.push(space, push(150)).await), expected(50..150));
    fixture.end().await;
}

/// "records of a push share the cursor": creates, updates and deletions alike. P5.
pub async fn records_of_a_push_share_its_cursor<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![live(record(1), NONE, b"a"), live(record(2), NONE, b"b")]).await;
    let changes =
        vec![live(record(1), first, b"aa"), tombstone(record(2), first), live(record(3), NONE, b"c")];
    let second = fixture.commit(space, changes.clone()).await;
    let expected: Vec<_> = changes.iter().map(|change| row(change, second)).collect();
    assert_eq!(fixture.rows(space, first).await, expected);
    fixture.end().await;
}

/// "spaces do not see each other's records", also where they use the same id. P20.
pub async fn spaces_with_the_same_record_ids_are_independent<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (one, two) = (fixture.personal(1).await, fixture.shared(2).await);
    let in_one = live(record(1), NONE, b"one");
    fixture.commit(one, vec![in_one.clone()]).await;
    assert_eq!(fixture.rows(two, NONE).await, vec![]);
    assert_eq!(
        conflicting(fixture.push(two, vec![live(record(1), cursor(1), b"two")]).await),
        vec![record(1)]
    );
    let in_two = live(record(1), NONE, b"two");
    fixture.commit(two, vec![in_two.clone()]).await;
    fixture.commit(two, vec![tombstone(record(1), cursor(1))]).await;
    assert_eq!(fixture.rows(one, NONE).await, vec![row(&in_one, cursor(1))]);
    assert_eq!(fixture.space(one).await.cursor, cursor(1));
    fixture.end().await;
}

/// A push larger than any statement or page takes.
pub async fn push_of_thousands_is_one_mutation<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let create: Vec<Change> = (0..2500).map(|number| live(record(number), NONE, &[1; 16])).collect();
    let first = fixture.commit(space, create).await;
    let update: Vec<Change> = (0..2500).map(|number| live(record(number), first, &[2; 16])).collect();
    let second = fixture.commit(space, update).await;
    let rows = fixture.rows(space, NONE).await;
    assert_eq!((rows.len(), second), (2500, cursor(2)));
    assert!(rows.iter().all(|row| row.cursor == second && row.state.blob_bytes() == 16));
    fixture.end().await;
}

/// Bytes in are bytes out: every byte value, no byte, one byte, a page and more. P23.
pub async fn blobs_and_keys_are_stored_unchanged<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let long: Vec<u8> =
        (0..1_000_003_u32).map(|number| number.to_le_bytes()[(number % 4) as usize]).collect();
    let mut changes = Vec::new();
    for blob in [&[][..], &[0], &[0xff], &every, &every.repeat(40), &long] {
        for key in [None, Some(dek(0, 0)), Some(dek(u32::MAX, 0xff))] {
            let id = record(changes.len() as u64);
            let state = RecordState::Live { blob: Bytes::copy_from_slice(blob), dek: key };
            changes.push(Change { id, expected: NONE, state });
        }
    }
    let at = fixture.commit(space, changes.clone()).await;
    let expected: Vec<_> = changes.iter().map(|change| row(change, at)).collect();
    assert_eq!(fixture.rows(space, NONE).await, expected);
    fixture.end().await;
}

/// An empty blob is a live record; only a missing one is a tombstone.
pub async fn empty_blob_is_a_live_record<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let changes = vec![live(record(1), NONE, b""), tombstone(record(2), NONE)];
    let at = fixture.commit(space, changes.clone()).await;
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&changes[0], at)]);
    fixture.end().await;
}

/// Blob and key change together: a blob without a key leaves none.
pub async fn blob_without_a_key_clears_the_key<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let first = fixture.commit(space, vec![keyed(record(1), NONE, b"a", dek(1, 1))]).await;
    let bare = live(record(1), first, b"b");
    let second = fixture.commit(space, vec![bare.clone()]).await;
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&bare, second)]);
    fixture.end().await;
}

/// Shared spaces reject keys and writers older than their minimum, and nothing else (storage §3.6 step 5, newer-clients §3.1).
pub async fn shared_space_rejects_stale_epochs<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture
        .arrange(
            space,
            Arrangement::Epochs { key_generation: epoch(6), minimum: epoch(5), rewrap_pending: true },
        )
        .await;
    let push = |change: Change, stated: Option<i32>| {
        let (store, grant) = (Arc::clone(&fixture.store), fixture.grant(space));
        async move { store.push(&grant, Push::new([change], stated.map(epoch), WIDE).unwrap()).await }
    };
    let with_key = |number: u64, prefix: u32| keyed(record(number), NONE, b"a", dek(prefix, 0));
    let stale = [
        (with_key(1, 4), None),
        (with_key(1, 0), None),
        (with_key(1, 4), Some(5)),
        (with_key(1, 5), Some(4)),
        (tombstone(record(1), NONE), Some(4)),
    ];
    for (change, stated) in stale {
        let rejected = push(change, stated).await;
        assert!(matches!(rejected, Err(StorageError::Rejected(PushRejection::EpochStale))), "{rejected:?}");
    }
    let accepted = [
        (with_key(1, 5), None),
        (with_key(2, u32::MAX), None),
        (with_key(3, 5), Some(5)),
        (live(record(4), NONE, b"a"), None),
        (tombstone(record(5), NONE), Some(7)),
        (tombstone(record(6), NONE), None),
    ];
    for ((change, stated), number) in accepted.into_iter().zip(1..) {
        assert_eq!(committed(push(change, stated).await), cursor(number));
    }
    fixture.end().await;
}

/// Personal spaces number their epochs as they like.
pub async fn personal_space_is_never_checked_for_epochs<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture
        .arrange(
            space,
            Arrangement::Epochs { key_generation: epoch(6), minimum: epoch(5), rewrap_pending: false },
        )
        .await;
    let changes = vec![keyed(record(1), NONE, b"a", dek(0, 0))];
    let push = Push::new(changes, Some(epoch(1)), WIDE).unwrap();
    assert_eq!(committed(fixture.store.push(&write(space), push).await), cursor(1));
    fixture.end().await;
}

/// A stale epoch is found before a conflict is.
pub async fn stale_epoch_is_reported_before_a_conflict<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture
        .arrange(
            space,
            Arrangement::Epochs { key_generation: epoch(2), minimum: epoch(2), rewrap_pending: true },
        )
        .await;
    let rejected = fixture.push(space, vec![keyed(record(1), cursor(9), b"a", dek(1, 0))]).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(PushRejection::EpochStale))), "{rejected:?}");
    fixture.end().await;
}

/// T11: a space that lives elsewhere is never written here, but can be read.
pub async fn push_to_a_remote_space_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let change = live(record(1), NONE, b"a");
    fixture.commit(space, vec![change.clone()]).await;
    fixture.arrange(space, Arrangement::HomeServer("elsewhere.example".to_owned())).await;
    for next in [live(record(2), NONE, b"b"), live(record(1), NONE, b"would conflict")] {
        let rejected = fixture.push(space, vec![next]).await;
        assert!(matches!(rejected, Err(StorageError::SpaceIsRemote)), "{rejected:?}");
    }
    assert_eq!(fixture.rows(space, NONE).await, vec![row(&change, cursor(1))]);
    fixture.end().await;
}

/// The last cursor can be used; then the space is full for ever, and says so instead of wrapping.
pub async fn last_cursor_is_usable_and_then_exhausted<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let last_but_one = cursor(Cursor::MAX.get() - 1);
    fixture.arrange(space, Arrangement::Cursor(last_but_one)).await;
    assert_eq!(fixture.commit(space, vec![live(record(1), last_but_one, b"b")]).await, Cursor::MAX);
    let before = fixture.rows(space, last_but_one).await;
    assert_eq!(before.len(), 1);
    let rejected = fixture.push(space, vec![live(record(2), NONE, b"c")]).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(PushRejection::CursorExhausted))), "{rejected:?}");
    assert_eq!(conflicting(fixture.push(space, vec![live(record(1), NONE, b"c")]).await), vec![record(1)]);
    assert_eq!(fixture.rows(space, last_but_one).await, before);
    fixture.end().await;
}

/// Acknowledged pushes survive a restart, and numbering continues.
pub async fn pushes_survive_a_restart<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let mut expected = Vec::new();
    for number in 1..=3 {
        let change = keyed(record(number), NONE, &[7; 3000], dek(1, 2));
        let at = fixture.commit(space, vec![change.clone()]).await;
        expected.push(row(&change, at));
        fixture.reopen(PageLimits::default()).await;
        assert_eq!((at, fixture.rows(space, NONE).await), (cursor(number), expected.clone()));
    }
    fixture.end().await;
}
