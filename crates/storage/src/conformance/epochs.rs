//! Epochs, and the end of a rewrap.

use bytes::Bytes;
use less_sync_core::{Cursor, SpaceId};

use super::scene::{Scene, cursor, dek, epoch, keyed, live, record, space, tombstone};
use super::shared_scene::{file, rewrap};
use super::{Arrangement, Backend, PageLimits};
use crate::{Advanced, Deks as _, EpochKeys as _, Epochs as _, KeyShares, RewrapGuard, Space, StorageError};

const NONE: Cursor = Cursor::ZERO;

/// Key generation, minimum and pending rewrap.
async fn epochs<B: Backend>(scene: &Scene<B>, space: SpaceId) -> (i32, i32, Option<i32>) {
    let Space { key_generation, min_key_generation, rewrap_epoch, .. } = scene.space(space).await;
    (key_generation.get(), min_key_generation.get(), rewrap_epoch.map(less_sync_core::Epoch::get))
}

/// "advance, conflict while pending, complete, advance again". No cursor moves.
pub async fn epoch_after_epoch<B: Backend>() {
    let mut scene = Scene::<B>::new().await;
    for space in [scene.shared(1).await, scene.personal(2).await] {
        scene.append(space, b"first").await;
        for number in 2..=4 {
            scene.advance(space, number).await;
            assert_eq!(epochs(&scene, space).await, (number, number - 1, Some(number)));
            for conflicting in [number, number + 1] {
                let refused =
                    scene.store.advance_epoch(&scene.grant(space), conflicting, true).await.unwrap();
                let (key_generation, rewrap_epoch) = (epoch(number), Some(epoch(number)));
                assert_eq!(refused, Advanced::Conflict { key_generation, rewrap_epoch });
            }
            scene.reopen(PageLimits::default()).await;
            scene.complete(space, number).await.unwrap();
            assert_eq!(epochs(&scene, space).await, (number, number, None));
        }
        assert_eq!(scene.space(space).await.cursor, cursor(1));
    }
    scene.end().await;
}

/// "skipping an epoch conflicts; set-min raises the minimum". No number overflows (S34).
pub async fn only_the_next_epoch_can_begin<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    for number in [3, 1, 0, -1, i32::MIN, i32::MAX] {
        let refused = scene.store.advance_epoch(&scene.grant(space), number, true).await.unwrap();
        assert_eq!(refused, Advanced::Conflict { key_generation: epoch(1), rewrap_epoch: None }, "{number}");
    }
    assert_eq!(epochs(&scene, space).await, (1, 1, None));
    let begun = scene.store.advance_epoch(&scene.grant(space), 2, true).await.unwrap();
    assert_eq!(begun, Advanced::Begun(epoch(2)));
    assert_eq!(epochs(&scene, space).await, (2, 2, Some(2)));
    let refused = scene.push(space, vec![keyed(record(1), NONE, b"a", dek(1, 0))]).await;
    assert!(matches!(refused, Err(StorageError::EpochStale)), "{refused:?}");
    scene.end().await;
}

/// The last epoch has no successor.
pub async fn last_epoch_has_no_successor<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    let last = epoch(i32::MAX);
    let arrangement = Arrangement::Epochs { key_generation: last, minimum: last, rewrap_pending: false };
    scene.arrange(space, arrangement).await;
    for number in [i32::MAX, i32::MIN, 1] {
        let refused = scene.store.advance_epoch(&scene.grant(space), number, false).await.unwrap();
        assert_eq!(refused, Advanced::Conflict { key_generation: last, rewrap_epoch: None });
    }
    scene.end().await;
}

/// "complete: nothing pending, wrong epoch, right epoch, unknown space", and the right one again.
pub async fn only_the_pending_epoch_can_be_completed<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let id = scene.shared(1).await;
    let mismatch = |refused: Result<(), StorageError>| {
        assert!(matches!(refused, Err(StorageError::EpochMismatch)), "{refused:?}");
    };
    for number in [1, 2, 0, i32::MIN] {
        mismatch(scene.complete(id, number).await);
    }
    scene.advance(id, 2).await;
    for number in [1, 3, -2, i32::MAX] {
        mismatch(scene.complete(id, number).await);
    }
    assert_eq!(epochs(&scene, id).await, (2, 1, Some(2)));
    for _ in 0..3 {
        scene.complete(id, 2).await.unwrap();
        assert_eq!(epochs(&scene, id).await, (2, 2, None));
    }
    mismatch(scene.complete(id, 1).await);
    scene.advance(id, 3).await;
    mismatch(scene.complete(id, 2).await);
    let refused = scene.complete(space(9), 2).await;
    assert!(matches!(refused, Err(StorageError::SpaceNotFound)), "{refused:?}");
    scene.end().await;
}

/// S17: a rewrap does not end while old keys are in use, and says how many. The minimum rises all the same, so what is
/// left is a closed set: the second attempt succeeds. P14.
pub async fn rewrap_ends_when_no_old_key_is_left<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    let changes = vec![
        keyed(record(1), NONE, b"a", dek(1, 1)),
        keyed(record(2), NONE, b"b", dek(1, 2)),
        // These are in nobody's way.
        keyed(record(4), NONE, b"d", dek(2, 4)),
        keyed(record(5), NONE, b"e", dek(u32::MAX, 5)),
        live(record(6), NONE, b"no key"),
        tombstone(record(7), NONE),
    ];
    let at = scene.commit(space, changes).await;
    scene.advance(space, 2).await;
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 2, files: 0 })), "{refused:?}");
    assert_eq!(epochs(&scene, space).await, (2, 2, Some(2)));
    let stale = scene.push(space, vec![keyed(record(1), at, b"x", dek(1, 9))]).await;
    assert!(matches!(stale, Err(StorageError::EpochStale)), "{stale:?}");
    let guard = RewrapGuard::Listed(at);
    scene.rewrap(space, vec![rewrap(record(1), 2, 1)], guard).await.unwrap();
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 1, files: 0 })), "{refused:?}");
    scene.rewrap(space, vec![rewrap(record(2), 2, 2)], guard).await.unwrap();
    scene.complete(space, 2).await.unwrap();
    assert_eq!(epochs(&scene, space).await, (2, 2, None));
    assert_eq!(scene.space(space).await.cursor, at);
    scene.end().await;
}

/// Keys of files count as well; those of deleted files do not.
pub async fn rewrap_waits_for_the_keys_of_files<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    let at = scene.commit(space, vec![live(record(1), NONE, b"a"), live(record(2), NONE, b"b")]).await;
    scene.put_file(space, file(1), record(1), dek(1, 1)).await;
    scene.put_file(space, file(2), record(1), dek(2, 2)).await;
    scene.put_file(space, file(3), record(2), dek(1, 3)).await;
    scene.advance(space, 2).await;
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 0, files: 2 })), "{refused:?}");
    scene.commit(space, vec![tombstone(record(2), at)]).await;
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 0, files: 1 })), "{refused:?}");
    let entries = vec![rewrap(file(1), 2, 9)];
    scene.store.rewrap_file_deks(&scene.grant(space), entries, RewrapGuard::Unlisted).await.unwrap();
    scene.complete(space, 2).await.unwrap();
    scene.end().await;
}

/// What is left is counted up to a thousand of each kind.
pub async fn leftovers_are_counted_up_to_a_thousand<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.shared(1).await;
    let push = |range: std::ops::Range<u64>| range.map(|n| keyed(record(n), NONE, b"a", dek(1, 1))).collect();
    scene.advance(space, 2).await;
    scene.commit(space, push(0..999)).await;
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 999, files: 0 })), "{refused:?}");
    // The minimum has risen; put it back, so that more can come.
    let arrangement =
        Arrangement::Epochs { key_generation: epoch(2), minimum: epoch(1), rewrap_pending: true };
    scene.arrange(space, arrangement).await;
    scene.commit(space, push(999..1500)).await;
    let refused = scene.complete(space, 2).await;
    assert!(
        matches!(refused, Err(StorageError::RewrapIncomplete { records: 1000, files: 0 })),
        "{refused:?}"
    );
    scene.end().await;
}

/// Personal spaces rotate too; their keys are checked when a rewrap ends, and never by a push.
pub async fn personal_space_rotates_its_key<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let space = scene.personal(1).await;
    let at = scene.commit(space, vec![keyed(record(1), NONE, b"a", dek(0, 1))]).await;
    scene.advance(space, 2).await;
    let refused = scene.complete(space, 2).await;
    assert!(matches!(refused, Err(StorageError::RewrapIncomplete { records: 1, files: 0 })), "{refused:?}");
    scene.rewrap(space, vec![rewrap(record(1), 2, 1)], RewrapGuard::Listed(at)).await.unwrap();
    scene.complete(space, 2).await.unwrap();
    scene.commit(space, vec![keyed(record(2), NONE, b"b", dek(0, 2))]).await;
    scene.end().await;
}

/// The shares of an epoch stay until the epoch after the next is complete; a failed completion deletes nothing
/// (newer-clients §4.2, G-05).
pub async fn completion_deletes_shares_that_nobody_needs<B: Backend>() {
    let scene = Scene::<B>::new().await;
    let (space, other) = (scene.shared(1).await, scene.shared(2).await);
    let put = async |space: SpaceId, number: i32| {
        let shares = KeyShares::new(vec![("did".to_owned(), Bytes::from(number.to_string()))]).unwrap();
        scene.store.put_epoch_keys(&scene.grant(space), number, shares).await.unwrap();
    };
    let stored = async |space: SpaceId| {
        let mut stored = Vec::new();
        for number in 1..=6 {
            let key = scene.store.epoch_key(&scene.grant(space), number, "did").await.unwrap();
            stored.extend(key.map(|_| number));
        }
        stored
    };
    put(other, 1).await;
    put(space, 1).await;
    scene.commit(space, vec![keyed(record(1), NONE, b"a", dek(1, 1))]).await;
    for number in 2..=4 {
        scene.advance(space, number).await;
        put(space, number).await;
        let before = stored(space).await;
        scene.complete(space, number).await.unwrap_err();
        assert_eq!(stored(space).await, before);
        let prefix = number.unsigned_abs();
        scene.rewrap(space, vec![rewrap(record(1), prefix, 1)], RewrapGuard::Unlisted).await.unwrap();
        scene.complete(space, number).await.unwrap();
        assert_eq!(stored(space).await, [number - 1, number]);
    }
    assert_eq!(stored(other).await, [1]);
    scene.end().await;
}

/// The state of a space is the one that others see.
pub async fn state_is_that_of_the_space<B: Backend>() {
    let scene = Scene::<B>::new().await;
    for space in [scene.shared(1).await, scene.personal(2).await] {
        scene.append(space, b"first").await;
        scene.advance(space, 2).await;
        let state = scene.store.space_state(&scene.grant(space)).await.unwrap();
        assert_eq!(state, scene.space(space).await);
        assert_eq!((state.cursor, state.rewrap_epoch), (cursor(1), Some(epoch(2))));
    }
    scene.end().await;
}
