//! Data keys, listed.

use less_sync_core::{Cursor, Dek, DekKind, RecordId};

use crate::fixture::{Fixture, cursor, dek, epoch, keyed, live, record, tombstone};
use crate::shared_fixture::{file, rewrap};
use crate::{Arrangement, Backend};
use less_sync_storage::{DEK_PAGE_ROWS, Deks as _, EpochRejection, RewrapGuard, StorageError, StoredDek};

const NONE: Cursor = Cursor::ZERO;

/// A listing of several pages is complete and in order (cursor, id), above where it begins.
pub async fn listing_of_many_pages_is_in_order<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    // Every push fills a page, in no order of its ids.
    let rows = DEK_PAGE_ROWS as u64;
    let push =
        |from: u64| (0..rows).map(move |n| keyed(record(from + n * 7919 % rows), NONE, b"", dek(1, 1)));
    for third in [2, 0, 1] {
        fixture.commit(space, push(third * rows).collect()).await;
    }
    for since in 0..=3 {
        let (_, deks) = fixture.deks(space, cursor(since)).await;
        assert_eq!(deks.len() as u64, (3 - since) * rows);
        assert!(deks.is_sorted_by_key(|stored| (stored.cursor, stored.id)), "since {since}");
        assert!(deks.iter().all(|stored| stored.cursor > cursor(since)));
    }
    let (_, deks) = fixture.deks(space, Cursor::MAX).await;
    assert_eq!(deks, []);
    fixture.end().await;
}

/// Listing of live records with a key only, each once, whatever lies between.
pub async fn listing_skips_rows_without_a_key<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let first =
        fixture.commit(space, (0..50).map(|n| keyed(record(n), NONE, b"", dek(1, 1))).collect()).await;
    fixture.commit(space, (0..50).step_by(3).map(|n| tombstone(record(n), first)).collect()).await;
    fixture.commit(space, (1..50).step_by(3).map(|n| live(record(n), first, b"no key")).collect()).await;
    fixture.append(space, b"a member").await;
    let ids: Vec<RecordId> =
        fixture.deks(space, NONE).await.1.iter().map(|stored| stored.id.into()).collect();
    assert_eq!(ids, (2..50).step_by(3).map(record).collect::<Vec<_>>());
    fixture.end().await;
}

/// A record that is pushed during a listing moves above its bound; one that is rewrapped comes with its new key.
pub async fn listing_ends_at_the_cursor_of_its_start<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, (1..=3).map(|n| keyed(record(n), NONE, b"", dek(1, 1))).collect()).await;
    let grant = fixture.grant(space);
    let listing = fixture.store.begin_deks(&grant, DekKind::Record, NONE).await.unwrap();
    fixture
        .commit(space, vec![keyed(record(2), at, b"new", dek(1, 2)), keyed(record(4), NONE, b"", dek(1, 2))])
        .await;
    fixture.rewrap(space, vec![rewrap(record(3), 1, 3)], RewrapGuard::Off).await.unwrap();
    let page = fixture.store.deks(&grant, &listing, listing.start()).await.unwrap();
    let listed: Vec<(RecordId, Dek)> =
        page.deks.iter().map(|stored| (stored.id.into(), stored.dek)).collect();
    assert_eq!((listed, page.next), (vec![(record(1), dek(1, 1)), (record(3), dek(1, 3))], None));
    fixture.end().await;
}

/// The first and the last id there can be are listed, wherever they stand.
pub async fn listing_loses_no_id<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let edges = [[0x00; 16], [0xff; 16]].map(RecordId::from_bytes);
    for (id, prefix) in edges.into_iter().zip(1..) {
        fixture.commit(space, vec![keyed(id, NONE, b"", dek(prefix, 1))]).await;
    }
    for (since, expected) in [(0, 2), (1, 1), (2, 0)] {
        assert_eq!(fixture.deks(space, cursor(since)).await.1.len(), expected);
    }
    fixture.end().await;
}

/// "file DEKs after a cursor": live files only, streamed like those of records.
pub async fn keys_of_files_are_listed_after_a_cursor<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let at = fixture.commit(space, vec![live(record(1), NONE, b""), live(record(2), NONE, b"")]).await;
    assert!(!fixture.store.has_files(&fixture.grant(space)).await.unwrap());
    let mut files = Vec::new();
    for (number, owner, fill) in [(3, 1, 1), (1, 2, 2), (2, 1, 3)] {
        let put = fixture.put_file(space, file(number), record(owner), dek(1, fill)).await;
        files.push(StoredDek { id: put.id.into(), cursor: put.cursor, dek: dek(1, fill) });
    }
    assert!(fixture.store.has_files(&fixture.grant(space)).await.unwrap());
    assert_eq!(fixture.file_deks(space, NONE).await, files);
    assert_eq!(fixture.file_deks(space, cursor(2)).await, files[1..]);
    assert_eq!(fixture.file_deks(space, cursor(4)).await, []);
    fixture.commit(space, vec![tombstone(record(1), at)]).await;
    assert_eq!(fixture.file_deks(space, NONE).await, files[1..2]);
    fixture.commit(space, vec![tombstone(record(2), at)]).await;
    assert!(!fixture.store.has_files(&fixture.grant(space)).await.unwrap());
    fixture.end().await;
}

/// Few keys among many rows without one are all listed and all counted, wherever they stand.
pub async fn keys_are_found_among_many_rows_without<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    let rows = 3 * DEK_PAGE_ROWS as u64;
    let with_key = [0, 1, rows / 2, rows - 1];
    let change = |n| {
        if with_key.contains(&n) {
            keyed(record(n), NONE, b"", dek(1, 1))
        } else {
            live(record(n), NONE, b"")
        }
    };
    fixture.commit(space, (0..rows).map(change).collect()).await;
    let ids: Vec<RecordId> =
        fixture.deks(space, NONE).await.1.iter().map(|stored| stored.id.into()).collect();
    assert_eq!(ids, with_key.map(record));
    fixture.advance(space, 2).await;
    let rejected = fixture.complete(space, 2).await;
    let left = EpochRejection::RewrapIncomplete { records: with_key.len(), files: 0 };
    assert!(matches!(rejected, Err(StorageError::Rejected(found)) if found == left), "{rejected:?}");
    let entries = with_key.map(|n| rewrap(record(n), 2, 2)).to_vec();
    fixture.rewrap(space, entries, RewrapGuard::Off).await.unwrap();
    fixture.complete(space, 2).await.unwrap();
    fixture.end().await;
}

/// A key below the epoch one is as old as can be.
pub async fn prefixes_are_unsigned<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    let prefixes = [0, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    let numbered = (0..).zip(prefixes);
    let changes = numbered.map(|(n, prefix)| keyed(record(n), NONE, b"", dek(prefix, 1))).collect();
    fixture.commit(space, changes).await;
    let last = epoch(i32::MAX);
    let arrangement = Arrangement::Epochs { key_generation: last, minimum: epoch(1), rewrap_pending: true };
    fixture.arrange(space, arrangement).await;
    let rejected = fixture.complete(space, i32::MAX).await;
    assert!(
        matches!(
            rejected,
            Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records: 2, files: 0 }))
        ),
        "{rejected:?}"
    );
    fixture.end().await;
}
