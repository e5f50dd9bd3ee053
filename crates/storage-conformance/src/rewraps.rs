//! Data keys, wrapped anew.

use bytes::Bytes;
use less_sync_core::Cursor;

use crate::fixture::{Fixture, committed, dek, epoch, keyed, live, record, row, tombstone};
use crate::shared_fixture::{file, rewrap, rewrap_of};
use crate::{Backend, PageLimits};
use less_sync_storage::{DekRejection, REWRAP_ROWS, Rewrap, RewrapGuard, Rewrapped, StorageError, StoredDek};

const NONE: Cursor = Cursor::ZERO;

/// "DEK list, wrong epoch, bad id, good rewrap, unknown id": all epochs are looked at before any record. (That an id
/// parses is not a matter of the store.)
pub async fn keys_are_listed_and_rewrapped<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![keyed(record(1), NONE, b"a", dek(1, 7))]).await;
    fixture.advance(space, 2).await;
    let (listing, deks) = fixture.deks(space, NONE).await;
    assert_eq!(deks, [StoredDek { id: record(1).into(), cursor: at, dek: dek(1, 7) }]);
    assert_eq!((listing.cursor, listing.key_generation), (at, epoch(2)));
    let guard = RewrapGuard::Listed(listing.cursor);
    for prefix in [0, 1, 3, u32::MAX, 0x8000_0002] {
        let entries = vec![rewrap(record(9), 2, 0), rewrap(record(1), prefix, 8)];
        let rejected = fixture.rewrap(space, entries, guard).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(DekRejection::EpochMismatch))),
            "{prefix}: {rejected:?}"
        );
    }
    let unknown = fixture.rewrap(space, vec![rewrap(record(1), 2, 8), rewrap(record(9), 2, 0)], guard).await;
    assert!(matches!(unknown, Err(StorageError::Rejected(DekRejection::RecordNotFound))), "{unknown:?}");
    assert_eq!(fixture.dek_of(space, record(1)).await, Some(dek(1, 7)));
    for _ in 0..2 {
        let done = fixture.rewrap(space, vec![rewrap(record(1), 2, 8)], guard).await.unwrap();
        assert_eq!(done, Rewrapped { replaced: 1, skipped: 0 });
        let (_, deks) = fixture.deks(space, NONE).await;
        assert_eq!(deks, [StoredDek { id: record(1).into(), cursor: at, dek: dek(2, 8) }]);
    }
    assert_eq!(fixture.space(space).await.cursor, at);
    fixture.end().await;
}

/// P4, P23: a rewrap changes the key and nothing else, whatever the size of the blob beside it.
pub async fn rewrap_touches_nothing_but_the_key<B: Backend>() {
    let mut fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let sizes = [0, 1, 100, 4000, 100_000];
    let blobs =
        sizes.map(|size: usize| (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect::<Vec<u8>>());
    let changes = |prefix: u32, fill: u8| -> Vec<_> {
        let numbered = (0..).zip(&blobs);
        numbered.map(|(n, blob)| keyed(record(n), NONE, blob, dek(prefix, fill))).collect()
    };
    let at = fixture.commit(space, changes(1, 1)).await;
    fixture.advance(space, 2).await;
    let entries = (0..5).map(|n| rewrap(record(n), 2, 2)).collect();
    fixture.rewrap(space, entries, RewrapGuard::Listed(at)).await.unwrap();
    fixture.reopen(PageLimits::default()).await;
    let expected: Vec<_> = changes(2, 2).iter().map(|change| row(change, at)).collect();
    assert_eq!(fixture.rows(space, NONE).await, expected);
    fixture.end().await;
}

/// "empty rewrap": a success without effect for callers with access.
pub async fn empty_rewrap_has_no_effect<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let before = fixture.space(space).await;
    for guard in [RewrapGuard::Off, RewrapGuard::Unlisted, RewrapGuard::Listed(NONE)] {
        assert_eq!(fixture.rewrap(space, vec![], guard).await.unwrap(), Rewrapped::default());
        let files = fixture.rewrap_files(space, vec![], guard).await.unwrap();
        assert_eq!(files, Rewrapped::default());
    }
    assert_eq!(fixture.space(space).await, before);
    fixture.end().await;
}

/// Of several entries for one record the last one counts.
pub async fn last_entry_for_a_record_counts<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture
        .commit(space, vec![keyed(record(1), NONE, b"", dek(1, 0)), keyed(record(2), NONE, b"", dek(1, 0))])
        .await;
    let entries =
        [(1, 1), (2, 2), (1, 3), (1, 4)].map(|(number, fill)| rewrap(record(number), 1, fill)).to_vec();
    let done = fixture.rewrap(space, entries, RewrapGuard::Off).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 2, skipped: 2 });
    assert_eq!(fixture.dek_of(space, record(1)).await, Some(dek(1, 4)));
    assert_eq!(fixture.dek_of(space, record(2)).await, Some(dek(1, 2)));
    fixture.end().await;
}

/// R16, in slow motion: a tombstone has no key and gets none, nor does a record that was pushed without one. P7, P15.
pub async fn rewrap_adds_no_key_where_there_is_none<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, (1..=3).map(|n| keyed(record(n), NONE, b"", dek(1, 0))).collect()).await;
    let bound = fixture.commit(space, vec![tombstone(record(1), at), live(record(2), at, b"no key")]).await;
    for guard in [RewrapGuard::Off, RewrapGuard::Unlisted, RewrapGuard::Listed(bound)] {
        let entries = (1..=2).map(|n| rewrap(record(n), 1, 5)).collect();
        let done = fixture.rewrap(space, entries, guard).await.unwrap();
        assert_eq!(done, Rewrapped { replaced: 0, skipped: 2 }, "{guard:?}");
    }
    let (_, deks) = fixture.deks(space, NONE).await;
    assert_eq!(deks.iter().map(|stored| stored.id).collect::<Vec<_>>(), [record(3).into()]);
    fixture.end().await;
}

/// S18, R15 in slow motion: a key that was listed before its record was pushed again does not replace the newer one.
pub async fn listed_key_does_not_replace_a_newer_one<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at =
        fixture.commit(space, (1..=2).map(|n| keyed(record(n), NONE, b"old", dek(1, 1))).collect()).await;
    fixture.advance(space, 2).await;
    let (listing, _) = fixture.deks(space, NONE).await;
    fixture.commit(space, vec![keyed(record(1), at, b"new", dek(2, 9))]).await;
    let entries = (1..=2).map(|n| rewrap(record(n), 2, 5)).collect();
    let done = fixture.rewrap(space, entries, RewrapGuard::Listed(listing.cursor)).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 1, skipped: 1 });
    assert_eq!(fixture.dek_of(space, record(1)).await, Some(dek(2, 9)));
    assert_eq!(fixture.dek_of(space, record(2)).await, Some(dek(2, 5)));
    fixture.complete(space, 2).await.unwrap();
    fixture.end().await;
}

/// Without a known listing only old keys are replaced; a tool may replace any.
pub async fn unlisted_key_does_not_replace_a_current_one<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture
        .commit(space, vec![keyed(record(1), NONE, b"", dek(1, 1)), keyed(record(2), NONE, b"", dek(2, 1))])
        .await;
    fixture.advance(space, 2).await;
    let entries = || (1..=2).map(|n| rewrap(record(n), 2, 5)).collect();
    let done = fixture.rewrap(space, entries(), RewrapGuard::Unlisted).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 1, skipped: 1 });
    assert_eq!(fixture.dek_of(space, record(2)).await, Some(dek(2, 1)));
    let done = fixture.rewrap(space, entries(), RewrapGuard::Off).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 2, skipped: 0 });
    assert_eq!(fixture.dek_of(space, record(2)).await, Some(dek(2, 5)));
    fixture.end().await;
}

/// G-09: with an observed key, the stored one is replaced only if it still is that one; else nothing changes at all.
pub async fn observed_key_must_be_the_stored_one<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let stored = dek(1, 1);
    let at = fixture.commit(space, (1..=4).map(|n| keyed(record(n), NONE, b"", stored)).collect()).await;
    fixture.commit(space, vec![tombstone(record(3), at), live(record(4), at, b"no key")]).await;
    fixture.advance(space, 2).await;
    let observed = stored.as_bytes().as_slice();
    let (other, newer) = (dek(1, 2), dek(2, 1));
    let wrong: [(u64, &[u8]); 9] = [
        (2, other.as_bytes()),
        (2, newer.as_bytes()),
        (2, &observed[..43]),
        (2, &[observed, &[0]].concat()),
        (2, b""),
        (3, observed),
        (3, b""),
        (4, b""),
        (9, observed),
    ];
    for (number, observed_wrongly) in wrong {
        let entries =
            vec![rewrap_of(record(1), 2, 5, observed), rewrap_of(record(number), 2, 5, observed_wrongly)];
        let rejected = fixture.rewrap(space, entries, RewrapGuard::Off).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(DekRejection::Replaced))),
            "{number}: {rejected:?}"
        );
        assert_eq!(fixture.dek_of(space, record(1)).await, Some(stored));
    }
    let entries = (1..=2).map(|n| rewrap_of(record(n), 2, 6, observed)).collect();
    let done = fixture.rewrap(space, entries, RewrapGuard::Listed(NONE)).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 2, skipped: 0 });
    // Repeated after a lost response: a conflict, and the client lists again.
    let again = fixture.rewrap(space, vec![rewrap_of(record(1), 2, 6, observed)], RewrapGuard::Off).await;
    assert!(matches!(again, Err(StorageError::Rejected(DekRejection::Replaced))), "{again:?}");
    fixture.end().await;
}

/// Entries with and without an observed key, each by its own rule, all or nothing. An unknown record goes before a
/// replaced key, and the epochs of all before both.
pub async fn mixed_rewrap_is_all_or_nothing<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, (1..=3).map(|n| keyed(record(n), NONE, b"", dek(1, 1))).collect()).await;
    fixture.commit(space, vec![keyed(record(3), at, b"", dek(1, 3))]).await;
    let plain = |number: u64| rewrap(record(number), 1, 5);
    let observed = |number: u64, fill: u8| rewrap_of(record(number), 1, 5, dek(1, fill).as_bytes());
    let guard = RewrapGuard::Listed(at);
    let both = vec![observed(2, 9), plain(9), plain(1)];
    let rejected = fixture.rewrap(space, both, guard).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::RecordNotFound))), "{rejected:?}");
    let replaced = vec![plain(1), observed(2, 9)];
    let rejected = fixture.rewrap(space, replaced, guard).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::Replaced))), "{rejected:?}");
    let old = vec![observed(2, 9), plain(9), rewrap(record(1), 2, 5)];
    let rejected = fixture.rewrap(space, old, guard).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::EpochMismatch))), "{rejected:?}");
    assert_eq!(fixture.dek_of(space, record(1)).await, Some(dek(1, 1)));
    // The guard is for entries that do not say what they were made from.
    let done = fixture.rewrap(space, vec![plain(1), observed(2, 1), observed(3, 3)], guard).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 3, skipped: 0 });
    fixture.end().await;
}

/// Records of another space with the same ids keep their keys. P20.
pub async fn rewrap_stays_in_its_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (one, two) = (fixture.shared(1).await, fixture.shared(2).await);
    for space in [one, two] {
        fixture.commit(space, vec![keyed(record(1), NONE, b"", dek(1, 1))]).await;
    }
    fixture.commit(two, vec![keyed(record(2), NONE, b"", dek(1, 1))]).await;
    fixture.rewrap(one, vec![rewrap(record(1), 1, 2)], RewrapGuard::Off).await.unwrap();
    let rejected = fixture.rewrap(one, vec![rewrap(record(2), 1, 2)], RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::RecordNotFound))), "{rejected:?}");
    assert_eq!(fixture.dek_of(two, record(1)).await, Some(dek(1, 1)));
    fixture.end().await;
}

/// The keys of a large space, listed and rewrapped in one call each way (storage §3.12).
pub async fn twenty_thousand_keys_are_rewrapped_at_once<B: Backend>() {
    const COUNT: u64 = 20_000;
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let changes = (0..COUNT).map(|n| keyed(record(n), NONE, &[7; 64], dek(1, 1))).collect();
    committed(fixture.push(space, changes).await);
    fixture.advance(space, 2).await;
    let (listing, deks) = fixture.deks(space, NONE).await;
    assert_eq!(deks.len() as u64, COUNT);
    let entries: Vec<Rewrap> = deks
        .iter()
        .map(|stored| {
            let observed = Bytes::copy_from_slice(stored.dek.as_bytes());
            Rewrap { id: stored.id, dek: dek(2, 3), observed: Some(observed) }
        })
        .collect();
    let done = fixture.rewrap(space, entries, RewrapGuard::Listed(listing.cursor)).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 20_000, skipped: 0 });
    fixture.complete(space, 2).await.unwrap();
    let (_, deks) = fixture.deks(space, NONE).await;
    assert!(deks.iter().all(|stored| stored.dek == dek(2, 3)));
    fixture.end().await;
}

/// A rewrap of several transactions is checked before the first of them.
pub async fn long_rewrap_is_rejected_as_a_whole<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let count = 2 * REWRAP_ROWS as u64 + 1;
    fixture.commit(space, (1..=count).map(|n| keyed(record(n), NONE, b"", dek(1, 1))).collect()).await;
    fixture.advance(space, 2).await;
    let all = |last: Rewrap| (1..count).map(|n| rewrap(record(n), 2, 2)).chain([last]).collect::<Vec<_>>();
    let act = async |last| fixture.rewrap(space, all(last), RewrapGuard::Off).await;
    let unknown = act(rewrap(record(count + 1), 2, 2)).await;
    assert!(matches!(unknown, Err(StorageError::Rejected(DekRejection::RecordNotFound))), "{unknown:?}");
    let replaced = act(rewrap_of(record(count), 2, 2, dek(1, 9).as_bytes())).await;
    assert!(matches!(replaced, Err(StorageError::Rejected(DekRejection::Replaced))), "{replaced:?}");
    let mixed = act(rewrap(record(count), 1, 2)).await;
    assert!(matches!(mixed, Err(StorageError::Rejected(DekRejection::EpochMismatch))), "{mixed:?}");
    let (_, deks) = fixture.deks(space, NONE).await;
    assert!(deks.iter().all(|stored| stored.dek == dek(1, 1)));
    let done = act(rewrap(record(1), 2, 3)).await.unwrap();
    assert_eq!((done.replaced as u64, done.skipped), (count - 1, 1));
    assert_eq!(fixture.dek_of(space, record(1)).await, Some(dek(2, 3)));
    fixture.end().await;
}

/// "rewrap a file DEK", "wrong epoch", "unknown file": the rules are those of records.
pub async fn keys_of_files_are_rewrapped<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b""), live(record(2), NONE, b"")]).await;
    let first = fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    let second = fixture.put_file(space, file(2), record(1), dek(1, 1)).await;
    fixture.put_file(space, file(3), record(2), dek(1, 1)).await;
    fixture.commit(space, vec![tombstone(record(2), at)]).await;
    fixture.advance(space, 2).await;
    let act = async |entries, guard| fixture.rewrap_files(space, entries, guard).await;
    let rejected = act(vec![rewrap(file(9), 2, 0), rewrap(file(1), 1, 0)], RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::EpochMismatch))), "{rejected:?}");
    let rejected = act(vec![rewrap(file(1), 2, 0), rewrap(file(9), 2, 0)], RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::FileNotFound))), "{rejected:?}");
    let rejected = act(vec![rewrap_of(file(1), 2, 0, dek(1, 9).as_bytes())], RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::Replaced))), "{rejected:?}");
    let rejected = act(vec![rewrap_of(file(3), 2, 0, b"")], RewrapGuard::Off).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(DekRejection::Replaced))), "{rejected:?}");
    let all = (1..=3).map(|n| rewrap(file(n), 2, 5)).collect();
    let done = act(all, RewrapGuard::Listed(first.cursor)).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 1, skipped: 2 });
    let done =
        act(vec![rewrap_of(file(2), 2, 6, dek(1, 1).as_bytes())], RewrapGuard::Listed(NONE)).await.unwrap();
    assert_eq!(done, Rewrapped { replaced: 1, skipped: 0 });
    let expected = [
        StoredDek { id: file(1).into(), cursor: first.cursor, dek: dek(2, 5) },
        StoredDek { id: file(2).into(), cursor: second.cursor, dek: dek(2, 6) },
    ];
    assert_eq!(fixture.file_deks(space, NONE).await, expected);
    fixture.complete(space, 2).await.unwrap();
    fixture.end().await;
}
