//! Home hints of mailboxes (federation §11.3).

use std::time::Duration;

use less_sync_core::{MailboxId, PeerId};
use less_sync_storage::{HOME_HINTS, HomeHint, HomeHints};

use crate::Backend;
use crate::fixture::Fixture;

const HOUR: Duration = Duration::from_hours(1);

fn mailbox(number: u8) -> MailboxId {
    MailboxId::from_bytes([number; 32])
}

fn hint(peer: &str, tag: Option<u8>) -> HomeHint {
    HomeHint { peer: peer.parse().unwrap(), tag: tag.map(|fill| [fill; 16]) }
}

async fn add(store: &impl HomeHints, number: u8, hint: &HomeHint) {
    store.add_home_hint(mailbox(number), hint, HOUR).await.unwrap();
}

/// Hints belong to their mailbox, newest first; a repeat is one hint, and makes it the newest.
pub async fn hints_are_listed_newest_first<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &*fixture.store;
    let [plain, tagged, other] = [hint("a.example", None), hint("a.example", Some(1)), hint("::1", None)];
    for hint in [&plain, &tagged, &other, &plain] {
        add(store, 1, hint).await;
    }
    assert_eq!(store.home_hints(mailbox(1)).await.unwrap(), [plain, other, tagged]);
    assert_eq!(store.home_hints(mailbox(2)).await.unwrap(), []);
    fixture.end().await;
}

/// The oldest hints of a full mailbox are replaced, and those of others stay.
pub async fn full_mailbox_forgets_its_oldest_hints<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &*fixture.store;
    add(store, 2, &hint("other.example", None)).await;
    for number in 0..HOME_HINTS + 3 {
        add(store, 1, &hint(&format!("h{number}.example"), None)).await;
    }
    let hints = store.home_hints(mailbox(1)).await.unwrap();
    assert_eq!(hints.len(), HOME_HINTS);
    assert_eq!(hints[0], hint(&format!("h{}.example", HOME_HINTS + 2), None));
    assert_eq!(hints[HOME_HINTS - 1], hint("h3.example", None));
    assert_eq!(store.home_hints(mailbox(2)).await.unwrap().len(), 1);
    fixture.end().await;
}

/// Expired hints are invisible and purged in batches; a repeat prolongs a hint and never shortens it.
pub async fn hints_end_with_their_lifetime<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &*fixture.store;
    for number in 0..3 {
        add(store, number, &hint("a.example", None)).await;
    }
    store.add_home_hint(mailbox(0), &hint("a.example", None), 3 * HOUR).await.unwrap();
    add(store, 0, &hint("a.example", None)).await;
    assert_eq!(store.purge_home_hints(10).await.unwrap(), 0);
    fixture.backend.let_time_pass(2 * HOUR).await;
    assert_eq!(store.home_hints(mailbox(1)).await.unwrap(), []);
    assert_eq!(store.home_hints(mailbox(0)).await.unwrap().len(), 1);
    assert_eq!(store.purge_home_hints(1).await.unwrap(), 1);
    assert_eq!(store.purge_home_hints(10).await.unwrap(), 1);
    fixture.backend.let_time_pass(2 * HOUR).await;
    assert_eq!(store.purge_home_hints(10).await.unwrap(), 1);
    fixture.end().await;
}

/// Federation §5.5: all hints that name a peer are deleted together.
pub async fn hints_of_a_peer_are_deleted<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store = &*fixture.store;
    for (number, peer) in [(1, "a.example"), (1, "b.example"), (2, "a.example")] {
        add(store, number, &hint(peer, Some(number))).await;
    }
    let peer: PeerId = "a.example".parse().unwrap();
    assert_eq!(store.delete_home_hints_of(&peer).await.unwrap(), 2);
    assert_eq!(store.delete_home_hints_of(&peer).await.unwrap(), 0);
    assert_eq!(store.home_hints(mailbox(1)).await.unwrap(), [hint("b.example", Some(1))]);
    fixture.end().await;
}
