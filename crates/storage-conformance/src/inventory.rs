//! Listing of all spaces, and bounded counts of their rows (operations §9.1).

use std::time::Duration;

use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::{
    INVENTORY_PAGE, Inventory as _, ListedSpace, PendingRewraps, ROW_BYTES, RewrapGuard, RowCounts,
};

use crate::fixture::{Fixture, dek, epoch, keyed, live, record, space};
use crate::shared_fixture::{file, rewrap};
use crate::{Arrangement, Backend};

const NONE: Cursor = Cursor::ZERO;

impl<B: Backend> Fixture<B> {
    async fn list_page(&self, after: Option<SpaceId>, limit: u32) -> Vec<ListedSpace> {
        self.store.list_spaces(after, limit).await.unwrap()
    }
}

fn ids(listed: &[ListedSpace]) -> Vec<SpaceId> {
    listed.iter().map(|space| space.id).collect()
}

/// Pages continue after an id, whether it is there or not.
pub async fn spaces_are_listed_in_pages_in_the_order_of_their_ids<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    assert_eq!(fixture.list_page(None, 10).await, []);
    for number in [3, 1, 0, 4, 2] {
        fixture.personal(number).await;
    }
    let first = fixture.list_page(None, 2).await;
    assert_eq!(ids(&first), [space(0), space(1)]);
    assert_eq!(ids(&fixture.list_page(Some(space(1)), 2).await), [space(2), space(3)]);
    // An id that is not there continues as one that is.
    let mut below = [1; 16];
    below[15] = 0;
    assert_eq!(ids(&fixture.list_page(Some(SpaceId::from_bytes(below)), 1).await), [space(1)]);
    assert_eq!(ids(&fixture.list_page(Some(space(3)), INVENTORY_PAGE).await), [space(4)]);
    assert_eq!(fixture.list_page(Some(space(4)), u32::MAX).await, []);
    fixture.end().await;
}

/// Kind, cursor, stored bytes, epochs and home server.
pub async fn listing_shows_the_state_of_a_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (personal, shared) = (fixture.personal(1).await, fixture.shared(2).await);
    let at = fixture.commit(personal, vec![live(record(1), NONE, &[7; 100])]).await;
    fixture.advance(shared, 2).await;
    fixture.arrange(shared, Arrangement::HomeServer("home.example".to_owned())).await;
    let listed = fixture.list_page(None, 10).await;
    let [first, second] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((first.id, first.is_shared, first.cursor), (personal, false, at));
    assert_eq!((first.stored_bytes, first.rewrap_epoch), (ROW_BYTES + 100, None));
    assert_eq!((second.id, second.is_shared), (shared, true));
    assert_eq!(second.key_generation, epoch(2));
    assert_eq!(second.rewrap_epoch, Some(epoch(2)));
    assert_eq!(second.home_server.as_deref(), Some("home.example"));
    fixture.end().await;
}

/// Bound of every kind by itself, in one space.
pub async fn rows_are_counted_up_to_a_bound<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (space, other) = (fixture.shared(1).await, fixture.shared(2).await);
    fixture.commit(space, (1..=5).map(|number| live(record(number), NONE, b"x")).collect()).await;
    fixture.commit(other, vec![live(record(1), NONE, b"x")]).await;
    fixture.put_file(space, file(1), record(1), dek(1, 1)).await;
    fixture.append(space, b"an entry").await;
    let counted = fixture.store.count_rows(space, 100).await.unwrap();
    assert_eq!(counted, RowCounts { records: 5, files: 1, members: 1 });
    let bounded = fixture.store.count_rows(space, 3).await.unwrap();
    assert_eq!(bounded, RowCounts { records: 3, files: 1, members: 1 });
    let absent = fixture.store.count_rows(SpaceId::from_bytes([9; 16]), 3).await.unwrap();
    assert_eq!(absent, RowCounts::default());
    fixture.end().await;
}

/// From the beginning of a rewrap until it ends, through failed attempts to end it; the next one has an age of its own.
pub async fn pending_rewraps_are_counted_with_the_age_of_the_oldest<B: Backend>() {
    const HOUR: Duration = Duration::from_hours(1);
    let fixture = Fixture::<B>::new().await;
    let (first, second) = (fixture.shared(1).await, fixture.shared(2).await);
    fixture.shared(3).await;
    let pending = async || fixture.store.pending_rewraps().await.unwrap();
    assert_eq!(pending().await, PendingRewraps::default());
    fixture.commit(first, vec![keyed(record(1), NONE, b"x", dek(1, 1))]).await;
    fixture.advance(first, 2).await;
    fixture.backend.let_time_pass(2 * HOUR).await;
    fixture.advance(second, 2).await;
    fixture.backend.let_time_pass(HOUR).await;
    // A push and an attempt that fails leave the beginning as it is.
    fixture.commit(first, vec![live(record(2), NONE, b"x")]).await;
    fixture.complete(first, 2).await.unwrap_err();
    let PendingRewraps { spaces, oldest } = pending().await;
    assert_eq!((spaces, oldest.map(hours)), (2, Some(3)));
    fixture.complete(second, 2).await.unwrap();
    assert_eq!((pending().await.spaces, pending().await.oldest.map(hours)), (1, Some(3)));
    fixture.rewrap(first, vec![rewrap(record(1), 2, 1)], RewrapGuard::Off).await.unwrap();
    fixture.complete(first, 2).await.unwrap();
    assert_eq!(pending().await, PendingRewraps::default());
    fixture.advance(second, 3).await;
    assert_eq!((pending().await.spaces, pending().await.oldest.map(hours)), (1, Some(0)));
    fixture.end().await;
}

fn hours(age: Duration) -> u64 {
    age.as_secs() / 3600
}
