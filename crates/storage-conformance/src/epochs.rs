//! Epochs, and the end of a rewrap.

use bytes::Bytes;
use less_sync_core::{Cursor, Did, SpaceId};

use crate::fixture::{Fixture, cursor, dek, epoch, keyed, live, record, space, tombstone};
use crate::shared_fixture::{file, rewrap};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Advanced, EpochError, EpochKeys as _, EpochRejection, Epochs as _, KeyShares, PushRejection, RewrapGuard,
    Space, StorageError,
};

const NONE: Cursor = Cursor::ZERO;

/// Key generation, minimum and pending rewrap.
async fn epochs<B: Backend>(fixture: &Fixture<B>, space: SpaceId) -> (i32, i32, Option<i32>) {
    let Space { key_generation, min_key_generation, rewrap_epoch, .. } = fixture.space(space).await;
    (key_generation.get(), min_key_generation.get(), rewrap_epoch.map(less_sync_core::Epoch::get))
}

/// "advance, conflict while pending, complete, advance again". No cursor moves.
pub async fn epoch_after_epoch<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    for space in [fixture.shared(1).await, fixture.personal(2).await] {
        fixture.append(space, b"first").await;
        for number in 2..=4 {
            fixture.advance(space, number).await;
            assert_eq!(epochs(&fixture, space).await, (number, number - 1, Some(number)));
            for conflicting in [number, number + 1] {
                let rejected = fixture
                    .store
                    .advance_epoch(&fixture.grant(space), conflicting.into(), true)
                    .await
                    .unwrap();
                let (key_generation, rewrap_epoch) = (epoch(number), Some(epoch(number)));
                assert_eq!(rejected, Advanced::Conflict { key_generation, rewrap_epoch });
            }
            fixture.reopen(PageLimits::default()).await;
            fixture.complete(space, number).await.unwrap();
            assert_eq!(epochs(&fixture, space).await, (number, number, None));
        }
        assert_eq!(fixture.space(space).await.cursor, cursor(1));
    }
    fixture.end().await;
}

/// "skipping an epoch conflicts; set-min raises the minimum". No number overflows (S34).
pub async fn only_the_next_epoch_can_begin<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for number in [3, 1, 0, -1, i32::MIN, i32::MAX] {
        let rejected = fixture.store.advance_epoch(&fixture.grant(space), number.into(), true).await.unwrap();
        assert_eq!(rejected, Advanced::Conflict { key_generation: epoch(1), rewrap_epoch: None }, "{number}");
    }
    assert_eq!(epochs(&fixture, space).await, (1, 1, None));
    let begun = fixture.store.advance_epoch(&fixture.grant(space), 2.into(), true).await.unwrap();
    assert_eq!(begun, Advanced::Begun(epoch(2)));
    assert_eq!(epochs(&fixture, space).await, (2, 2, Some(2)));
    let rejected = fixture.push(space, vec![keyed(record(1), NONE, b"a", dek(1, 0))]).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(PushRejection::EpochStale))), "{rejected:?}");
    fixture.end().await;
}

/// The last epoch has no successor.
pub async fn last_epoch_has_no_successor<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let last = epoch(i32::MAX);
    let arrangement = Arrangement::Epochs { key_generation: last, minimum: last, rewrap_pending: false };
    fixture.arrange(space, arrangement).await;
    for number in [i32::MAX, i32::MIN, 1] {
        let rejected =
            fixture.store.advance_epoch(&fixture.grant(space), number.into(), false).await.unwrap();
        assert_eq!(rejected, Advanced::Conflict { key_generation: last, rewrap_epoch: None });
    }
    fixture.end().await;
}

/// "complete: nothing pending, wrong epoch, right epoch, unknown space", and the right one again.
pub async fn only_the_pending_epoch_can_be_completed<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let id = fixture.shared(1).await;
    let mismatch = |rejected: Result<(), EpochError>| {
        assert!(matches!(rejected, Err(StorageError::Rejected(EpochRejection::Mismatch))), "{rejected:?}");
    };
    for number in [1, 2, 0, i32::MIN] {
        mismatch(fixture.complete(id, number).await);
    }
    fixture.advance(id, 2).await;
    for number in [1, 3, -2, i32::MAX] {
        mismatch(fixture.complete(id, number).await);
    }
    assert_eq!(epochs(&fixture, id).await, (2, 1, Some(2)));
    for _ in 0..3 {
        fixture.complete(id, 2).await.unwrap();
        assert_eq!(epochs(&fixture, id).await, (2, 2, None));
    }
    mismatch(fixture.complete(id, 1).await);
    fixture.advance(id, 3).await;
    mismatch(fixture.complete(id, 2).await);
    let rejected = fixture.complete(space(9), 2).await;
    assert!(matches!(rejected, Err(StorageError::SpaceNotFound)), "{rejected:?}");
    fixture.end().await;
}

/// S17: a rewrap does not end while old keys are in use, and says how many. The minimum rises all the same, so what is
/// left is a closed set: the second attempt succeeds. P14.
pub async fn rewrap_ends_when_no_old_key_is_left<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let changes = vec![
        keyed(record(1), NONE, b"a", dek(1, 1)),
        keyed(record(2), NONE, b"b", dek(1, 2)),
        // Keys that do not prevent the completion.
        keyed(record(4), NONE, b"d", dek(2, 4)),
        keyed(record(5), NONE, b"e", dek(u32::MAX, 5)),
        live(record(6), NONE, b"no key"),
        tombstone(record(7), NONE),
    ];
    let at = fixture.commit(space, changes).await;
    fixture.advance(space, 2).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 2, files: 0 }))
        ),
        "{rejected:?}"
    );
    assert_eq!(epochs(&fixture, space).await, (2, 2, Some(2)));
    let stale = fixture.push(space, vec![keyed(record(1), at, b"x", dek(1, 9))]).await;
    assert!(matches!(stale, Err(StorageError::Rejected(PushRejection::EpochStale))), "{stale:?}");
    let guard = RewrapGuard::Listed(at);
    fixture.rewrap(space, vec![rewrap(record(1), 2, 1)], guard).await.unwrap();
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 1, files: 0 }))
        ),
        "{rejected:?}"
    );
    fixture.rewrap(space, vec![rewrap(record(2), 2, 2)], guard).await.unwrap();
    fixture.complete(space, 2).await.unwrap();
    assert_eq!(epochs(&fixture, space).await, (2, 2, None));
    assert_eq!(fixture.space(space).await.cursor, at);
    fixture.end().await;
}

/// Keys of files count as well; those of deleted files do not.
pub async fn rewrap_waits_for_the_keys_of_files<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b"a"), live(record(2), NONE, b"b")]).await;
    fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    fixture.put_file(space, file(2), record(1), dek(2, 2)).await;
    fixture.put_file(space, file(3), record(2), dek(1, 3)).await;
    fixture.advance(space, 2).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 0, files: 2 }))
        ),
        "{rejected:?}"
    );
    fixture.commit(space, vec![tombstone(record(2), at)]).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 0, files: 1 }))
        ),
        "{rejected:?}"
    );
    let entries = vec![rewrap(file(1), 2, 9)];
    fixture.rewrap_files(space, entries, RewrapGuard::Unlisted).await.unwrap();
    fixture.complete(space, 2).await.unwrap();
    fixture.end().await;
}

/// Outdated keys are counted up to a thousand of each kind.
pub async fn outdated_keys_are_counted_up_to_a_thousand<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let push = |range: std::ops::Range<u64>| range.map(|n| keyed(record(n), NONE, b"a", dek(1, 1))).collect();
    fixture.advance(space, 2).await;
    fixture.commit(space, push(0..999)).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 999, files: 0 }))
        ),
        "{rejected:?}"
    );
    // The minimum has risen; put it back, so that more can come.
    let arrangement =
        Arrangement::Epochs { key_generation: epoch(2), minimum: epoch(1), rewrap_pending: true };
    fixture.arrange(space, arrangement).await;
    fixture.commit(space, push(999..1500)).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 1000, files: 0 }))
        ),
        "{rejected:?}"
    );
    fixture.end().await;
}

/// Personal spaces rotate too; their keys are checked when a rewrap ends, and never by a push.
pub async fn personal_space_rotates_its_key<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let at = fixture.commit(space, vec![keyed(record(1), NONE, b"a", dek(0, 1))]).await;
    fixture.advance(space, 2).await;
    let rejected = fixture.complete(space, 2).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 1, files: 0 }))
        ),
        "{rejected:?}"
    );
    fixture.rewrap(space, vec![rewrap(record(1), 2, 1)], RewrapGuard::Listed(at)).await.unwrap();
    fixture.complete(space, 2).await.unwrap();
    fixture.commit(space, vec![keyed(record(2), NONE, b"b", dek(0, 2))]).await;
    fixture.end().await;
}

/// The shares of an epoch stay until the epoch after the next is complete; a failed completion deletes nothing
/// (newer-clients §4.2, G-05).
pub async fn completion_deletes_outdated_shares<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.shared(1).await, fixture.shared(2).await);
    let put = async |space: SpaceId, number: i32| {
        let shares = KeyShares::new(vec![("did".to_owned(), Bytes::from(number.to_string()))]).unwrap();
        fixture.store.put_epoch_keys(&fixture.grant(space), number.into(), shares).await.unwrap();
    };
    let stored = async |space: SpaceId| {
        let (mut stored, did) = (Vec::new(), Did::try_from("did").unwrap());
        for number in 1..=6 {
            let key = fixture.store.epoch_key(&fixture.grant(space), number.into(), &did).await.unwrap();
            stored.extend(key.map(|_| number));
        }
        stored
    };
    put(other, 1).await;
    put(space, 1).await;
    fixture.commit(space, vec![keyed(record(1), NONE, b"a", dek(1, 1))]).await;
    for number in 2..=4 {
        fixture.advance(space, number).await;
        put(space, number).await;
        let before = stored(space).await;
        fixture.complete(space, number).await.unwrap_err();
        assert_eq!(stored(space).await, before);
        let prefix = number.unsigned_abs();
        fixture.rewrap(space, vec![rewrap(record(1), prefix, 1)], RewrapGuard::Unlisted).await.unwrap();
        fixture.complete(space, number).await.unwrap();
        assert_eq!(stored(space).await, [number - 1, number]);
    }
    assert_eq!(stored(other).await, [1]);
    fixture.end().await;
}

/// The state of a space is the one that others see.
pub async fn space_state_returns_the_state_of_the_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for space in [fixture.shared(1).await, fixture.personal(2).await] {
        fixture.append(space, b"first").await;
        fixture.advance(space, 2).await;
        let state = fixture.store.space_state(&fixture.grant(space)).await.unwrap();
        assert_eq!(state, fixture.space(space).await);
        assert_eq!((state.cursor, state.rewrap_epoch), (cursor(1), Some(epoch(2))));
    }
    fixture.end().await;
}
